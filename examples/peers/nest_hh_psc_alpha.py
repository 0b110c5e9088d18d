# %% [markdown]
"""Firing rate of a Hodgkin-Huxley neuron as a function of the current.

NEST's script: pynest/examples/hh_psc_alpha.py. It raises the current of one neuron in a hundred runs; here each current has
a separate neuron, and one run is enough. NEST takes adaptive steps of 0.1 ms at most; here steps have 0.05 ms and are of
order 2.
"""

# %%
from __future__ import annotations

import numpy as np

import spikelet as sl


# %%
def simulate(currents: np.ndarray, warm_up: float = 1000.0, duration: float = 1000.0) -> np.ndarray:
    """Return the number of spikes in `duration` ms for each current [pA]."""
    net = sl.Network(dt=0.05, dtype="float64")
    neurons = net.population(len(currents), sl.HodgkinHuxley(I_e=currents))
    spikes = net.record(neurons, "spikes")
    net.run(warm_up + duration)
    late = spikes.times > warm_up
    return np.bincount(spikes.ids[late], minlength=len(currents))


# %%
def main() -> None:
    currents = np.arange(0.0, 2000.0, 20.0)
    counts = simulate(currents)
    for current, count in zip(currents[30::10], counts[30::10], strict=True):
        print(f"{current:6.0f} pA {count:4d} Hz")


if __name__ == "__main__":
    main()
