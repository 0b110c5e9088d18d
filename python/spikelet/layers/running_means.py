"""What running means divide by, where steps have sizes or means begin again after a delay."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["running_counts"]

_LEAST_COUNT = 0.5  # of sizes, for a running mean: as in the engine


def running_counts(
    sizes: NDArray[Any], delay: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Return what running means divide by at each step, and one step before, and at which steps units keep their value.

    Parameters
    ----------
    sizes : array, [T]
        What each step counts. Where they leave too little to divide by, a unit keeps its value.
    delay : int
        The step at which means begin again.
    """
    parts = [np.cumsum(part, dtype=sizes.dtype) for part in (sizes[:delay], sizes[delay:])]
    now, t = np.concatenate(parts), np.arange(len(sizes))
    before = np.where((t == 0) | (t == delay), 0, np.roll(now, 1))
    inside = (t > np.where(t < delay, 0, delay)) & (t + 1 < len(sizes))
    return now, before, (np.abs(now) < _LEAST_COUNT) & inside
