"""Layers are compared with ONNX's reference implementation, operation by operation."""

from __future__ import annotations

import numpy as np
import onnx

from spikelet import layers as L
from spikelet.conversion.building import Data, Merged
from spikelet.conversion.onnx import check as onnx_check
from spikelet.conversion.onnx.check import Checked, wrong_layer
from spikelet.conversion.onnx.operation import Operation
from spikelet.conversion.onnx.reference import Reference
from spikelet.layers.graph import Graph

GRAPH = Graph(
    [("a", L.ReLU(), ("input",)), ("b", L.Affine(2.0), ("a",)), ("c", L.Softmax(), ("b",))]
)
TWO = np.float32(2)
SHAPES = {"input": (3, 4)}
reference = Reference(onnx, 18, {})


def checked(factor: float = 2.0, merged: Merged = "") -> list[Checked]:
    x, a, b, c = (Data(name, 0, merged) for name in ("input", "a", "b", "c"))
    kinds = [("Relu", (x,), a), ("Mul", (a, np.float32(factor)), b), ("Softmax", (b,), c)]
    return [
        Checked(Operation(kind, tuple("uv"[: len(given)]), ("y",)), given, (found,))
        for kind, given, found in kinds
    ]


def test_equal_layers_pass_in_any_layout() -> None:
    layouts: tuple[Merged, ...] = ("", "blocks", "turns")
    for merged in layouts:
        assert wrong_layer(GRAPH, SHAPES, 2, checked(merged=merged), reference) is None


def test_the_first_wrong_operation_is_named() -> None:
    wrong = wrong_layer(GRAPH, SHAPES, 2, checked(2.1), reference)
    assert wrong is not None
    assert wrong.operation.kind == "Mul"


def test_an_operand_that_no_layer_needs_is_not_compared() -> None:
    """A Where whose condition always holds takes one operand; the graph does not lead to the other."""
    x, b, lost, c = (Data(name) for name in ("input", "b", "lost", "c"))
    always = Checked(Operation("Where", tuple("uvw"), ("y",)), (np.array(True), b, lost), (c,))
    other = Checked(Operation("Relu", ("u",), ("y",)), (x,), (lost,))
    assert wrong_layer(GRAPH, SHAPES, 2, [*checked(), other, always], reference) is None


def test_values_are_held_part_by_part(monkeypatch: object) -> None:
    """A model that is checked in three parts is checked to its end."""
    monkeypatch.setattr(onnx_check, "_HELD", 1)  # type: ignore[attr-defined]
    assert wrong_layer(GRAPH, SHAPES, 1, checked(), reference) is None
    last = [c.renamed({"c": "b"}) for c in checked()]
    assert wrong_layer(GRAPH, SHAPES, 1, last, reference) is not None


def norm(layer: L.Layer, kind: str, n: int, **attributes: object) -> tuple[Graph, list[Checked]]:
    """Return the norm of values that differ by 1e-5 about 1, whose single precision has two digits."""
    graph = Graph([("a", L.Affine(1e-5, 1.0), ("input",)), ("b", layer, ("a",))])
    operation = Operation(kind, tuple("uvw"), ("y",), {"epsilon": 1e-10} | attributes)
    given = (Data("a"), np.ones(n, np.float32), np.zeros(n, np.float32))
    return graph, [Checked(operation, given, (Data("b"),))]


def test_values_without_digits_in_single_precision_are_compared_in_double_precision() -> None:
    for graph, operations in (
        norm(L.GroupNorm(3, eps=1e-10), "InstanceNormalization", 3),
        norm(L.LayerNorm((1,), eps=1e-10), "LayerNormalization", 4),
    ):
        assert wrong_layer(graph, SHAPES, 2, operations, reference) is None
    graph, operations = norm(L.GroupNorm(1, eps=1e-10), "InstanceNormalization", 3)
    assert wrong_layer(graph, SHAPES, 2, operations, reference) is not None


def test_what_the_reference_computes_in_single_precision_only_stays_wrong() -> None:
    class Single(Reference):
        def values(self, operation: Operation, inputs: object) -> list[object]:
            if any(getattr(x, "dtype", None) == np.float64 for x in inputs):  # type: ignore[attr-defined]
                raise RuntimeError("no double")
            return super().values(operation, inputs)  # type: ignore[arg-type]

    wrong = wrong_layer(GRAPH, SHAPES, 2, checked(2.1), Single(onnx, 18, {}))
    assert wrong is not None
    assert wrong.operation.kind == "Mul"
