# %% [markdown]
"""Firing rate of Hodgkin-Huxley neurons as a function of the current.

Brian2's script: examples/IF_curve_Hodgkin_Huxley.py. With the same scheme the spikes are the same in float64. Brian2 counts no
further spike while V > -40 mV; here none for 3 ms, which is longer than a spike and shorter than any interval. V_m evolves
meanwhile, because nothing is held.
"""

# %%
from __future__ import annotations

import numpy as np

import spikelet as sl

NEURON = sl.Equations(
    """
    C_m*dV_m/dt = g_L*(E_L - V_m) - g_Na*m**3*h*(V_m - E_Na) - g_K*n**4*(V_m - E_K) + I_e
    dm/dt = 1.28/exprel((13 - (V_m - V_T))/4)*(1 - m) - 1.4/exprel((V_m - V_T - 40)/5)*m : 1
    dn/dt = 0.16/exprel((15 - (V_m - V_T))/5)*(1 - n) - 0.5*exp((10 - (V_m - V_T))/40)*n : 1
    dh/dt = 0.128*exp((17 - (V_m - V_T))/18)*(1 - h) - 4/(1 + exp((40 - (V_m - V_T))/5))*h : 1
    """,
    threshold="V_m > -40",
    refractory=3.0,
    parameters={
        "C_m": (200.0, "pF"), "g_L": (10.0, "nS"), "E_L": (-65.0, "mV"), "E_K": (-90.0, "mV"), "E_Na": (50.0, "mV"),
        "g_Na": (20_000.0, "nS"), "g_K": (6_000.0, "nS"), "V_T": (-63.0, "mV"), "I_e": (0.0, "pA"),
    },
    method="exponential_euler",
    name="HH",
)  # fmt: skip


# %%
def simulate(duration: float, n: int = 100) -> tuple[sl.SpikeRecorder, sl.StateRecorder]:
    """Return the spikes for currents from 0 to 0.7 nA, and V_m of one neuron each ms."""
    net = sl.Network(dt=0.1, dtype="float64")
    neurons = net.population(n, NEURON(I_e=np.arange(n) / n * 700.0))
    spikes, trace = (
        net.record(neurons, "spikes"),
        net.record(neurons[n // 2 : n // 2 + 1], "V_m", every=1.0),
    )
    net.run(duration)
    return spikes, trace


# %%
def main() -> None:
    spikes, _ = simulate(2000.0)
    for k in range(0, 100, 10):
        print(f"{7 * k:4d} pA {spikes.rates()[k]:5.1f} Hz")


if __name__ == "__main__":
    main()
