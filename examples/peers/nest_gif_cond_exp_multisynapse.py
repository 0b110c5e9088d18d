# %% [markdown]
"""Two receptors of a generalised integrate-and-fire neuron with a stochastic threshold.

NEST's script: pynest/examples/gif_cond_exp_multisynapse.py, with that model. Here the neuron is written as equations. It
stays far below its threshold, so V_m is the same in both simulators; spikes would come from different random numbers.
"""

# %%
from __future__ import annotations

import spikelet as sl

GIF = sl.Equations(
    """
    C_m*dV_m/dt = -g_L*(V_m - E_L) + g_1*(E_1 - V_m) + g_2*(E_2 - V_m) + I_e
    dg_1/dt = -g_1/tau_1
    dg_2/dt = -g_2/tau_2
    hazard = lambda_0/1000*exp((V_m - V_T)/Delta_V) : 1/ms
    """,
    threshold="rand() < 1 - exp(-hazard*dt)",
    reset="V_m = V_reset",
    refractory="t_ref",
    receptors={"fast": "g_1 += weight", "slow": "g_2 += weight"},
    parameters={
        "C_m": (80.0, "pF"), "g_L": (4.0, "nS"), "E_L": (-70.0, "mV"), "V_reset": (-55.0, "mV"),
        "V_T": (-35.0, "mV"), "Delta_V": (0.5, "mV"), "lambda_0": (1.0, "Hz"), "t_ref": (4.0, "ms"),
        "E_1": (0.0, "mV"), "tau_1": (4.0, "ms"), "E_2": (-85.0, "mV"), "tau_2": (8.0, "ms"), "I_e": (0.0, "pA"),
    },
    name="GIF",
)  # fmt: skip


# %%
def simulate(duration: float = 100.0) -> sl.StateRecorder:
    """Return V_m each ms."""
    net = sl.Network(dt=0.1, dtype="float64")
    neuron = net.population(1, GIF())
    spike = net.population(1, sl.SpikeSource([10.0], [0]))
    net.connect(spike, neuron, sl.AllToAll(), weight=1.0, delay=1.0, receptor="fast")
    net.connect(spike, neuron, sl.AllToAll(), weight=5.0, delay=30.0, receptor="slow")
    potential = net.record(neuron, "V_m", every=1.0)
    net.run(duration)
    return potential


# %%
def main() -> None:
    values = simulate().values
    print(f"V_m between {values.min():.3f} and {values.max():.3f} mV")


if __name__ == "__main__":
    main()
