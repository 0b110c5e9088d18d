# %% [markdown]
"""A neuron of three compartments: currents and synaptic events at each, and spikes of the soma.

NEST's script: pynest/examples/mc_neuron.py, with iaf_cond_alpha_mc. Here three coupled potentials are one model from
equations, with a receptor for each synapse of a compartment. While NEST's neuron is refractory, it holds all compartments,
and so does this one. NEST's dc_generators act one delay (1 ms) late; here a current is a parameter that is set between runs.
"""

# %%
from __future__ import annotations

import numpy as np

import spikelet as sl

SYNAPSES = {  # time constant (ms), times of its events (ms)
    "ex_s": (0.5, [600.0, 620.0]), "in_s": (2.0, [610.0, 630.0]),
    "ex_p": (1.0, [500.0, 520.0]), "in_p": (5.0, [510.0, 530.0]),
    "ex_d": (0.5, [400.0, 420.0]), "in_d": (2.0, [410.0, 430.0]),
}  # fmt: skip
CURRENTS = {  # the time from which a current (pA) acts
    51.0: ("I_d", 100.0), 101.0: ("I_d", 0.0), 151.0: ("I_p", -50.0), 201.0: ("I_p", 0.0),
    251.0: ("I_s", 50.0), 301.0: ("I_s", 0.0), 700.0: ("I_s", 150.0),
}  # fmt: skip

text = """
C_s*dV_m/dt = L_s + g_sp*(V_p - V_m) + I_s (unless refractory)
C_p*dV_p/dt = L_p + g_sp*(V_m - V_p) + g_pd*(V_d - V_p) + I_p (unless refractory)
C_d*dV_d/dt = L_d + g_pd*(V_p - V_d) + I_d (unless refractory)
"""
for part, potential in (("s", "V_m"), ("p", "V_p"), ("d", "V_d")):
    text += f"L_{part} = g_{part}*(E_L - {potential}) + g_ex_{part}*(E_ex - {potential}) + g_in_{part}*(E_in - {potential})\n"
for name, (tau, _) in SYNAPSES.items():  # an alpha function with the maximum 1
    text += f"dg_{name}/dt = y_{name} - g_{name}/{tau}\ndy_{name}/dt = -y_{name}/{tau}\n"

Neuron = sl.Equations(
    text,
    threshold="V_m >= V_th",
    reset="V_m = V_reset",
    refractory="t_ref",
    receptors={name: f"y_{name} += weight*exp(1)/{tau}" for name, (tau, _) in SYNAPSES.items()},
    parameters={
        "C_s": 150.0, "C_p": 75.0, "C_d": 90.0, "g_s": 12.0, "g_p": 5.0, "g_d": 10.0, "g_sp": 5.0, "g_pd": 1.0,
        "E_L": -70.0, "E_ex": 0.0, "E_in": -85.0, "V_th": -60.0, "V_reset": -65.0, "t_ref": 10.0,
        "I_s": 0.0, "I_p": 0.0, "I_d": 0.0,
    },
    initial={"V_p": "E_L", "V_d": "E_L"},
    method="rk4",
    name="Neuron",
)  # fmt: skip


# %%
def simulate() -> tuple[sl.SpikeRecorder, sl.MultiStateRecorder]:
    """Return the spikes, and the three potentials each ms."""
    net = sl.Network(dt=0.1, dtype="float64")
    neuron = net.population(1, Neuron())
    events = net.population(
        6, sl.SpikeSource.from_trains([times for _, times in SYNAPSES.values()])
    )
    for k, name in enumerate(SYNAPSES):
        net.connect(events[k], neuron, sl.OneToOne(), weight=1.0, delay=1.0, receptor=name)
    spikes = net.record(neuron, "spikes")
    potentials = net.record(neuron, ["V_m", "V_p", "V_d"], every=1.0)
    for time, (parameter, current) in CURRENTS.items():
        net.run(time - net.t)
        neuron.set(**{parameter: current})
    net.run(1000.0 - net.t)
    return spikes, potentials


# %%
def main() -> None:
    spikes, potentials = simulate()
    low, high = potentials.values.min(axis=(1, 2)), potentials.values.max(axis=(1, 2))
    print("spikes at", spikes.times, "ms")
    for name, a, b in zip(potentials.names, low, high, strict=True):
        print(f"{name} between {a:.2f} and {b:.2f} mV")
    assert np.isfinite(potentials.values).all()


if __name__ == "__main__":
    main()
