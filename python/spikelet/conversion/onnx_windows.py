"""ONNX operators of windows: convolutions, pools and interpolation, with their ways to pad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import convolution, movement, pooling, resizing

__all__ = ["average_pool", "conv", "conv_transpose", "lp_pool", "max_pool", "resize"]

Pads = list[tuple[int, int]]


def _spatial(c: Call, x: Any) -> tuple[int, ...]:
    (x,) = c.data(x)
    return c.tensor(x)[2:]


def _shared(total: int, auto: str) -> tuple[int, int]:
    small = total // 2
    return (small, total - small) if auto == "SAME_UPPER" else (total - small, small)


def _pads(a: Mapping[str, Any], size: Sequence[int], kernel: Sequence[int]) -> Pads:
    """Return the padding before and after each axis."""
    n = len(size)
    strides, dilations = a.get("strides", [1] * n), a.get("dilations", [1] * n)
    auto = a.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        pads = a.get("pads", [0] * 2 * n)
        return list(zip(pads[:n], pads[n:], strict=True))
    if auto == "VALID":
        return [(0, 0)] * n
    return [
        _shared(max((-(-m // s) - 1) * s + d * (k - 1) + 1 - m, 0), auto)
        for m, k, s, d in zip(size, kernel, strides, dilations, strict=True)
    ]


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
        padding=_pads(a, size, weight.shape[2:]),
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
        pads = _pads({**a, "auto_pad": auto}, size, weight.shape[2:])
    else:
        pads = []
        axes = zip(size, weight.shape[2:], strides, dilations, shape[-n:], strict=True)
        for k, (m, w, s, d, out) in enumerate(axes):
            total = s * (m - 1) + extra[k] + d * (w - 1) + 1 - out
            if total < 0:
                extra[k], total = extra[k] - total, 0
            pads.append(_shared(total, auto))
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
        "padding": _pads(a, _spatial(c, x), kernel),
        "ceil_mode": bool(a.get("ceil_mode", 0)),
    }


def _no_dilation(c: Call, a: Mapping[str, Any]) -> None:
    if any(d != 1 for d in a.get("dilations", ())):
        c.refuse(f"is dilated by {a['dilations']}", "use max pooling, or pool without dilation")


def max_pool(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> Data:
    """Convert MaxPool."""
    x, window = _window(c, a, xs)
    dilation = tuple(a.get("dilations", (1,) * len(window["kernel"])))
    return pooling.max_pool(c, x, dilation=dilation, **window)


def average_pool(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> Data:
    """Convert AveragePool."""
    x, window = _window(c, a, xs)
    _no_dilation(c, a)
    return pooling.avg_pool(c, x, **window, count_include_pad=bool(a.get("count_include_pad", 0)))


def lp_pool(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> Data:
    """Convert LpPool."""
    x, window = _window(c, a, xs)
    _no_dilation(c, a)
    padding = window.pop("padding")
    if any(map(any, padding)):
        before, after = zip((0, 0), (0, 0), *padding, strict=True)
        x = movement.pad(c.inner("padded"), x, before, after)
    return pooling.lp_pool(c, x, a.get("p", 2), **window)


def resize(c: Call, a: Mapping[str, Any], xs: Sequence[Any]) -> Data:
    """Convert Resize."""
    (x,) = c.data(xs[0])
    before, after = c.tensor(x), c.result
    coordinates = a.get("coordinate_transformation_mode", "half_pixel")
    if coordinates == "tf_crop_and_resize":
        c.refuse("crops", "export the crop as a Slice")
    mode = a.get("mode", "nearest")
    given = [xs[2] if len(xs) > 2 else None]
    scales = None
    if given[0] is not None and np.size(given[0]):
        axes = [d % len(before) for d in a.get("axes", range(len(before)))]
        values = dict(zip(axes, np.ravel(given[0]), strict=True))
        scales = [float(values.get(d, 1.0)) for d in range(len(before))]
    if before[:2] != after[:2]:
        c.refuse(f"resizes {before} to {after}", "only the axes after the channels can be resized")
    if a.get("exclude_outside", 0) and mode == "cubic":
        c.refuse("leaves out what is outside", "export the model with exclude_outside=0")
    return resizing.resize(
        c,
        x,
        after[2:],
        mode,
        scales=None if scales is None else scales[2:],
        coordinates=coordinates,
        nearest=a.get("nearest_mode", "round_prefer_floor"),
        cubic=a.get("cubic_coeff_a", -0.75),
        antialias=bool(a.get("antialias", 0)),
    )
