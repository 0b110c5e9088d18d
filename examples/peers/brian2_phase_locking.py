# %% [markdown]
"""Neurons lock to periodic currents of different strengths.

Brian2's script: examples/phase_locking.py, with method="rk4" on both sides. Time t occurs in the equations; the times of the
stages of a step are the same. Spikes are stamped at the end of their step (Brian2: at its start).
"""

# %%
from __future__ import annotations

from typing import Any

import numpy as np

import spikelet as sl

NEURON = sl.Equations(
    "dV_m/dt = (-V_m + a*sin(2*pi*t/period) + b)/tau",
    threshold="V_m > 1",
    reset="V_m = 0",
    parameters={"a": 0.0, "b": 1.2, "tau": (20.0, "ms"), "period": (100.0, "ms")},
    initial={"V_m": "rand()"},
    method="rk4",
    name="Driven",
)


# %%
def simulate(start: Any = None, n: int = 100) -> tuple[sl.SpikeRecorder, sl.StateRecorder]:
    """Return the spikes of a second, and V_m of neuron 50 each 5 ms."""
    net = sl.Network(dt=0.1, seed=1, dtype="float64")
    neurons = net.population(n, NEURON(a=0.05 + 0.7 * np.arange(n) / n))
    if start is not None:
        neurons.V_m = start
    spikes, trace = net.record(neurons, "spikes"), net.record(neurons[50:51], "V_m", every=5.0)
    net.run(1000.0)
    return spikes, trace


def locking(spikes: sl.SpikeRecorder, n: int = 100, period: float = 100.0) -> np.ndarray:
    """Return the length of the mean vector of phases of each neuron's spikes, 1 if they are all equal."""
    phases = np.exp(2j * np.pi * spikes.times / period)
    sums = np.bincount(spikes.ids, phases.real, n) + 1j * np.bincount(spikes.ids, phases.imag, n)
    return np.abs(sums) / np.maximum(np.bincount(spikes.ids, minlength=n), 1)


# %%
def main() -> None:
    spikes, _ = simulate()
    print("locking by strength:", " ".join(f"{x:.2f}" for x in locking(spikes)[::10]))


if __name__ == "__main__":
    main()
