"""ONNX operators of windows: convolutions, pools and interpolation, with their ways to pad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import activation, convolution, pooling, resizing

__all__ = ["average_pool", "conv", "conv_transpose", "lp_pool", "max_pool", "pads_of", "resize"]

Pads = list[tuple[int, int]]


def _spatial(c: Call, x: Any) -> tuple[int, ...]:
    (x,) = c.data(x)
    return c.tensor(x)[2:]


def pads_of(a: Mapping[str, Any], size: Sequence[int], kernel: Sequence[int]) -> Pads:
    """Return the padding before and after each axis."""
    n = len(size)
    strides, dilations = a.get("strides", [1] * n), a.get("dilations", [1] * n)
    auto = a.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        pads = a.get("pads", [0] * 2 * n)
        return list(zip(pads[:n], pads[n:], strict=True))
    if auto == "VALID":
        return [(0, 0)] * n
    return convolution.same(size, kernel, strides, dilations, late=auto == "SAME_UPPER")


def _weights(c: Call, xs: Sequence[Any]) -> list[Any]:
    if any(isinstance(x, Data) for x in xs[1:]):
        c.refuse(
            "has weights that depend on the input",
            "weights must be constants; leave this layer out of the conversion",
        )
    return [None if x is None else np.asarray(x, np.float64) for x in (*xs[1:], None)][:2]


def conv(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> Data:
    """Convert Conv."""
    weight, bias = _weights(c, xs)
    size = _spatial(c, xs[0])
    n = len(size)
    return convolution.conv(
        c,
        xs[0],
        weight,
        bias,
        stride=tuple(a.get("strides", (1,) * n)),
        padding=pads_of(a, size, weight.shape[2:]),
        dilation=tuple(a.get("dilations", (1,) * n)),
        groups=a.get("group", 1),
    )


def conv_transpose(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> Data:
    """Convert ConvTranspose."""
    weight, bias = _weights(c, xs)
    size = _spatial(c, xs[0])
    n = len(size)
    strides, dilations = a.get("strides", [1] * n), a.get("dilations", [1] * n)
    extra = list(a.get("output_padding", [0] * n))
    auto = a.get("auto_pad", "NOTSET")
    shape = a.get("output_shape")
    if shape is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        shape = [m * s for m, s in zip(size, strides, strict=True)]
    if shape is None:
        pads = pads_of({**a, "auto_pad": auto}, size, weight.shape[2:])
    else:
        pads = []
        axes = zip(size, weight.shape[2:], strides, dilations, shape[-n:], strict=True)
        for k, (m, w, s, d, out) in enumerate(axes):
            total = s * (m - 1) + extra[k] + d * (w - 1) + 1 - out
            if total < 0:
                extra[k], total = extra[k] - total, 0
            pads.append(convolution.halves(total, late=auto == "SAME_UPPER"))
    return convolution.conv_transpose(
        c,
        xs[0],
        weight,
        bias,
        stride=tuple(strides),
        padding=pads,
        output_padding=tuple(extra),
        groups=a.get("group", 1),
        dilation=tuple(dilations),
    )


def _window(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> tuple[Data, dict[str, Any]]:
    kernel = tuple(a["kernel_shape"])
    (x,) = c.data(xs[0])
    return x, {
        "kernel": kernel,
        "stride": tuple(a.get("strides", (1,) * len(kernel))),
        "padding": pads_of(a, _spatial(c, x), kernel),
        "ceil_mode": bool(a.get("ceil_mode", 0)),
        "dilation": tuple(a.get("dilations", (1,) * len(kernel))),
    }


def max_pool(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> Data:
    """Convert MaxPool."""
    x, window = _window(c, a, xs)
    return pooling.max_pool(c, x, **window)


def average_pool(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> Data:
    """Convert AveragePool."""
    x, window = _window(c, a, xs)
    whole = bool(a.get("count_include_pad", 0))
    return pooling.avg_pool(c, x, **window, count_include_pad=whole)


def lp_pool(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> Data:
    """Convert LpPool: the p-th root of the sum of the p-th powers of magnitudes."""
    x, window = _window(c, a, xs)
    p = float(a.get("p", 2))
    power, total = c.inner("power"), c.inner("sum")
    if p == 2:
        x = activation.activation(power, x, "square")
    else:
        x = activation.activation(c.inner("magnitude"), x, "abs")
        x = x if p == 1 else activation.activation(power, x, "pow", p)
    y = pooling.avg_pool(c if p == 1 else total, x, **window, divisor=1)
    if p == 1:
        return y
    return (
        activation.activation(c, y, "sqrt") if p == 2 else activation.activation(c, y, "pow", 1 / p)
    )


def resize(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> Data:
    """Convert Resize."""
    (x,) = c.data(xs[0])
    before, after = c.tensor(x), c.result
    coordinates = a.get("coordinate_transformation_mode", "half_pixel")
    if coordinates == "tf_crop_and_resize":
        c.refuse("crops", "crop with Slice before it resizes")
    if before[:2] != after[:2]:
        c.refuse(f"resizes {before} to {after}", "only the axes after the channels can be resized")
    scale = _scales(a, xs, before)
    small = any(m < n for n, m in zip(before, after, strict=True))
    if a.get("antialias", 0) and small and a.get("mode", "nearest") != "nearest":
        c.refuse("is antialiased", "export the model with antialias=0, or use average pooling")
    return resizing.resize(
        c,
        x,
        after[2:],
        a.get("mode", "nearest"),
        coordinates=coordinates,
        rounding=a.get("nearest_mode", "round_prefer_floor"),
        scale=None if scale is None else scale[2:],
        cubic=a.get("cubic_coeff_a", -0.75),
        exclude_outside=bool(a.get("exclude_outside", 0)),
    )


def _scales(a: Mapping[str, Any], xs: Sequence[Any], before: Sequence[int]) -> list[float] | None:
    """Return the scale of each axis, where it is not the ratio of the sizes."""
    n = len(before)
    axes = [d % n for d in a.get("axes", range(n))]
    scales, sizes = (xs[k] if k < len(xs) else None for k in (2, 3))
    found = [1.0] * n
    if scales is not None and np.size(scales):
        for d, scale in zip(axes, np.ravel(scales), strict=True):
            found[d] = float(scale)
        return found
    policy = a.get("keep_aspect_ratio_policy", "stretch")
    if policy == "stretch":
        return None
    ratios = [float(m) / before[d] for d, m in zip(axes, np.ravel(np.asarray(sizes)), strict=True)]
    for d in axes:
        found[d] = min(ratios) if policy == "not_larger" else max(ratios)
    return found
