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
        "SpikingModel: layers must go through a Delay of at least one step, got the cycle ['a']",
    ),
    (
        [("a", RELU, "input"), ("b", RELU, "input")],
        ValueError,
        "layers must all lead to an output, got unused 'a'",
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


def fork() -> Graph:
    """Two inputs that meet, and two outputs of which one is used further."""
    return Graph(
        [
            ("left", L.Linear(ONES((2, 3))), "a"),
            ("right", L.Linear(ONES((2, 1))), "b"),
            ("sum", L.Add(), ("left", "right")),
            ("spikes", L.IF(), "sum"),
            ("rest", L.Linear(ONES((1, 2))), "spikes"),
        ],
        inputs=("a", "b"),
        outputs=("rest", "sum"),
    )


def test_several_inputs_and_outputs() -> None:
    graph = fork()
    assert graph.inputs == ("a", "b")
    assert graph.outputs == ("rest", "sum")
    assert graph.output.name == "rest"
    expected = {"a": (3,), "b": (1,), "left": (2,), "right": (2,), "sum": (2,), "spikes": (2,), "rest": (1,)}  # fmt: skip
    assert graph.shapes([(3,), (1,)]) == graph.shapes({"b": (1,), "a": (3,)}) == expected
    part = graph.upto("right", "left")
    assert (part.inputs, part.outputs, len(part)) == (("a", "b"), ("right", "left"), 2)
    assert graph.upto("right").inputs == ("b",)
    other = graph.replaced({"spikes": L.ReLU()})
    assert (other.inputs, other.outputs) == (graph.inputs, graph.outputs)


def test_a_layer_may_only_be_an_output_if_it_is_named() -> None:
    layers = [("a", L.ReLU(), "input"), ("b", L.ReLU(), "input")]
    assert Graph(layers, outputs=["b", "a"]).outputs == ("b", "a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": ()}, r"inputs must be at least one name, and unique, got \(\)"),
        ({"inputs": ("a", "a")}, "inputs must be at least one name, and unique"),
        ({"inputs": ("a", "b")}, "layers must use the input 'b'"),
        ({"inputs": ("b",)}, "inputs of 'r' must be the name of an earlier layer, got 'a'"),
        ({"inputs": ("a", "r")}, "name must be unique, got 'r'"),
        ({"inputs": ("a",), "outputs": ("q",)}, "outputs must be names of layers, got 'q'"),
        ({"inputs": ("a",), "outputs": ("a",)}, "outputs must be names of layers, got 'a'"),
        (
            {"inputs": ("a",), "outputs": ("r", "r")},
            "outputs must be at least one name, and unique",
        ),
    ],
)
def test_ends_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^SpikingModel: {message}"):
        Graph([("r", RELU, "a")], **options)


@pytest.mark.parametrize("shape", [(3,), [(3,)], {"a": (3,)}, [(3,), (1,), (1,)]])
def test_a_shape_is_needed_for_each_input(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"^Graph\.shapes: input_shape must "):
        fork().shapes(shape)
