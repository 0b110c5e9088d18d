"""Functions of one value, softmax, and gates."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import movement
from spikelet.conversion.recognition import clip_layers
from spikelet.layers import Activation, Affine, Expand, LogSoftmax, Multiply, ReLU, Softmax

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


def relu(c: Call, x: Data, upper: float | None = None, levels: int = 0) -> Data:
    """Apply a ReLU, with an upper bound if given (ReLU6)."""
    return c.put(x, ReLU, upper, levels)


def clip(c: Call, x: Data, low: float | None = None, high: float | None = None) -> Data:
    """Clip to bounds, of which either may be missing."""
    low = None if low is None or low == -math.inf else float(low)
    high = None if high is None or high == math.inf else float(high)
    if low is None and high is None:
        return x
    if low is not None and high is not None and high <= low:
        c.refuse(f"clips to {low:g} .. {high:g}", "the lower bound must lie below the upper one")
    with named(c.where):
        layers = clip_layers(low, high)
    for suffix, layer in layers:
        x = (c.inner(suffix) if suffix else c).add(layer, x)
    return x


def activation(c: Call, x: Data, function: str, alpha: Any = None, beta: Any = None) -> Data:
    """Apply a function of one value by name, as in `layers.Activation`."""
    return c.put(x, Activation, function, alpha, beta)


def prelu(c: Call, x: Data, slope: Any) -> Data:
    """Apply a leaky ReLU with constant slopes: one number, or one for each channel."""
    if isinstance(slope, Data):
        c.refuse("has a slope that depends on the input", "the slope must be constant")
    slopes = np.asarray(slope, dtype=np.float64)
    if slopes.size == 1:
        return activation(c, x, "leaky_relu", float(slopes.reshape(())))
    if slopes.size != c.shape(x)[0] or x.axis or x.merged:
        c.refuse(
            f"has slopes of shape {slopes.shape} for samples of shape {c.shape(x)}",
            "slopes must be one number, or one for each channel",
        )
    return activation(c, x, "leaky_relu", slopes.ravel())


def threshold(c: Call, x: Data, at: float, value: float) -> Data:
    """Replace values that do not exceed a threshold."""
    if at == value:
        return clip(c, x, at)
    return activation(c, x, "threshold", at, value)


def softmax(c: Call, x: Data, axis: int) -> Data:
    """Apply a softmax along an axis of the tensor."""
    return c.add(Softmax(c.axis(x, axis)), x)


def log_softmax(c: Call, x: Data, axis: int) -> Data:
    """Apply the logarithm of a softmax along an axis of the tensor."""
    return c.add(LogSoftmax(c.axis(x, axis)), x)


def softmin(c: Call, x: Data, axis: int) -> Data:
    """Apply a softmax of the negative values."""
    return softmax(c, negative(c.inner("negative"), x), axis)


def glu(c: Call, x: Data, axis: int) -> Data:
    """Multiply the first half along an axis by the sigmoid of the second."""
    n = c.tensor(x)[axis % len(c.tensor(x))]
    value, gate = movement.split(c.inner("half"), x, [n // 2, n // 2], axis)
    return c.add(Multiply(), value, activation(c.inner("gate"), gate, "sigmoid"))
