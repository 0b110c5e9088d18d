"""Graphs of layers: names, order, shapes, and what they refuse."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from spikelet import layers as L
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel

ONES = np.ones


def test_a_bare_layer_takes_the_one_before() -> None:
    graph = Graph([L.Linear(ONES((2, 3))), L.IF(), ("out", L.Linear(ONES((1, 2))), "if1")])
    assert [(n.name, n.inputs) for n in graph] == [
        ("linear0", ("input",)),
        ("if1", ("linear0",)),
        ("out", ("if1",)),
    ]
    assert graph.shapes((3,)) == {"input": (3,), "linear0": (2,), "if1": (2,), "out": (1,)}
    assert graph.output.name == "out"
    assert len(graph.upto("if1")) == 2
    assert [n.name for n in graph.consumers("linear0")] == ["if1"]
    assert graph.replaced({"if1": L.ReLU()})["if1"].layer.upper is None


RELU = L.ReLU()
REFUSED_GRAPHS: list[tuple[list[Any], type[Exception], str]] = [
    ([], ValueError, "SpikingModel: layers must hold at least one layer, got []"),
    ([RELU, "relu"], TypeError, "SpikingModel: layers[1] must be a layer of sl.layers or"),
    ([("a", RELU)], TypeError, "SpikingModel: layers[0] must be a layer"),
    ([("a", RELU, "input"), ("a", RELU, "a")], ValueError, "name must be unique, got 'a'"),
    ([("input", RELU, "input")], ValueError, "name must be unique, got 'input'"),
    ([("a", RELU, "b")], ValueError, "inputs of 'a' must be the name of an earlier layer, got 'b'"),
    (
        [("a", RELU, "a")],
        ValueError,
        "SpikingModel: inputs of 'a' must be the name of an earlier layer, got 'a'",
    ),
    (
        [("a", RELU, "input"), ("b", RELU, "input")],
        ValueError,
        "layers must all lead to the last one, got unused 'a'",
    ),
    ([("a", L.Add(), ())], ValueError, "layers must use the input, got ['a']"),
]


@pytest.mark.parametrize(("layers", "kind", "message"), REFUSED_GRAPHS)
def test_graphs_that_make_no_sense_are_refused(
    layers: list[Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        SpikingModel(layers)


def test_a_layer_that_does_not_fit_is_named_by_the_model() -> None:
    graph = Graph([Node("first", L.Linear(ONES((2, 3))), ("input",)), L.IF(ONES(5))])
    with pytest.raises(ValueError, match=r"^Linear 'first': input shape must be \(3,\), got \(4,"):
        graph.shapes((4,))
    with pytest.raises(ValueError, match=r"^IF 'if1': threshold .* got shape \(5,\)"):
        SpikingModel(graph).run(ONES((1, 3)), 2)
