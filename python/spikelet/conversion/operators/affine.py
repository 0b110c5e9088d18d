"""Constants that scale and shift the samples of a tensor."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.building import Call, Data
from spikelet.layers import Affine, Expand

__all__ = ["affine", "negative"]

Floats: TypeAlias = NDArray[np.float64]


def affine(
    c: Call, x: Data, scale: Floats | float = 1.0, shift: Floats | float | None = None
) -> Data:
    """Multiply the samples of a tensor by constants, and add constants.

    Constants broadcast with one sample (without the batch).
    """
    arrays = [np.asarray(scale, dtype=np.float64)]
    if shift is not None:
        arrays.append(np.asarray(shift, dtype=np.float64))
    wide = np.broadcast_shapes(c.shape(x), *(a.shape for a in arrays))
    if wide != c.shape(x):
        x = c.inner("expanded").reshaped(x, (*[1] * (len(wide) - len(c.shape(x))), *c.shape(x)))
        x = c.inner("expanded").add(Expand(wide), x)
    n = len(wide)
    full = [a.reshape([1] * (n - a.ndim) + list(a.shape)) for a in arrays]
    for d in range(n):  # constants that are equal along an axis are one number there
        if all((a == a.take([0], d)).all() for a in full):
            full = [a.take([0], d) for a in full]
    channels = wide[0]
    if all(a.size == a.shape[0] for a in full):
        full = [np.array(np.broadcast_to(a.ravel(), channels)) for a in full]
    return c.put(x, Affine, *full)


def negative(c: Call, x: Data) -> Data:
    """Change the sign."""
    return affine(c, x, scale=-1.0)
