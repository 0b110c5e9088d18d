# %% [markdown]
"""4000 neurons with exponential currents (Brette et al. 2007, benchmark 2).

Brian2's script: examples/CUBA.py. It is `LIF` with a resistance of 100 MOhm: there currents are in mV, here in pA. In float64
the spikes are the same for the same synapses and initial values. Spikes are stamped at the end of their step (Brian2: at
its start), the shortest delay is one step (there none), and its 5 ms of refractoriness are 4.9 here.
"""

# %%
from __future__ import annotations

from typing import Any

import spikelet as sl

RESISTANCE = 0.1  # GOhm: mV for each pA
NEURON = sl.LIF(
    tau_m=20.0, C_m=20.0 / RESISTANCE, E_L=-49.0, V_th=-50.0, V_reset=-60.0, t_ref=4.9, tau_syn_ex=5.0, tau_syn_in=10.0
)  # fmt: skip


# %%
def build(
    n: int, excitation: Any, inhibition: Any, weights: tuple[float, float] = (1.62, -9.0)
) -> tuple[sl.Network, sl.Population]:
    """Return the network; the last fifth of the neurons is inhibitory, and weights are in mV.

    `excitation` and `inhibition` are rules, or (sources, targets).
    """
    net = sl.Network(dt=0.1, seed=1, dtype="float64")
    neurons = net.population(n, NEURON)
    neurons.V_m = sl.Uniform(-60.0, -50.0)
    inhibitory = n - n // 5
    net.connect(
        neurons[:inhibitory], neurons, excitation, weight=weights[0] / RESISTANCE, delay=0.1
    )
    net.connect(
        neurons[inhibitory:], neurons, inhibition, weight=weights[1] / RESISTANCE, delay=0.1
    )
    return net, neurons


# %%
def main() -> None:
    net, neurons = build(4000, sl.FixedProbability(0.02), sl.FixedProbability(0.02))
    spikes = net.record(neurons, "spikes")
    net.run(1000.0)
    print(f"{len(spikes.times)} spikes, {spikes.rates().mean():.1f} Hz")


if __name__ == "__main__":
    main()
