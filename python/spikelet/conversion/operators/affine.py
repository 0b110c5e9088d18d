"""Constants that scale and shift the samples of a tensor."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data
from spikelet.layers import Affine, Expand, Permute

__all__ = ["affine", "negative"]

Floats: TypeAlias = NDArray[np.float64]


def affine(
    c: Call, x: Data, scale: Floats | float = 1.0, shift: Floats | float | None = None
) -> Data:
    """Multiply the samples of a tensor by constants, and add constants.

    Constants broadcast with one sample (without the batch). Where they differ between channels only, they are numbers of
    channels; channels that come last, as in a transformer, are put first, and back behind it.
    """
    arrays = [np.asarray(scale, dtype=np.float64)]
    if shift is not None:
        arrays.append(np.asarray(shift, dtype=np.float64))
    wide = np.broadcast_shapes(c.shape(x), *(a.shape for a in arrays))
    if wide != c.shape(x):
        x = c.inner("expanded").reshaped(x, (*[1] * (len(wide) - len(c.shape(x))), *c.shape(x)))
        x = c.inner("expanded").add(Expand(wide), x)
    n = len(wide)
    arrays = [a.reshape([1] * (n - a.ndim) + list(a.shape)) for a in arrays]
    varying = {d for a in arrays for d in range(n) if a.shape[d] > 1 and (a != a.take([0], d)).any()}  # fmt: skip
    if varying == {n - 1} and n > 1:
        front = c.inner("channels").add(Permute((n - 1, *range(n - 1))), x)
        found = _scaled(c.inner("affine"), front, *(np.moveaxis(a, -1, 0) for a in arrays))
        return c.add(Permute((*range(1, n), 0)), found)
    if varying <= {0}:
        return _scaled(c, x, *arrays)
    with named(c.where):
        layer = Affine(*(np.array(np.broadcast_to(a, wide)) for a in arrays))
    return c.add(layer, x)


def _scaled(c: Call, x: Data, *arrays: Floats) -> Data:
    """Scale and shift each channel by its own number."""
    channels = c.shape(x)[0]
    with named(c.where):
        flat = (a.reshape(a.shape[0], -1)[:, 0] for a in arrays)
        layer = Affine(*(np.array(np.broadcast_to(f, channels)) for f in flat))
    return c.add(layer, x)


def negative(c: Call, x: Data) -> Data:
    """Change the sign."""
    return affine(c, x, scale=-1.0)
