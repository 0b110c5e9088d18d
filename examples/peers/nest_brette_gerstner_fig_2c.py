# %% [markdown]
"""Adaptation of an AdEx neuron (Brette & Gerstner 2005, figure 2C).

NEST's script: pynest/examples/brette_gerstner_fig_2c.py. There a dc_generator acts one delay (1 ms) and one step after its
start; here a current acts from its time on. NEST resets within a step, and here a reset is at the end of its step: after
each spike the two differ by order dt, and the last spikes of the 800 pA by less than a step of 0.1 ms each.
"""

# %%
from __future__ import annotations

import spikelet as sl

GENERATOR_DELAY = 1.1  # ms


# %%
def simulate(duration: float = 1000.0) -> tuple[sl.SpikeRecorder, sl.StateRecorder]:
    """Return the spikes, and V_m and w each ms."""
    net = sl.Network(dt=0.1, dtype="float64")
    neuron = net.population(1, sl.AdEx(synapses="cond_alpha", a=4.0, b=80.5))
    times = [GENERATOR_DELAY + t for t in (0.0, 200.0, 500.0)]
    net.inject(neuron, sl.StepCurrent(times, [500.0, 0.0, 800.0]))
    spikes, states = net.record(neuron, "spikes"), net.record(neuron, ["V_m", "w"], every=1.0)
    net.run(duration)
    return spikes, states


# %%
def main() -> None:
    spikes, _ = simulate()
    print("Spikes at", ", ".join(f"{t:.1f}" for t in spikes.times), "ms")


if __name__ == "__main__":
    main()
