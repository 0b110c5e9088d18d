# %% [markdown]
"""Inhibitory plasticity balances a recurrent network (Vogels et al. 2011).

Brian2's script: examples/frompapers/Vogels_et_al_2011.py. The rule is `InhibitorySTDP`; its delay is dendritic. In float64
spikes and weights are Brian2's for the same synapses and initial values, by exponential Euler, with a delay of one step before
the synapse and after it. The refractory period of 5 ms is 4.9 here.
"""

# %%
from __future__ import annotations

from typing import Any

import numpy as np

import spikelet as sl

NEURON = sl.Equations(
    """
    C_m*dV_m/dt = -g_L*(V_m - E_L) - (g_ex*(V_m - E_ex) + g_in*(V_m - E_in)) + I_e (unless refractory)
    dg_ex/dt = -g_ex/tau_ex
    dg_in/dt = -g_in/tau_in
    """,
    threshold="V_m > V_th",
    reset="V_m = E_L",
    refractory="t_ref",
    receptors={"ex": "g_ex += weight", "in": "g_in += abs(weight)"},
    parameters={
        "C_m": (200.0, "pF"), "g_L": (10.0, "nS"), "E_L": (-60.0, "mV"), "V_th": (-50.0, "mV"), "t_ref": (4.9, "ms"),
        "E_ex": (0.0, "mV"), "E_in": (-80.0, "mV"), "tau_ex": (5.0, "ms"), "tau_in": (10.0, "ms"), "I_e": (200.0, "pA"),
    },
    method="exponential_euler",
    name="Coba",
)  # fmt: skip


# %%
def build(
    n: int, synapses: dict[str, Any], weights: dict[str, float], eta: float, dtype: Any = "float32"
) -> tuple[sl.Network, sl.Population, sl.Projection]:
    """Return the network, its neurons (the last fifth is inhibitory), and the plastic projection.

    Parameters
    ----------
    n : int
        Number of neurons.
    synapses : dict
        Rules, or (sources, targets): "ex" to all, "ii" between inhibitory neurons, "ie" from them to the excitatory ones.
    weights : dict
        Their weights [nS].
    eta : float
        Learning rate [nS].
    """
    net = sl.Network(dt=0.1, seed=1, dtype=dtype)
    neurons = net.population(n, NEURON())
    excitatory, inhibitory = neurons[: n - n // 5], neurons[n - n // 5 :]
    net.connect(excitatory, neurons, synapses["ex"], weight=weights["ex"], delay=0.1)
    net.connect(inhibitory, inhibitory, synapses["ii"], weight=weights["ii"], delay=0.1)
    rule = sl.InhibitorySTDP(
        tau=20.0, eta=eta, alpha=2 * 3e-3 * 20.0, w_max=100.0
    )  # the target is 3 Hz
    plastic = net.connect(
        inhibitory, excitatory, synapses["ie"], weight=weights["ie"], delay=0.1, plasticity=rule
    )
    return net, neurons, plastic


# %%
def main() -> None:
    n, rule = 2000, sl.FixedProbability(0.08)
    net, neurons, plastic = build(
        n, dict.fromkeys(("ex", "ii", "ie"), rule), {"ex": 0.3, "ii": -3.0, "ie": -1e-6}, eta=0.3
    )
    neurons.V_m = sl.Uniform(-60.0, -50.0)
    spikes = net.record(neurons[: n - n // 5], "spikes")
    for _ in range(4):
        net.run(500.0)
        recent = np.sum(spikes.times > net.t - 500.0) / (n - n // 5) / 0.5
        print(
            f"at {net.t:6.0f} ms: {recent:6.2f} Hz, inhibition {np.abs(plastic.weights).mean():.2f} nS"
        )


if __name__ == "__main__":
    main()
