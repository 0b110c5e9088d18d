"""A PyNN script that runs each cell type; with a file name as its argument it runs on pyNN.nest and saves the results."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

# name: time step [ms], parameters of PyNN
CASES: dict[str, tuple[float, dict[str, Any]]] = {
    "IF_curr_exp": (0.1, {"i_offset": [0.9, 1.5], "tau_refrac": 2.0, "v_reset": -67.0, "tau_m": 15.0}),
    "IF_curr_alpha": (0.1, {"i_offset": [0.5, 1.0], "tau_refrac": 2.0, "cm": 0.8}),
    "IF_curr_delta": (0.1, {"i_offset": [0.5, 1.0], "tau_refrac": [1.0, 3.0]}),
    "IF_cond_exp": (0.1, {"i_offset": [0.5, 1.0], "tau_refrac": 2.0, "e_rev_I": -75.0}),
    "IF_cond_alpha": (0.1, {"i_offset": [0.5, 1.0], "tau_refrac": 2.0, "tau_syn_E": 2.0}),
    "IF_cond_exp_gsfa_grr": (0.01, {"i_offset": [0.5, 1.5], "tau_refrac": 1.0, "tau_m": 12.0}),
    "IF_facets_hardware1": (0.1, {"v_thresh": [-55.0, -60.0]}),
    "HH_cond_exp": (0.01, {"i_offset": [0.1, 1.0]}),
    "EIF_cond_exp_isfa_ista": (0.01, {"i_offset": [0.5, 1.0], "tau_refrac": 1.0}),
    "EIF_cond_alpha_isfa_ista": (0.01, {"i_offset": [0.5, 1.0], "a": 2.0}),
    "Izhikevich": (0.001, {"i_offset": [0.004, 0.01]}),
    "GIF_cond_exp": (0.1, {"i_offset": [0.2, 0.4]}),
}  # fmt: skip


def simulate(sim: Any, name: str) -> dict[str, Any]:
    """Run a cell type with a constant current, a step of current and synaptic input; return traces and spikes."""
    dt, parameters = CASES[name]
    sim.setup(timestep=dt, min_delay=dt, max_delay=4.0, spike_precision="on_grid")
    kind = getattr(sim, name)(**parameters)
    cells = sim.Population(2, kind)
    cells.initialize(v=[-66.0, -64.0])
    step = sim.DCSource(amplitude=0.001 if name == "Izhikevich" else 0.2, start=20.0, stop=30.0)
    step.inject_into(cells)
    volts = name in ("IF_curr_delta", "Izhikevich")
    for receptor, weight, times in (("excitatory", 1, [5.0, 12.0]), ("inhibitory", -1, [33.0])):
        source = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
        w = weight * (2.0 if volts else 0.05)
        synapse = sim.StaticSynapse(weight=abs(w) if kind.conductance_based else w, delay=1.0)
        sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type=receptor)
    analog = [x for x in kind.recordable if x in ("v", "w", "u", "gsyn_exc", "gsyn_inh")]
    cells.record(["spikes", *analog])
    sim.run(50.0)
    segment = cells.get_data().segments[0]
    found = {signal.name: signal.magnitude for signal in segment.analogsignals}
    found |= {f"spikes{i}": np.asarray(t) for i, t in enumerate(segment.spiketrains)}
    sim.end()
    return found


if __name__ == "__main__":
    import pyNN.nest

    # What PyNN 0.13 forgot: without it, pyNN.nest cannot record one of these cell types, nor make the other.
    pyNN.nest.IF_curr_delta.variable_map = {"v": "V_m"}
    pyNN.nest.IF_curr_delta.scale_factors = {"v": 1}
    pyNN.nest.IF_cond_exp_gsfa_grr.variable_map |= {"g_r": "g_rr", "g_s": "g_sfa"}
    pyNN.nest.IF_cond_exp_gsfa_grr.scale_factors |= {"g_r": 1, "g_s": 1}
    results = {f"{name}.{x}": y for name in CASES for x, y in simulate(pyNN.nest, name).items()}
    np.savez(sys.argv[1], **results)
