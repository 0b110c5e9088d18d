"""Means and maxima over windows of sequences, images and volumes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from spikelet import layers
from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators.activation import activation
from spikelet.conversion.operators.affine import affine
from spikelet.conversion.operators.convolution import per_axis, sides

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "avg_pool",
    "global_avg_pool",
    "global_max_pool",
    "lp_pool",
    "max_pool",
]


def _pooled(c: Call, x: Data, kind: str, make: Callable[..., Any]) -> Data:
    """Add a pool: ``make(layer class, axes, ones)``, where `ones` come before the parameters of each axis.

    A sample of k images is a volume of depth k, whose images are pooled one by one: `ones` is one 1 then.
    """
    n = len(c.tensor(x)) - 2
    if not 1 <= n <= 3 or x.axis or (x.merged and n == 3):
        c.refuse(
            f"pools a tensor of shape {c.tensor(x)}",
            "the input must be [batch, channels, ...], with one to three dimensions after the channels",
        )
    ones = (1,) if x.merged else ()
    with named(c.where):
        layer = make(getattr(layers, f"{kind}{n + len(ones)}d"), n, ones)
    if not x.merged:
        return c.add(layer, x)
    order = layers.Permute((1, 0, *range(2, len(c.shape(x)))))
    return c.add(order, c.inner("volume").add(layer, c.inner("stacked").add(order, x)))


def _windows(
    c: Call,
    x: Data,
    kind: str,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    dilation: Any,
    **how: Any,
) -> Data:
    def make(layer: Any, n: int, ones: tuple[int, ...]) -> Any:
        size = per_axis(kernel, n)
        return layer(
            ones + size,
            ones + (size if stride in (None, [], ()) else per_axis(stride, n)),
            (0, 0) * len(ones) + tuple(p for side in sides(padding, n) for p in side),
            ceil_mode,
            dilation=ones + per_axis(dilation, n),
            **how,
        )

    return _pooled(c, x, kind, make)


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
    return _windows(c, x, "MaxPool", kernel, stride, padding, ceil_mode, dilation)


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
    how = {"count_include_pad": count_include_pad, "divisor_override": divisor}
    return _windows(c, x, "AvgPool", kernel, stride, padding, ceil_mode, dilation, **how)


def adaptive_avg_pool(c: Call, x: Data, size: Any) -> Data:
    """Take the mean of a given number of windows."""
    return _adaptive(c, x, size, "AdaptiveAvgPool")


def adaptive_max_pool(c: Call, x: Data, size: Any) -> Data:
    """Take the maximum of a given number of windows."""
    return _adaptive(c, x, size, "AdaptiveMaxPool")


def _adaptive(c: Call, x: Data, size: Any, kind: str) -> Data:
    def make(layer: Any, n: int, ones: tuple[int, ...]) -> Any:
        wanted = list(size) if isinstance(size, (tuple, list)) else [size] * n
        target = (m if w is None else int(w) for m, w in zip(c.tensor(x)[2:], wanted, strict=True))
        return layer((*c.shape(x)[: len(ones)], *target))  # k images keep their number

    return _pooled(c, x, kind, make)


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
    mean = avg_pool(c.inner("average"), raised, size, stride, 0, ceil_mode)
    total = affine(c.inner("sum"), mean, float(math.prod(size)))
    return total if p == 1 else activation(c, total, *root)
