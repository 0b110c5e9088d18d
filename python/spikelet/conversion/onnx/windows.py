"""ONNX operators of windows: convolutions, pools and interpolation, with their ways to pad."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from spikelet.conversion.building import Data
from spikelet.conversion.onnx.call import OnnxCall
from spikelet.conversion.operators import activation, arithmetic, convolution, pooling, resizing

__all__ = ["conv", "conv_transpose", "lp_pool", "pool", "resize", "upsample"]


def _windows(c: OnnxCall, kernel: Sequence[int]) -> dict[str, Any]:
    """Return how the windows lie: stride, dilation, and the padding before and after each axis."""
    n = len(kernel)
    stride, dilation = c.get("strides", [1] * n), c.get("dilations", [1] * n)
    auto, pads = c.get("auto_pad", "NOTSET"), c.get("pads", [0] * 2 * n)
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        size = c.tensor(c.x)[2:]
        padding = convolution.same(size, kernel, stride, dilation, late=auto == "SAME_UPPER")
    else:
        padding = list(zip(pads[:n], pads[n:], strict=True)) if auto == "NOTSET" else [(0, 0)] * n
    return {"stride": tuple(stride), "padding": padding, "dilation": tuple(dilation)}


def _weights(c: OnnxCall) -> tuple[Any, Any]:
    return c.constant_at(1, "weights"), c.constant_at(2, "weights")


def conv(c: OnnxCall) -> Data:
    """Convert Conv."""
    weight, bias = _weights(c)
    windows = _windows(c, weight.shape[2:])
    return convolution.conv(c, c.x, weight, bias, groups=c.get("group", 1), **windows)


def conv_transpose(c: OnnxCall) -> Data:
    """Convert ConvTranspose."""
    weight, bias = _weights(c)
    windows = _windows(c, weight.shape[2:])
    size = c.tensor(c.x)[2:]
    extra = list(c.get("output_padding", [0] * len(size)))
    auto = c.get("auto_pad", "NOTSET")
    if c.get("output_shape") or auto in ("SAME_UPPER", "SAME_LOWER"):
        steps, gaps, late = windows["stride"], windows["dilation"], auto == "SAME_UPPER"
        for k, out in enumerate(c.result[2:]):
            reach = gaps[k] * (weight.shape[k + 2] - 1) + 1
            total = steps[k] * (size[k] - 1) + extra[k] + reach - out
            extra[k] += max(-total, 0)
            windows["padding"][k] = convolution.halves(max(total, 0), late=late)
    return convolution.conv_transpose(
        c, c.x, weight, bias, output_padding=extra, groups=c.get("group", 1), **windows
    )


def pool(function: Callable[..., Data], **more: Any) -> Callable[[OnnxCall], Data]:
    """Return a handler for a pool; `more` are arguments for its function."""

    def handler(c: OnnxCall) -> Data:
        kernel = c.get("kernel_shape")
        arguments = {**_windows(c, kernel), **more, "ceil_mode": bool(c.get("ceil_mode", 0))}
        if function is pooling.avg_pool:
            arguments.setdefault("count_include_pad", bool(c.get("count_include_pad", 0)))
        return function(c, c.x, tuple(kernel), **arguments)

    return handler


def lp_pool(c: OnnxCall) -> Data:
    """Convert LpPool: the p-th root of the sum of the p-th powers of magnitudes."""
    p = float(c.get("p", 2))
    x = c.x if p == 2 else activation.activation(c.inner("magnitude"), c.x, "abs")
    powers = arithmetic.power(c.inner("power"), x, np.array(p))
    total = pool(pooling.avg_pool, divisor_override=1)(c.part("sum", powers, **c.attributes))
    return arithmetic.power(c, total, np.array(1 / p))


def upsample(c: OnnxCall) -> Data:
    """Convert Upsample, and Resize of version 10."""
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    scales = c.get("scales") if c.at(1) is None else c.constant_at(1, "scales")
    return _resized(c, scales, None, {"mode": c.get("mode", "nearest"), **how})


def resize(c: OnnxCall) -> Data:
    """Convert Resize."""
    if c.runtime.version == 10:
        return upsample(c)
    return _resized(c, c.constant_at(2, "scales"), c.constant_at(3, "sizes"), c.attributes)


def _resized(c: OnnxCall, scales: Any, sizes: Any, how: Any) -> Data:
    x, after = c.x, c.result
    before = c.tensor(x)
    mode = how.get("mode", "nearest").replace("bilinear", "linear")
    coordinates = how.get("coordinate_transformation_mode", "half_pixel")
    if coordinates == "tf_crop_and_resize":
        c.refuse("crops", "crop with Slice before it resizes")
    if before[:2] != after[:2]:
        c.refuse(f"resizes {before} to {after}", "only the axes after the channels can be resized")
    small = any(m < n for n, m in zip(before, after, strict=True))
    if how.get("antialias", 0) and small and mode != "nearest":
        c.refuse("is antialiased", "export the model with antialias=0, or use average pooling")
    axes = [d % len(before) for d in how.get("axes", range(len(before)))]
    policy = how.get("keep_aspect_ratio_policy", "stretch")
    if (scales is None or not np.size(scales)) and policy != "stretch":
        ratios = np.ravel(sizes) / np.array([before[d] for d in axes])
        scales = [ratios.min() if policy == "not_larger" else ratios.max()] * len(axes)
    factors = None  # the ratio of the sizes
    if scales is not None and np.size(scales):
        of_axes = dict(zip(axes, np.ravel(scales).tolist(), strict=True))
        factors = [float(of_axes.get(d, 1.0)) for d in range(2, len(before))]
    return resizing.resize(
        c,
        x,
        after[2:],
        mode,
        coordinates=coordinates,
        rounding=how.get("nearest_mode", "round_prefer_floor"),
        scale=factors,
        cubic=how.get("cubic_coeff_a", -0.75),
        exclude_outside=bool(how.get("exclude_outside", 0)),
    )
