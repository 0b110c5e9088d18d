# %% [markdown]
"""Connections whose probability is a Gaussian of distance.

NEST's script: pynest/examples/spatial/gaussex.py: two populations on a grid of 30 x 30, a probability of
exp(-d^2 / (2 * 0.5^2)), and a mask of radius 3. The connections come from other random numbers.
"""

# %%
from __future__ import annotations

import numpy as np

import spikelet as sl

SCALE, REACH = 0.5, 3.0
EDGES = np.arange(-0.05, 3.1, 0.1)


# %%
def simulate(seed: int = 1) -> np.ndarray:
    """Return the numbers of connections by distance, in bins of 0.1 around multiples of 0.1."""
    net = sl.Network(seed=seed)
    grid = sl.Grid([30, 30], extent=[3.0, 3.0])
    a, b = (net.population(900, sl.LIFAlpha(), positions=grid) for _ in range(2))
    made = net.connect(
        a, b, sl.DistanceDependent("gaussian", scale=SCALE, cutoff=REACH), weight=1.0, delay=1.0
    )
    ends = [
        population.positions[ids] for population, ids in ((a, made.pre_ids), (b, made.post_ids))
    ]
    distance = np.linalg.norm(ends[0] - ends[1], axis=1)
    return np.histogram(distance, EDGES)[0]


def pairs() -> tuple[np.ndarray, np.ndarray]:
    """Return the expected number of connections in each bin, and its variance."""
    axis = (np.arange(30) + 0.5) * 0.1
    at = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    distance = np.linalg.norm(at[:, None] - at[None], axis=-1).ravel()
    chance = np.where(distance <= REACH, np.exp(-((distance / SCALE) ** 2) / 2), 0.0)
    mean, variance = (
        np.histogram(distance, EDGES, weights=x)[0] for x in (chance, chance * (1 - chance))
    )
    return mean, variance


# %%
def main() -> None:
    found, (mean, _) = simulate(), pairs()
    for k in range(0, 20, 2):
        print(f"distance {0.1 * k:.1f}: {found[k]:5d} connections, expected {mean[k]:7.1f}")


if __name__ == "__main__":
    main()
