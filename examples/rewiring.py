# %% [markdown]
"""Rewire a network while it learns: weak synapses go, and others grow elsewhere.

Neurons have room for few synapses, and their sources are many. Some of these fire together; which ones, nobody has said.
Spike-timing-dependent plasticity strengthens the synapses from them and weakens the others. Every half second, those whose
weight has become small are removed, and as many grow at random, as in the rules of Butz and van Ooyen (2013) and
Kappel et al. (2015). More and more synapses come from the sources that fire together:

    python examples/rewiring.py                # 60 s of model time
    python examples/rewiring.py --quick        # 10 s
"""

# %%
from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray

import spikelet as sl

SOURCES, TOGETHER, NEURONS, INDEGREE = 400, 40, 30, 40
RATE, PACKETS = 8.0, 5.0  # Hz: of each source; of the spikes that 40 sources have together
FIRST, LEAST = 100.0, 60.0  # pA: the weight of a new synapse, and of one that is removed
INTERVAL = 500.0  # ms between changes


# %% [markdown]
# ## The sources
#
# All of them have the same rate. The first 40 share most of their spikes, up to a few milliseconds.


# %%
def spikes(duration: float, rng: np.random.Generator) -> sl.SpikeSource:
    """Draw the spikes of all sources."""
    times, ids = [], []
    for k in range(SOURCES):
        rate = RATE - PACKETS if k < TOGETHER else RATE
        n = rng.poisson(rate * 1e-3 * duration)
        times.append(rng.uniform(1.0, duration, n))
        ids.append(np.full(n, k))
    for packet in rng.uniform(10.0, duration - 10.0, rng.poisson(PACKETS * 1e-3 * duration)):
        times.append(packet + rng.normal(0.0, 1.5, TOGETHER).clip(-5.0, 5.0))
        ids.append(np.arange(TOGETHER))
    when, which = np.concatenate(times), np.concatenate(ids)
    order = np.argsort(when)
    return sl.SpikeSource(when[order], which[order], snap=True)


# %% [markdown]
# ## The rule
#
# `remove` takes a mask in the order of `weights`; `add` takes ids. Both work between runs, at any time: synapses that stay
# keep their weights, traces and spikes in flight.


# %%
def rewire(synapses: sl.Projection, rng: np.random.Generator) -> int:
    """Remove weak synapses, let as many grow onto the same neurons, and return how many these are."""
    weak = synapses.weights < LEAST
    targets = np.array(synapses.post_ids[weak])
    if len(targets):
        synapses.remove(weak)
        synapses.add(rng.integers(0, SOURCES, len(targets)), targets, weight=FIRST, delay=1.0)
    return len(targets)


def learn(duration: float, seed: int = 1) -> tuple[sl.Projection, list[NDArray[np.int64]]]:
    """Run; return the synapses, and their sources after each interval."""
    rng = np.random.default_rng(seed)
    net = sl.Network(dt=0.1, seed=seed)
    sources = net.population(SOURCES, spikes(duration, rng), name="sources")
    neurons = net.population(NEURONS, sl.LIF(I_e=335.0), name="neurons")
    rule = sl.STDP(tau_plus=15.0, tau_minus=35.0, A_plus=8.0, A_minus=6.0, w_min=0.0, w_max=200.0)
    synapses = net.connect(
        sources, neurons, sl.FixedIndegree(INDEGREE), weight=FIRST, delay=1.0, plasticity=rule
    )
    history = [np.array(synapses.pre_ids)]
    for _ in range(round(duration / INTERVAL)):
        net.run(INTERVAL)
        rewire(synapses, rng)
        history.append(np.array(synapses.pre_ids))
    return synapses, history


# %% [markdown]
# ## The result


# %%
def draw(synapses: sl.Projection, history: list[NDArray[np.int64]], path: str) -> None:
    """Draw who is connected to whom in the end, and how the share of the sources grew that fire together."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only the picture needs it

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    sl.plot.connectivity(synapses, what="weights", ax=left, cmap="viridis")
    left.set_title(f"The first {TOGETHER} sources fire together")
    seconds = np.arange(len(history)) * INTERVAL * 1e-3
    right.plot(seconds, [100 * (ids < TOGETHER).mean() for ids in history])
    right.axhline(100 * TOGETHER / SOURCES, color="gray", linestyle=":")
    right.set_xlabel("time [s]")
    right.set_ylabel("synapses from them [%]")
    right.set_ylim(0, 100)
    figure.savefig(path, dpi=150)
    plt.close(figure)


# %%
def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10 s of model time")
    parser.add_argument("--out", default="rewiring.png", help="file for the picture")
    args = parser.parse_args()
    synapses, history = learn(10e3 if args.quick else 60e3)
    shares = [100 * (ids < TOGETHER).mean() for ids in history]
    print(f"{len(synapses)} synapses; from the {TOGETHER} sources that fire together: "
          f"{shares[0]:.0f} % at first, {shares[-1]:.0f} % in the end")  # fmt: skip
    draw(synapses, history, args.out)


if __name__ == "__main__":
    main()
