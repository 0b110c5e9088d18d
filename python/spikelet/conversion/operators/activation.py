"""Functions of one value, softmax, and gates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import movement
from spikelet.conversion.operators.affine import negative
from spikelet.conversion.recognition import clip_layers
from spikelet.layers import Activation, LogSoftmax, Multiply, ReLU, Softmax

__all__ = ["activation", "clip", "glu", "log_softmax", "prelu", "relu", "softmax", "threshold"]


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
