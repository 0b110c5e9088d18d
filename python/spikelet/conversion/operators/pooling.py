"""Means and maxima over windows of sequences, images and volumes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators.activation import activation
from spikelet.conversion.operators.affine import affine
from spikelet.conversion.operators.convolution import per_axis, sides
from spikelet.layers import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    Permute,
)

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "avg_pool",
    "global_avg_pool",
    "global_max_pool",
    "lp_pool",
    "max_pool",
]

_MEAN: dict[int, Any] = {1: AvgPool1d, 2: AvgPool2d, 3: AvgPool3d}
_MAXIMUM: dict[int, Any] = {1: MaxPool1d, 2: MaxPool2d, 3: MaxPool3d}
_ADAPTIVE_MEAN: dict[int, Any] = {1: AdaptiveAvgPool1d, 2: AdaptiveAvgPool2d, 3: AdaptiveAvgPool3d}
_ADAPTIVE_MAXIMUM: dict[int, Any] = {
    1: AdaptiveMaxPool1d,
    2: AdaptiveMaxPool2d,
    3: AdaptiveMaxPool3d,
}


def _windows(c: Call, x: Data, kernel: Any) -> tuple[int, tuple[int, ...], int]:
    """Return the number of axes of a window, its kernel, and 1 if the sample has k images, pooled one by one."""
    n = len(c.tensor(x)) - 2
    if n not in _MEAN or x.axis or (x.merged and n == 3):
        c.refuse(
            f"pools a tensor of shape {c.tensor(x)}",
            "the input must be [batch, channels, ...], with one to three dimensions after the channels",
        )
    return n, per_axis(kernel, n), int(bool(x.merged))


def _pooled(c: Call, x: Data, layer: Any) -> Data:
    if not x.merged:
        return c.add(layer, x)
    order = (1, 0, *range(2, len(c.shape(x))))
    volume = c.inner("stacked").add(Permute(order), x)
    return c.add(Permute(order), c.inner("volume").add(layer, volume))


def max_pool(
    c: Call,
    x: Data,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Data:
    """Take the maximum of each window; padding never wins."""
    n, size, extra = _windows(c, x, kernel)
    distance = size if stride is None or stride in ([], ()) else per_axis(stride, n)
    with named(c.where):
        layer = _MAXIMUM[n + extra](
            (1,) * extra + size,
            (1,) * extra + distance,
            (0, 0) * extra + tuple(p for side in sides(padding, n) for p in side),
            ceil_mode,
            dilation=(1,) * extra + per_axis(dilation, n),
        )
    return _pooled(c, x, layer)


def avg_pool(
    c: Call,
    x: Data,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor: int | None = None,
    dilation: Any = 1,
) -> Data:
    """Take the mean of each window."""
    n, size, extra = _windows(c, x, kernel)
    distance = size if stride is None or stride in ([], ()) else per_axis(stride, n)
    with named(c.where):
        layer = _MEAN[n + extra](
            (1,) * extra + size,
            (1,) * extra + distance,
            (0, 0) * extra + tuple(p for side in sides(padding, n) for p in side),
            ceil_mode,
            count_include_pad=count_include_pad,
            dilation=(1,) * extra + per_axis(dilation, n),
            divisor_override=divisor,
        )
    return _pooled(c, x, layer)


def adaptive_avg_pool(c: Call, x: Data, size: Any) -> Data:
    """Take the mean of a given number of windows."""
    return _adaptive(c, x, size, _ADAPTIVE_MEAN)


def adaptive_max_pool(c: Call, x: Data, size: Any) -> Data:
    """Take the maximum of a given number of windows."""
    return _adaptive(c, x, size, _ADAPTIVE_MAXIMUM)


def _adaptive(c: Call, x: Data, size: Any, layers: dict[int, Any]) -> Data:
    n, _, extra = _windows(c, x, 1)
    target = tuple(
        given if wanted is None else int(wanted)
        for given, wanted in zip(c.tensor(x)[2:], _each(size, n), strict=True)
    )
    stacked = c.shape(x)[:extra]  # k images keep their number
    return _pooled(c, x, layers[n + extra](stacked + target))


def _each(size: Any, n: int) -> Sequence[Any]:
    return list(size) if isinstance(size, (tuple, list)) else [size] * n


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
    _, size, _ = _windows(c, x, kernel)
    powers = c.inner("power")
    raised = (
        activation(powers, x, "square")
        if p == 2
        else x
        if p == 1
        else activation(powers, x, "pow", float(p))
    )
    mean = avg_pool(c.inner("average"), raised, size, stride, 0, ceil_mode)
    total = affine(c.inner("sum"), mean, float(math.prod(size)))
    if p == 1:
        return total
    if p == 2:
        return activation(c, total, "sqrt")
    return activation(c, total, "pow", 1 / float(p))
