# %% [markdown]
"""Adaptation of an AdEx neuron (Brette & Gerstner 2005, figure 2C).

NEST's script: pynest/examples/brette_gerstner_fig_2c.py. There a dc_generator acts one delay (1 ms) late, and one that starts
at 0 misses its first step; here a current acts from its time on. NEST takes adaptive steps and resets within a step; here
steps have 0.1 ms, and the reset is at their end. Intervals between spikes, of 20 to 70 ms, differ by up to 0.3 ms.
"""

# %%
from __future__ import annotations

import spikelet as sl

TIMES = (1.1, 201.0, 501.0)  # ms
CURRENTS = (500.0, 0.0, 800.0)  # pA


# %%
def simulate(duration: float = 1000.0) -> tuple[sl.SpikeRecorder, sl.StateRecorder]:
    """Return the spikes, and V_m and w each ms."""
    net = sl.Network(dt=0.1, dtype="float64")
    neuron = net.population(1, sl.AdEx(synapses="cond_alpha", a=4.0, b=80.5))
    net.inject(neuron, sl.StepCurrent(TIMES, CURRENTS))
    spikes, states = net.record(neuron, "spikes"), net.record(neuron, ["V_m", "w"], every=1.0)
    net.run(duration)
    return spikes, states


# %%
def main() -> None:
    spikes, _ = simulate()
    print("Spikes at", ", ".join(f"{t:.1f}" for t in spikes.times), "ms")


if __name__ == "__main__":
    main()
