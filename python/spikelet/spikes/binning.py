"""Bins of time: bin k holds ``start + k width < time <= start + (k + 1) width``, and bin 0 the start too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import Float, scalar

_GRID = 1e-6  # share of a bin by which a time may be off, since times on the grid are rarely binary fractions


def width_of(where: str, argument: str, width: Any) -> float:
    """Return the width of a bin [ms] after a check."""
    return scalar(where, argument, width, "> 0", "ms")


def number_of_bins(length: float, width: float, *, whole: bool) -> int:
    """Return how many bins an interval has: whole ones, or with the last one that is not."""
    return int(length / width + _GRID) if whole else math.ceil(length / width - _GRID)


def bin_of(times: Float, start: float, width: float) -> npt.NDArray[np.int64]:
    """Return the bin of each time that is not before the start."""
    place = (times - start) / width
    return np.maximum(np.ceil(place - _GRID).astype(np.int64) - 1, 0)
