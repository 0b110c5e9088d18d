"""Operators into which ONNX Runtime fuses ONNX's own (domain com.microsoft)."""

from __future__ import annotations

from typing import Any

from spikelet.conversion.building import Data
from spikelet.conversion.onnx.call import Handler, OnnxCall
from spikelet.conversion.onnx.operators import OPERATORS, factors, function
from spikelet.conversion.onnx.quantized import QUANTIZED
from spikelet.conversion.operators import activation, arithmetic

__all__ = ["FUSED"]


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
