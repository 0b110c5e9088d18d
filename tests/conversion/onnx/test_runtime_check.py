"""Layers are compared with ONNX Runtime, operation by operation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tests.support.onnx_models import model, node

from spikelet import layers as L
from spikelet.conversion.building import Data, Merged
from spikelet.conversion.onnx import runtime as onnx_runtime
from spikelet.conversion.onnx.model import Operation
from spikelet.conversion.onnx.runtime import Checked, Runtime, wrong_operation
from spikelet.layers.graph import Graph

GRAPH = Graph(
    [("a", L.ReLU(), ("input",)), ("b", L.Affine(2.0), ("a",)), ("c", L.Softmax(), ("b",))]
)
RUNTIME = Runtime(model([node("Relu", "x", "y")], opset=18))
X, A, B, C, LOST = (Data(name) for name in ("input", "a", "b", "c", "lost"))


def one(kind: str, operands: tuple[Any, ...], result: Data, **attributes: Any) -> Checked:
    inputs = " ".join("uvw"[: len(operands)])
    return Checked(Operation(node(kind, inputs, "y", **attributes)), operands, (result,))


def checked(factor: float = 2.0, merged: Merged = "") -> list[Checked]:
    x, a, b, c = (Data(d.source, 0, merged) for d in (X, A, B, C))
    return [one("Relu", (x,), a), one("Mul", (a, np.float32([factor])), b), one("Softmax", (b,), c)]


def wrong(found: Sequence[Checked], graph: Graph = GRAPH, runtime: Runtime = RUNTIME) -> str | None:
    """Return the operator that is wrong."""
    operation = wrong_operation(graph, graph.shapes((3, 4)), 2, found, runtime)
    return None if operation is None else operation.kind


@pytest.mark.parametrize("merged", ["", "blocks", "turns"])
def test_equal_layers_pass_in_any_layout(merged: Merged) -> None:
    assert wrong(checked(merged=merged)) is None


def test_the_first_wrong_operation_is_named() -> None:
    assert wrong(checked(2.1)) == "Mul"


def test_an_operand_that_no_layer_needs_is_not_compared() -> None:
    """A Where whose condition always holds takes one operand; the graph does not lead to the other."""
    always = one("Where", (np.array(True), B, LOST), C)
    assert always.within(GRAPH.shapes((3, 4))).results == ()
    assert one("Relu", (X,), LOST).within({"input": (3, 4), "a": (3, 4)}).results == ()
    assert one("Relu", (X,), A).within({"input": (3, 4), "a": (3, 4)}).results == (A,)


def test_values_are_held_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is checked in three parts is checked to its end."""
    monkeypatch.setattr(onnx_runtime, "_HELD", 1)
    assert wrong(checked()) is None
    assert wrong([*checked()[:2], one("Softmax", (A,), C)]) == "Softmax"


def norm(layer: L.Layer, kind: str, n: int) -> str | None:
    """Check the norm of values that differ by 1e-5 about 1, whose single precision has two digits."""
    graph = Graph([("a", L.Affine(1e-5, 1.0), ("input",)), ("b", layer, ("a",))])
    operands = (A, np.ones(n, np.float32), np.zeros(n, np.float32))
    return wrong([one(kind, operands, B, epsilon=1e-10)], graph)


def test_values_without_digits_in_single_precision_are_compared_in_double_precision() -> None:
    assert norm(L.GroupNorm(3, eps=1e-10), "InstanceNormalization", 3) is None
    assert norm(L.LayerNorm((1,), eps=1e-10), "LayerNormalization", 4) is None
    assert norm(L.GroupNorm(1, eps=1e-10), "InstanceNormalization", 3) is not None


def test_what_is_computed_in_single_precision_only_stays_wrong() -> None:
    class Single(Runtime):
        def values(self, operation: Operation, operands: Sequence[Any]) -> list[Any]:
            if any(getattr(x, "dtype", None) == np.float64 for x in operands):
                raise RuntimeError("no double")
            return super().values(operation, operands)

    single = Single(model([node("Relu", "x", "y")], opset=18))
    assert wrong(checked(2.1), runtime=single) == "Mul"
