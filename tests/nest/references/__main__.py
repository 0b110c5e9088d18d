"""Run NEST 3.10 on the protocols and write what the tests of the neuron models compare with.

`python -m tests.nest.references` with NEST installed; the tests need only the file that it writes.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import nest
import numpy as np
from tests.nest.references import DEFAULTS, FILE, STOCHASTIC
from tests.nest.references.protocols import (
    CURRENT_OFF,
    CURRENT_ON,
    DURATION,
    LEAST_ERROR,
    PROTOCOLS,
    Event,
    Protocol,
)

Arrays = dict[str, Any]


def _reset(dt: float) -> None:
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=dt, local_num_threads=1, rng_seed=1)
    nest.set(min_delay=dt, max_delay=1.0)


def _fire(neuron: Any, events: tuple[Event, ...], dt: float) -> None:
    """Connect a generator for each event."""
    for event in events:
        generator = nest.Create(
            "spike_generator", params={"spike_times": [round(event.time - dt, 6)]}
        )
        synapse = {"weight": event.weight, "delay": dt, "receptor_type": event.receptor}
        nest.Connect(generator, neuron, syn_spec=synapse)


def _samples(meter: Any, names: tuple[str, ...]) -> Arrays:
    keep = meter.events["times"] <= DURATION + 1e-9
    return {name: meter.events[name][keep] for name in names}


def run(protocol: Protocol) -> Arrays:
    """Return samples of the states and the steps of the spikes."""
    dt = protocol.dt
    _reset(dt)
    neuron = nest.Create(protocol.model, params=protocol.parameters | protocol.solver)
    _fire(neuron, protocol.events, dt)
    meter = nest.Create(
        "multimeter", params={"interval": protocol.sample, "record_from": list(protocol.record)}
    )
    recorder = nest.Create("spike_recorder")
    nest.Connect(meter, neuron)
    nest.Connect(neuron, recorder)
    nest.Simulate(CURRENT_ON)
    neuron.I_e = protocol.current
    nest.Simulate(CURRENT_OFF - CURRENT_ON)
    neuron.I_e = 0.0
    nest.Simulate(DURATION - CURRENT_OFF + dt)  # the last sample needs one more step
    steps = np.rint(recorder.events["times"] / dt).astype(np.int64)
    return {**_samples(meter, protocol.record), "spikes": steps[steps * dt <= DURATION + 1e-9]}


def run_nmda(dt: float = 0.1) -> Arrays:
    """Run two neurons with NMDA synapses (iaf_bw_2001): the first is made to fire, the second listens."""
    _reset(dt)
    first, second = (nest.Create("iaf_bw_2001", params=LEAST_ERROR) for _ in range(2))
    ports = nest.GetDefaults("iaf_bw_2001")["receptor_types"]
    drive = tuple(
        Event(t, 300.0, ports["AMPA"]) for t in (10.0, 15.0, 20.0, 40.0, 41.0, 90.0, 150.0)
    )
    _fire(first, drive, dt)
    others = [Event(t, 8.0, ports["AMPA"]) for t in (30.0, 60.0)]
    others += [Event(t, 6.0, ports["GABA"]) for t in (35.0, 60.0, 120.0)]
    _fire(second, tuple(others), dt)
    nest.Connect(
        first, second, syn_spec={"weight": 25.0, "delay": 1.0, "receptor_type": ports["NMDA"]}
    )
    record = ("V_m", "s_AMPA", "s_GABA", "s_NMDA")
    meter = nest.Create("multimeter", params={"interval": 1.0, "record_from": list(record)})
    nest.Connect(meter, second)
    recorders = [nest.Create("spike_recorder", params={"time_in_steps": True}) for _ in range(2)]
    nest.Connect(first, recorders[0])
    nest.Connect(second, recorders[1])
    nest.Simulate(DURATION + dt)
    driven, spikes = (np.asarray(r.events["times"], dtype=np.int64) for r in recorders)
    return {**_samples(meter, record), "driven": driven, "spikes": spikes}


def run_stochastic() -> Arrays:
    """Return the number of spikes of each neuron, and all intervals [steps], where chance decides."""
    _reset(STOCHASTIC["dt"])
    neurons = nest.Create("gif_psc_exp", STOCHASTIC["n"], params=STOCHASTIC["parameters"])
    recorder = nest.Create("spike_recorder")
    nest.Connect(neurons, recorder)
    nest.Simulate(STOCHASTIC["duration"])
    senders, times = recorder.events["senders"], recorder.events["times"]
    counts = np.bincount(senders - min(neurons.tolist()), minlength=STOCHASTIC["n"])
    intervals = [np.diff(np.sort(times[senders == sender])) for sender in neurons.tolist()]
    steps = np.rint(np.concatenate(intervals) / STOCHASTIC["dt"]).astype(np.int64)
    return {
        "counts": counts.astype(np.int16),
        "quantiles": np.quantile(steps, np.linspace(0, 1, 101)),
    }


def _defaults(model: str) -> dict[str, float]:
    """Return the numbers among the defaults of a model."""
    found = nest.GetDefaults(model).items()
    return {str(key): value for key, value in found if type(value) is float and abs(value) < 1e300}


def main() -> None:
    """Write the file."""
    everything = {name: run(protocol) for name, protocol in PROTOCOLS.items()}
    everything["iaf_bw_2001"] = run_nmda()
    everything["gif_psc_exp_stochastic"] = run_stochastic()
    arrays = {f"{name}/{key}": a for name, part in everything.items() for key, a in part.items()}
    np.savez_compressed(FILE, **arrays)
    models = sorted({p.model for p in PROTOCOLS.values()} | {"iaf_bw_2001"})
    DEFAULTS.write_text(json.dumps({m: _defaults(m) for m in models}, indent=1) + "\n", "utf-8")
    for name, part in everything.items():
        shown = {
            key: (np.shape(a), np.round(np.ptp(a), 3)) if len(a) else "none"
            for key, a in part.items()
        }
        print(name, len(part.get("spikes", ())), shown, part.get("spikes"))
    print(f"{FILE.name}: {FILE.stat().st_size} bytes, NEST {nest.__version__}", file=sys.stderr)


main()
