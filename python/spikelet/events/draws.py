"""Random numbers for changes of recordings."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

import numpy as np

from spikelet import _core
from spikelet._util.checks import fail, integer, numbers

Seed: TypeAlias = int | np.random.Generator | None

_MOST = 2**64 - 1

# Streams of one seed; those of x, y and t are 1, 2 and 3.
SCALARS, NOISE = 8, 16


def seed_of(where: str, seed: Seed) -> int:
    """Return the number that a call's random numbers come from.

    An integer gives the same numbers at each call; a generator is asked for an integer at each call; None takes one
    from the system.
    """
    if seed is None:
        return int.from_bytes(os.urandom(8), "little")
    if isinstance(seed, np.random.Generator):
        return int(seed.integers(_MOST, dtype=np.uint64, endpoint=True))
    return integer(where, "seed", seed, 0, _MOST)


def uniform(seed: int, k: int) -> float:
    """Return the k-th single number in (0, 1) of a call."""
    return float(_core.event_uniforms(seed, SCALARS, k + 1)[k])


def ranged(where: str, argument: str, value: Any, seed: int, k: int = 0) -> float:
    """Return a number, or one drawn between the two of a pair."""
    pair = numbers(where, argument, value)
    if not np.isfinite(pair).all():
        fail(where, argument, value, "must be finite")
    if pair.ndim == 0:
        return float(pair)
    if len(pair) != 2 or pair[0] > pair[1]:
        fail(where, argument, value, "must be a number, or a range (low, high)")
    return float(pair[0] + (pair[1] - pair[0]) * uniform(seed, k))


def probability(where: str, argument: str, value: Any, seed: int, k: int = 0) -> float:
    """Return a number in [0, 1], or one drawn between two."""
    pair = numbers(where, argument, value)
    if not ((pair >= 0) & (pair <= 1)).all():
        fail(where, argument, value, "must lie in [0, 1]")
    return ranged(where, argument, value, seed, k)
