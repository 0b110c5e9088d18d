"""Operators that optimizers put in place of ONNX's own: quantized ones, and those that ONNX Runtime fuses (com.microsoft).

Quantized operators work on real values; their rounding is that of a ReLU with levels, as in QCFS.

The values of a quantized tensor are the real numbers for which its integers stand: DequantizeLinear changes nothing, and
QuantizeLinear rounds to the numbers that the integers can stand for. Dynamic quantization does not round activations, as
its scales depend on each input: its integers have the scale 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet.conversion.building import Data
from spikelet.conversion.onnx.operators import OPERATORS, Handler, OnnxCall, factors, function
from spikelet.conversion.operators import activation, arithmetic, movement

_BEFORE = "use the model before its dynamic quantization"
_NO_ZERO = np.uint8(0)  # the zero point of what is quantized dynamically


def _scale(c: OnnxCall, scale: Any) -> Any:
    if isinstance(scale, Data):
        c.refuse("is quantized by a scale that depends on the input", _BEFORE)
    return np.asarray(scale, np.float64)


def _rounded(c: OnnxCall, x: Data, scale: Any, zero: Any) -> Data:
    """Round to the numbers for which integers stand."""
    if zero is _NO_ZERO:
        c.refuse("is quantized by a scale that depends on the input", _BEFORE)
    size = _scale(c, scale)
    if size.size != 1 or (zero is not None and np.size(zero) != 1):
        c.refuse("is quantized with several scales", "quantize activations with one scale per tensor")  # fmt: skip
    step, middle = float(size.reshape(())), 0 if zero is None else int(np.reshape(zero, ()))
    kind = np.dtype(np.uint8 if zero is None else zero.dtype)
    if kind.kind not in "iu":
        c.refuse(f"is quantized to {kind}", "quantize to integers")
    least, most = np.iinfo(kind).min, np.iinfo(kind).max
    low, levels = (least - middle) * step, most - least
    shifted = arithmetic.affine(c.inner("shifted"), x, 1.0, -low) if low else x
    inner = c.inner("levels") if low else c
    y = activation.relu(inner, shifted, levels * step, levels)
    return arithmetic.affine(c, y, 1.0, low) if low else y


def _real(c: OnnxCall, k: int, axis: int = 0) -> Any:
    """Return the real values of an operand, which its scale and its zero point follow."""
    x, scale, zero = c.at(k), c.at(k + 1), c.at(k + 2)
    if isinstance(x, Data) or x is None:
        return x

    return _along(x, zero, _scale(c, scale), axis)


def _along(x: Any, zero: Any, scale: Any, axis: int) -> Any:
    """Return the real values of integers; there may be a zero point and a scale for each index of an axis."""

    def along_axis(values: Any) -> Any:
        shape = [1] * np.ndim(x)
        shape[axis] = -1
        values = np.asarray(values, np.float64)
        return values.reshape(shape if values.size > 1 else ())

    middle, size = (0.0 if zero is None else zero), (1.0 if scale is None else scale)
    return (np.asarray(x, np.float64) - along_axis(middle)) * along_axis(size)


def _quantize(c: OnnxCall) -> Data:
    return _rounded(c, c.x, c.at(1), c.at(2))


def _dequantize(c: OnnxCall) -> Data:
    if c.x.source not in c.builder.inputs:
        return c.x
    # The integers themselves are the input.
    middle = 0.0 if c.at(2) is None else np.asarray(c.at(2), np.float64)
    scale = _scale(c, c.at(1))
    return arithmetic.affine(c, c.x, scale, -middle * scale)


def _exact(kind: str, *axes: int, result: int, bias: int | None = None) -> Handler:
    """Convert to an operator of real numbers, and round.

    Parameters
    ----------
    kind : str
        That operator.
    *axes : int
        Axis of each operand along which its scales lie, if there are several.
    result, bias : int
        Number of the operand that scales the result, and of the one that is a bias.
    """

    def handler(c: OnnxCall) -> Data:
        if c.get("channels_last", 0):
            c.refuse("has channels last", "use the model before quantization")
        transposed = c.get("transB", 0)
        operands = [_real(c, 3 * k, 0 if transposed else axis) for k, axis in enumerate(axes)]
        if bias is not None and c.at(bias) is not None:
            scale = _scale(c, c.at(1)) * np.ravel(_scale(c, c.at(4)))
            operands.append(np.asarray(c.at(bias), np.float64) * scale)
        y: Data = OPERATORS[kind](c.part("exact", *operands, **c.attributes))
        return y if c.at(result) is None else _rounded(c, y, c.at(result), c.at(result + 1))

    return handler


def _concat(c: OnnxCall) -> Data:
    parts = [_real(c, k) for k in range(2, len(c.operands), 3)]
    return _rounded(c, movement.concat(c.inner("parts"), parts, c.get("axis")), c.at(0), c.at(1))


def _dynamic(kind: str, *, axis: int, places: tuple[int, ...], bias: int | None = None) -> Handler:
    """Convert a product with weights in integers to one of real numbers.

    Parameters
    ----------
    kind : str
        The operator of real numbers.
    axis : int
        Axis of the weights along which their zero points and scales lie.
    places : tuple of int
        Numbers of the operands: the zero points of the input and of the weights, and the scales of both if there are some.
    bias : int, optional
        Number of the operand that is a bias.
    """

    def handler(c: OnnxCall) -> Data:
        own, zero, *scales = (None if k < 0 else c.at(k) for k in places)
        if places[0] >= 0 and own is not _NO_ZERO:
            c.refuse(
                "takes integers that DynamicQuantizeLinear did not make",
                "use the model before quantization",
            )
        weights = c.at(1)
        if isinstance(weights, Data):
            c.refuse("multiplies two tensors that are quantized dynamically", _BEFORE)
        weights = _along(weights, zero, scales[-1] if scales else None, axis)
        y: Data = OPERATORS[kind](c.part("exact", c.at(0), weights, **c.attributes))
        if bias is None or c.at(bias) is None:
            return y
        return arithmetic.add(c.inner("sum"), y, c.at(bias))

    return handler


QUANTIZED: dict[str, Handler] = {
    "DynamicQuantizeLinear": lambda c: (c.x, np.float32(1), _NO_ZERO),
    "MatMulInteger": _dynamic("MatMul", axis=-1, places=(2, 3)),
    "ConvInteger": _dynamic("Conv", axis=0, places=(2, 3)),
    "DynamicQuantizeMatMul": _dynamic("MatMul", axis=-1, places=(-1, 3, 2), bias=4),
    "MatMulIntegerToFloat": _dynamic("MatMul", axis=-1, places=(4, 5, 2, 3), bias=6),
    "DynamicQuantizeLSTM": lambda c: c.refuse("is quantized dynamically", _BEFORE),
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "QLinearConv": _exact("Conv", 0, 0, result=6, bias=8),
    "QLinearMatMul": _exact("MatMul", -2, -1, result=6),
    "QGemm": _exact("Gemm", 1, 1, result=7, bias=6),
    "QLinearAdd": _exact("Add", 0, 0, result=6),
    "QLinearMul": _exact("Mul", 0, 0, result=6),
    "QLinearGlobalAveragePool": _exact("GlobalAveragePool", 0, result=3),
    "QLinearConcat": _concat,
}


def _activated(c: OnnxCall, y: Data, *parameters: float | None) -> Data:
    """Apply the activation of a fused operator."""
    name = c.get("activation", "")
    if not name:
        return y
    names = ("min", "max") if name == "Clip" else ("alpha", "beta")
    given = {n: p for n, p in zip(names, parameters, strict=False) if p is not None}
    found: Data = OPERATORS[name](c.part(name.lower(), y, **given))
    return found


def _conv(c: OnnxCall) -> Data:
    y = OPERATORS["Conv"](c.part("conv", *c.operands[:3], **c.attributes))
    if c.at(3) is not None:
        y = arithmetic.add(c.inner("sum"), y, c.at(3))
    return _activated(c, y, *c.get("activation_params", ()))


def _gemm(c: OnnxCall) -> Data:
    y = OPERATORS["Gemm"](c.part("gemm", *c.operands[:3], **c.attributes))
    return _activated(c, y, c.get("activation_alpha"), c.get("activation_beta"))


def _matmul(c: OnnxCall) -> Data:
    if c.get("transBatchA", 0) or c.get("transBatchB", 0):
        c.refuse("transposes the batch", "export the model without this optimization")
    alpha = c.get("alpha", 1.0)
    y = arithmetic.matmul(c if alpha == 1 else c.inner("product"), *factors(c))
    return y if alpha == 1 else arithmetic.affine(c, y, alpha)


def _gelu(name: str) -> Handler:
    def handler(c: OnnxCall) -> Data:
        x = c.x if c.at(1) is None else arithmetic.add(c.inner("sum"), c.at(0), c.at(1))
        return activation.activation(c, x, name)

    return handler


def _norm(kind: str, bias: int) -> Handler:
    """Convert the norm of a sum; the operand `bias` is a bias."""

    def handler(c: OnnxCall) -> Any:
        total = arithmetic.add(c.inner("sum"), c.at(0), c.at(1))
        if c.at(bias) is not None:
            total = arithmetic.add(c.inner("biased"), total, c.at(bias))
        epsilon = c.get("epsilon", 1e-12)
        norm = c.part("norm", total, *c.operands[2:bias], axis=-1, epsilon=epsilon)
        y = OPERATORS[kind](norm)
        return (y[0] if isinstance(y, tuple) else y), None, None, total

    return handler


FUSED: dict[str, Handler] = {
    **QUANTIZED,
    "FusedConv": _conv,
    "FusedGemm": _gemm,
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul"), _matmul),
    **dict.fromkeys(("Gelu", "BiasGelu"), _gelu("gelu")),
    "FastGelu": _gelu("gelu_tanh"),
    "QuickGelu": function("silu", alpha=("alpha", 1.702)),
    "SkipLayerNormalization": _norm("LayerNormalization", 4),
    "SkipSimplifiedLayerNormalization": _norm("RMSNormalization", 3),
}
