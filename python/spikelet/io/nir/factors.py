"""Factors of what nodes of NIR send: the weights behind take them up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.io.nir.writing_neurons import full
from spikelet.layers import Shape

__all__ = ["Term", "aligned", "by_channel", "product", "same"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Term:
    """The output of a node, times a factor for each channel or pixel: a sum of terms is what a node receives.

    Factors are those of spikes that are not 1 (`amplitude`) and of `Affine`; the next weights take them up.
    """

    key: str
    factor: Array | None = None


def same(a: Array | None, b: Array | None) -> bool:
    """Return whether two factors are equal; None is no factor."""
    if a is None or b is None:
        return a is b
    return np.array_equal(a, b)


def aligned(a: Array, b: Array, shape: Shape) -> tuple[Array, Array]:
    """Return factors of channels and of pixels, so that numpy multiplies those of the same neuron."""
    if np.ndim(a) > 1 or np.ndim(b) > 1:
        return full(a, shape), full(b, shape)
    return np.asarray(a), np.asarray(b)


def product(a: Array | None, b: Array, shape: Shape) -> Array:
    """Return the product of two factors for samples of a shape; the first may be none."""
    return np.asarray(b) if a is None else np.multiply(*aligned(a, b, shape))


def by_channel(value: Any, shape: Shape) -> Array | None:
    """Return one number for each channel, of one for all, for each channel or for each pixel; None if pixels differ."""
    pixels = full(value, shape).reshape(shape[0], -1)
    return None if (pixels != pixels[:, :1]).any() else pixels[:, 0]
