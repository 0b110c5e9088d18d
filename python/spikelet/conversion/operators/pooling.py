"""Means and maxima over windows of sequences, images and volumes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from spikelet import layers
from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators.activation import activation
from spikelet.conversion.operators.affine import affine
from spikelet.conversion.operators.convolution import over_images, per_axis, sides
from spikelet.layers import Layer

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "avg_pool",
    "global_avg_pool",
    "global_max_pool",
    "lp_pool",
    "max_pool",
]


def _windows(
    c: Call,
    x: Data,
    kind: str,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    **how: Any,
) -> Data:
    n = len(c.tensor(x)) - 2

    def make(ones: tuple[int, ...]) -> Layer:
        size = per_axis(kernel, n)
        made: Layer = getattr(layers, f"{kind}{n + len(ones)}d")(
            ones + size,
            ones + (size if stride in (None, [], ()) else per_axis(stride, n)),
            (0, 0) * len(ones) + tuple(p for side in sides(padding, n) for p in side),
            ceil_mode,
            dilation=ones + per_axis(dilation, n),
            **how,
        )
        return made

    return over_images(c, x, n, "pools", make)


def max_pool(c: Call, x: Data, kernel: Any, *windows: Any, **how: Any) -> Data:
    """Take the maximum of each window; padding never wins. Arguments are stride, padding, dilation and ceil_mode."""
    return _windows(c, x, "MaxPool", kernel, *windows, **how)


def avg_pool(c: Call, x: Data, kernel: Any, *windows: Any, **how: Any) -> Data:
    """Take the mean of each window; arguments as for `max_pool`, and those of `layers.AvgPool2d`."""
    return _windows(c, x, "AvgPool", kernel, *windows, **how)


def adaptive_avg_pool(c: Call, x: Data, size: Any) -> Data:
    """Take the mean of a given number of windows."""
    return _adaptive(c, x, size, "AdaptiveAvgPool")


def adaptive_max_pool(c: Call, x: Data, size: Any) -> Data:
    """Take the maximum of a given number of windows."""
    return _adaptive(c, x, size, "AdaptiveMaxPool")


def _adaptive(c: Call, x: Data, size: Any, kind: str) -> Data:
    n = len(c.tensor(x)) - 2
    wanted = list(size) if isinstance(size, (tuple, list)) else [size] * n

    def make(ones: tuple[int, ...]) -> Layer:
        target = (m if w is None else int(w) for m, w in zip(c.tensor(x)[2:], wanted, strict=True))
        several = c.shape(x)[: len(ones)]  # k images keep their number
        made: Layer = getattr(layers, f"{kind}{n + len(ones)}d")((*several, *target))
        return made

    return over_images(c, x, n, "pools", make)


def global_avg_pool(c: Call, x: Data) -> Data:
    """Take the mean of each channel, and keep the axes."""
    return adaptive_avg_pool(c, x, 1)


def global_max_pool(c: Call, x: Data) -> Data:
    """Take the maximum of each channel, and keep the axes."""
    return adaptive_max_pool(c, x, 1)


def lp_pool(
    c: Call, x: Data, p: float, kernel: Any, stride: Any = None, ceil_mode: bool = False
) -> Data:
    """Take the p-norm of each window: the root of the sum of powers."""
    size = per_axis(kernel, len(c.tensor(x)) - 2)
    power: Sequence[Any] = ("square",) if p == 2 else ("pow", float(p))
    root: Sequence[Any] = ("sqrt",) if p == 2 else ("pow", 1 / float(p))
    raised = x if p == 1 else activation(c.inner("power"), x, *power)
    mean = avg_pool(c.inner("average"), raised, size, stride, ceil_mode=ceil_mode)
    total = affine(c.inner("sum"), mean, float(math.prod(size)))
    return total if p == 1 else activation(c, total, *root)
