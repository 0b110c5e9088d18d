"""Quantised ONNX operators, on real values: rounding is that of a ReLU with levels, as in QCFS.

The values of a quantised tensor are read as the real numbers for which its integers stand, so that DequantizeLinear
changes nothing, and QuantizeLinear rounds to the numbers that the integers can stand for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spikelet.conversion.building import Call, Data
from spikelet.conversion.onnx.windows import conv
from spikelet.conversion.operators import activation, arithmetic, convolution, movement, pooling

__all__ = ["QUANTISED"]

Attributes = Mapping[str, Any]
Operands = Sequence[Any]


def _at(xs: Operands, k: int) -> Any:
    return xs[k] if k < len(xs) else None


def _scale(c: Call, scale: Any) -> Any:
    if isinstance(scale, Data):
        c.refuse(
            "is quantised by a scale that depends on the input",
            "use the model before its dynamic quantisation",
        )
    return np.asarray(scale, np.float64)


def _rounded(c: Call, x: Data, scale: Any, zero: Any) -> Data:
    """Round to the numbers for which integers stand."""
    size = _scale(c, scale)
    if size.size != 1 or (zero is not None and np.size(zero) != 1):
        c.refuse("is quantised with several scales", "quantise activations with one scale a tensor")
    step, middle = float(size.reshape(())), 0 if zero is None else int(np.reshape(zero, ()))
    kind = np.dtype(np.uint8 if zero is None else zero.dtype)
    if kind.kind not in "iu":
        c.refuse(f"is quantised to {kind}", "quantise to integers")
    least, most = np.iinfo(kind).min, np.iinfo(kind).max
    low, levels = (least - middle) * step, most - least
    shifted = arithmetic.affine(c.inner("shifted"), x, 1.0, -low) if low else x
    inner = c.inner("levels") if low else c
    y = activation.relu(inner, shifted, levels * step, levels)
    return arithmetic.affine(c, y, 1.0, low) if low else y


def _real(c: Call, x: Any, scale: Any, zero: Any, axis: int = 0) -> Any:
    """Return the real values of an operand."""
    if isinstance(x, Data):
        return x
    shape = [1] * np.ndim(x)
    if np.size(scale) > 1:
        shape[axis] = -1
    middle = 0.0 if zero is None else np.asarray(zero, np.float64)
    middle = np.reshape(middle, shape if np.size(middle) > 1 else ())
    size = np.reshape(_scale(c, scale), shape if np.size(scale) > 1 else ())
    return (np.asarray(x, np.float64) - middle) * size


def _quantise(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    (x,) = c.data(xs[0])
    return _rounded(c, x, xs[1], _at(xs, 2))


def _dequantise(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    (x,) = c.data(xs[0])
    if x.source not in c.builder.inputs:
        return x
    # The integers themselves are the input.
    middle = 0.0 if _at(xs, 2) is None else np.asarray(xs[2], np.float64)
    scale = _scale(c, xs[1])
    return arithmetic.affine(c, x, scale, -middle * scale)


def _conv(c: Call, a: Attributes, xs: Operands) -> Data:
    x, _, _, w, ws, wz, ys, yz = xs[:8]
    weight = _real(c, w, ws, wz)
    bias = _at(xs, 8)
    if bias is not None:
        bias = np.asarray(bias, np.float64) * _scale(c, xs[1]) * np.ravel(_scale(c, ws))
    return _rounded(c, conv(c.inner("sum"), a, (x, weight, bias)), ys, yz)


def _matmul(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    first = _real(c, xs[0], xs[1], xs[2], -2)
    second = _real(c, xs[3], xs[4], xs[5], -1)
    inner = c.inner("product")
    if isinstance(first, Data) and not isinstance(second, Data) and second.ndim == 2:
        y = convolution.linear(inner, first, second.T)
    else:
        y = arithmetic.matmul(inner, first, second)
    return _rounded(c, y, xs[6], xs[7])


def _gemm(c: Call, a: Attributes, xs: Operands) -> Data:
    x, xs_, _, w, ws, wz, bias = (*xs[:6], _at(xs, 6))
    if a.get("transA", 0) or _at(xs, 7) is None:
        c.refuse("transposes its input, or is not rounded", "use the model before quantisation")
    weight = _real(c, w, ws, wz, 0 if a.get("transB", 0) else 1) * a.get("alpha", 1.0)
    if bias is not None:
        bias = np.asarray(bias, np.float64) * _scale(c, xs_) * np.ravel(_scale(c, ws))
    rows = weight if a.get("transB", 0) else weight.T
    return _rounded(c, convolution.linear(c.inner("sum"), x, rows, bias), xs[7], _at(xs, 8))


def _binary(function: Any) -> Any:
    def handler(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
        y = function(c.inner("exact"), _real(c, *xs[0:3]), _real(c, *xs[3:6]))
        return _rounded(c, y, xs[6], _at(xs, 7))

    return handler


def _global_average(c: Call, a: Attributes, xs: Operands) -> Data:
    if a.get("channels_last", 0):
        c.refuse("has channels last", "use the model before quantisation")
    (x,) = c.data(xs[0])
    return _rounded(c, pooling.global_avg_pool(c.inner("mean"), x), xs[3], _at(xs, 4))


def _concat(c: Call, a: Attributes, xs: Operands) -> Data:
    parts = [_real(c, *xs[k : k + 3]) for k in range(2, len(xs), 3)]
    return _rounded(c, movement.concat(c.inner("parts"), parts, a["axis"]), xs[0], xs[1])


QUANTISED: dict[str, Any] = {
    "QuantizeLinear": _quantise,
    "DequantizeLinear": _dequantise,
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    "QGemm": _gemm,
    "QLinearAdd": _binary(arithmetic.add),
    "QLinearMul": _binary(arithmetic.multiply),
    "QLinearGlobalAveragePool": _global_average,
    "QLinearConcat": _concat,
}
