# %% [markdown]
"""One extra spike changes all later spikes of a balanced network.

NEST's script: pynest/examples/sensitivity_to_perturbation.py. Stamps, delays and the order of a step are the same; in float64
the spikes of both trials are, too, for the same synapses and the same drive. The drive of one seed is the same in both
trials by itself, because its random numbers belong to the neurons.
"""

# %%
from __future__ import annotations

from typing import Any

import numpy as np

import spikelet as sl


# %%
def build(
    n: int, dt: float, weight: float, excitation: Any, inhibition: Any
) -> tuple[sl.Network, sl.Population]:
    """Return the network, without a drive; the last fifth of the neurons is inhibitory.

    `excitation` and `inhibition` are rules, or (sources, targets).
    """
    net = sl.Network(dt=dt, seed=30, dtype="float64")
    neurons = net.population(
        n, sl.LIFDelta(tau_m=10.0, E_L=-70.0, V_reset=-70.0, V_th=-55.0, t_ref=2.0)
    )
    inhibitory = n - n // 5
    net.connect(neurons[:inhibitory], neurons, excitation, weight=weight, delay=dt)
    net.connect(neurons[inhibitory:], neurons, inhibition, weight=-6.0 * weight, delay=dt)
    return net, neurons


def perturb(net: sl.Network, target: sl.Population, time: float, weight: float) -> None:
    """Send one spike to a neuron, which receives it one step later."""
    extra = net.population(1, sl.SpikeSource([time], [0]))
    net.connect(extra, target, sl.AllToAll(), weight=weight, delay=net.dt)


def first_difference(a: sl.SpikeRecorder, b: sl.SpikeRecorder) -> float:
    """Return the time of the first spike [ms] that one of two has and the other has not, or inf."""
    trains = [set(zip(x.times.tolist(), x.ids.tolist(), strict=True)) for x in (a, b)]
    return min((time for time, _ in trains[0] ^ trains[1]), default=np.inf)


# %%
def main() -> None:
    stimulus, duration, trials = 200.0, 400.0, []
    for perturbed in (False, True):
        net, neurons = build(1250, 0.05, 0.5, sl.FixedIndegree(100), sl.FixedIndegree(25))
        neurons.V_m = sl.Uniform(-70.0, -55.0)
        net.inject(neurons, sl.PoissonInput(rate=6500.0, weight=0.2))
        if perturbed:
            after = trials[0].times > stimulus + 1.0
            fires_next = int(trials[0].ids[after][0])
            perturb(net, neurons[fires_next : fires_next + 1], stimulus, 0.2)
        spikes = net.record(neurons, "spikes")
        net.run(duration)
        trials.append(spikes)
    print(f"{len(trials[0].times)} and {len(trials[1].times)} spikes; extra spike at {stimulus} ms, "
          f"first difference at {first_difference(*trials):.2f} ms")  # fmt: skip


if __name__ == "__main__":
    main()
