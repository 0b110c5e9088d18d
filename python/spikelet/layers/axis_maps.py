"""What pools and interpolation do along each spatial axis: matrices, and the places of the values in each window."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.layers.base import Floats, Shape
from spikelet.layers.resize import Resize

__all__ = ["axis_matrices", "window_places"]


def axis_matrices(layer: Any, shape: Shape) -> list[Floats]:
    """Return the matrix [out, in] of each spatial axis of a mean pool or `Resize`, for an input of this shape."""
    if isinstance(layer, Resize):
        maps = layer.maps(shape)
    else:
        places = window_places(layer, shape, beyond=-1)
        divisors = layer.divisors(shape)
        maps = [
            (p, (p >= 0) / np.reshape(d, (-1, 1))) for p, d in zip(places, divisors, strict=True)
        ]
    matrices = []
    for n, (taps, weights) in zip(shape[1:], maps, strict=True):
        matrix = np.zeros((len(taps), n))
        np.add.at(matrix, (np.arange(len(taps))[:, None], taps), weights)
        matrices.append(matrix)
    return matrices


def window_places(layer: Any, shape: Shape, beyond: int | None = None) -> list[NDArray[np.int64]]:
    """Return the places of the values in each window of a pool along each axis, [windows, values].

    Where a window has fewer values than others, its last value stands for those that it lacks, or `beyond` does.
    """
    tables = []
    for windows in layer.windows(shape):
        places = [range(b, e, windows.step) for b, e in zip(*windows[:2], strict=True)]
        most = max(map(len, places))
        rows = [[*p, *[p[-1] if beyond is None else beyond] * (most - len(p))] for p in places]
        tables.append(np.array(rows, np.int64))
    return tables
