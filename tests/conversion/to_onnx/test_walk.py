"""The order in which layers are written."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet import layers as L
from spikelet.layers.graph import Graph

pytest.importorskip("onnx")

from spikelet.conversion.to_onnx.walk import components, onnx_model  # needs onnx


def test_layers_of_a_cycle_are_written_together() -> None:
    graph = Graph([
        ("back", L.Delay(1), "b"),
        ("first", L.Affine(2.0), "input"),
        ("a", L.Add(), ("first", "back")),
        ("side", L.Affine(2.0), "a"),
        ("b", L.IF(), "a"),
        ("outer", L.Delay(2), "last"),
        ("met", L.Add(), ("b", "side", "outer")),
        ("last", L.LI(), "met"),
    ])  # fmt: skip
    found = [[node.name for node in group] for group in components(graph)]
    assert found == [["first"], ["back", "a", "b"], ["side"], ["outer", "met", "last"]]


def test_a_scan_holds_a_cycle_and_equal_constants_are_shared() -> None:
    graph = Graph([
        ("one", L.Linear(np.eye(3)), "input"),
        ("two", L.Linear(np.eye(3)), "one"),
        ("back", L.Delay(1), "lif"),
        ("sum", L.Add(), ("two", "back")),
        ("lif", L.LIF(), "sum"),
    ])  # fmt: skip
    made = onnx_model(graph, (3,), where="f", real=np.dtype(np.float32), sequence=True)
    assert [node.op_type for node in made.graph.node].count("Scan") == 1
    assert sum(list(a.dims) == [3, 3] for a in made.graph.initializer) == 1


def test_graphs_that_no_file_holds_are_refused() -> None:
    weight = np.broadcast_to(np.float64(0.5), (1 << 15, 1 << 15))
    layer = object.__new__(L.Linear)
    object.__setattr__(layer, "weight", weight)
    object.__setattr__(layer, "bias", None)
    with pytest.raises(ValueError, match=r"parameters must have less than .* got bytes 4294967296"):
        onnx_model(Graph([layer]), (1 << 15,), where="f", real=np.dtype(np.float32), sequence=False)
