"""Operators that ONNX Runtime adds to models (domain com.microsoft), in terms of ONNX's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from spikelet.conversion.building import refuse
from spikelet.conversion.onnx.operation import Input, Operation

__all__ = ["unfused"]

RankOf: TypeAlias = Callable[[Input], int]
Rule: TypeAlias = Callable[[Operation, RankOf], list[Operation]]


def unfused(operation: Operation, rank_of: RankOf) -> list[Operation]:
    """Return the operations that compute the same, or the operation itself if it is not known.

    Parameters
    ----------
    operation : Operation
        Of another domain than ONNX's own.
    rank_of : callable
        Returns the number of dimensions of an input.
    """
    rule = _RULES.get(operation.kind) if operation.domain == "com.microsoft" else None
    if rule is None:
        return [operation]
    return rule(operation.changed(domain=""), rank_of)


class _Chain:
    """Operations one after the other, of which the last one has the output of the fused one."""

    def __init__(self, op: Operation) -> None:
        self._op = op
        self.found: list[Operation] = []

    def add(self, kind: str, *inputs: Input, **attributes: object) -> str:
        name = f"{self._op.outputs[0]}\0{len(self.found)}"
        self.found.append(
            self._op.changed(kind=kind, inputs=inputs, outputs=(name,), attributes=attributes)
        )
        return name

    def done(self) -> list[Operation]:
        self.found[-1] = self.found[-1].changed(outputs=self._op.outputs[:1])
        return self.found


def _activate(chain: _Chain, source: str, name: str, parameters: list[float]) -> None:
    """Add the activation of a fused operator."""
    if not name:
        return
    names = {"LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta"), "Elu": ("alpha",)}
    if name == "Clip":
        chain.add("Clip", source, *(np.array(p, np.float32) for p in parameters))
    else:
        chain.add(name, source, **dict(zip(names.get(name, ()), parameters, strict=False)))


def _conv(op: Operation, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    chain = _Chain(op)
    a = dict(op.attributes)
    name, parameters = a.pop("activation", ""), a.pop("activation_params", [])
    y = chain.add("Conv", *op.inputs[:3], **a)
    if op.given(3):
        y = chain.add("Add", y, op.inputs[3])
    _activate(chain, y, name, parameters)
    return chain.done()


def _gemm(op: Operation, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    chain = _Chain(op)
    a = dict(op.attributes)
    name = a.pop("activation", "")
    parameters = [a.pop(k) for k in ("activation_alpha", "activation_beta") if k in a]
    a = {k: v for k, v in a.items() if k in ("alpha", "beta", "transA", "transB")}
    _activate(chain, chain.add("Gemm", *op.inputs[:3], **a), name, parameters)
    return chain.done()


def _matmul(op: Operation, rank_of: RankOf) -> list[Operation]:
    chain = _Chain(op)
    a = op.attributes
    if a.get("transBatchA", 0) or a.get("transBatchB", 0):
        refuse(op.label, "transposes the batch", "export the model without this optimisation")
    sides: list[Input] = []
    for x, name in zip(op.inputs, ("transA", "transB"), strict=True):
        n = rank_of(x)
        swapped = [*range(n - 2), n - 1, n - 2]
        sides.append(chain.add("Transpose", x, perm=swapped) if a.get(name, 0) and n > 1 else x)
    y = chain.add("MatMul", *sides)
    if a.get("alpha", 1.0) != 1:
        chain.add("Mul", y, np.array(a["alpha"], np.float32))
    return chain.done()


def _gelu(op: Operation, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    chain = _Chain(op)
    x = chain.add("Add", *op.inputs[:2]) if op.given(1) else op.inputs[0]
    chain.add("Gelu", x, approximate="tanh" if op.kind == "FastGelu" else "none")
    return chain.done()


def _quick_gelu(op: Operation, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    return [op.changed(kind="Swish", attributes={"alpha": op.attributes.get("alpha", 1.702)})]


def _normalised(op: Operation, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    """SkipLayerNormalization: input, skip, gamma, beta, bias; SkipSimplifiedLayerNormalization: without beta."""
    chain = _Chain(op)
    simple = "Simplified" in op.kind
    if any(op.outputs[1:]) and not (len(op.outputs) == 4 and not any(op.outputs[1:3])):
        refuse(op.label, "also gives statistics", "export the model without this optimisation")
    total = chain.add("Add", *op.inputs[:2])
    bias = 3 if simple else 4
    if op.given(bias):
        total = chain.add("Add", total, op.inputs[bias])
    if len(op.outputs) == 4 and op.outputs[3]:
        chain.found[-1] = chain.found[-1].changed(outputs=(op.outputs[3],))
        total = op.outputs[3]
    kind = "RMSNormalization" if simple else "LayerNormalization"
    parameters = [op.inputs[2]] if simple or not op.given(3) else list(op.inputs[2:4])
    chain.add(kind, total, *parameters, axis=-1, epsilon=op.attributes.get("epsilon", 1e-12))
    return chain.done()


def _same(op: Operation, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    return [op]


_RULES: dict[str, Rule] = {
    **dict.fromkeys(("QLinearAdd", "QLinearMul", "QLinearGlobalAveragePool"), _same),
    **dict.fromkeys(("QLinearConcat", "QGemm", "QuantizeLinear", "DequantizeLinear"), _same),
    "FusedConv": _conv,
    "FusedGemm": _gemm,
    **dict.fromkeys(("FusedMatMul", "TransposeMatMul"), _matmul),
    **dict.fromkeys(("Gelu", "FastGelu", "BiasGelu"), _gelu),
    "QuickGelu": _quick_gelu,
    **dict.fromkeys(("SkipLayerNormalization", "SkipSimplifiedLayerNormalization"), _normalised),
}
