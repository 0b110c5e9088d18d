"""Graphs whose movements are simplified: the same results, with fewer layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.layers_reference import random_graph

from spikelet import layers as L
from spikelet.conversion.passes import run_passes
from spikelet.conversion.preparation import simplify as simplify_pass
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

RNG = np.random.default_rng(0)


def simplify(graph: Graph, shape: tuple[int, ...]) -> Graph:
    return run_passes("simplify", graph, simplify_pass, shapes=graph.shapes(shape))


def run(graph: Graph, x: Any) -> Any:
    return SpikingModel(graph, dtype="float64", threads=1).run(x, 1).output


def check(layers: list[Any], shape: tuple[int, ...], kept: list[str], **options: Any) -> Graph:
    graph = Graph(layers, **options)
    simple = simplify(graph, shape)
    assert [node.name for node in simple] == kept
    assert simple.outputs == graph.outputs
    x = RNG.normal(size=(3, *shape))
    for found, wanted in zip(
        np.atleast_1d(run(simple, x)), np.atleast_1d(run(graph, x)), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)
    return simple


def test_an_mlp_of_tokens_is_a_chain_of_convolutions() -> None:
    swap = L.Permute((1, 0))
    simple = check(
        [
            ("a", swap, "input"),
            ("fc1", L.Conv1d(RNG.normal(size=(7, 4, 1)), np.ones(7)), "a"),
            ("b", swap, "fc1"),
            ("relu", L.ReLU(), "b"),
            ("c", swap, "relu"),
            ("fc2", L.Conv1d(RNG.normal(size=(4, 7, 1))), "c"),
            ("d", swap, "fc2"),
            ("scale", L.Affine(RNG.normal(size=(1, 4)), RNG.normal(size=(1, 4))), "d"),
            ("gelu", L.Activation("gelu"), "scale"),
            ("e", swap, "gelu"),
            ("fc3", L.Conv1d(RNG.normal(size=(5, 4, 1))), "e"),
            ("f", swap, "fc3"),
        ],
        (6, 4),
        ["a", "fc1", "relu", "fc2", "scale", "gelu", "fc3", "f"],
    )
    assert simple["relu"].inputs == ("fc1",)
    assert simple["scale"].layer.scale.shape == (4,)  # by channel: it can be folded


@pytest.mark.parametrize("shift", [None, (1, 4), (1, 1)], ids=str)
def test_one_number_stays_one_number(shift: Any) -> None:
    check(
        [
            ("a", L.Permute((1, 0)), "input"),
            ("scale", L.Affine([[2.0]], None if shift is None else RNG.normal(size=shift)), "a"),
            ("b", L.Permute((1, 0)), "scale"),
            ("o", L.Affine(1.0), "b"),
        ],
        (4, 3),
        ["scale", "o"],
    )


def test_chains_that_end_where_they_began_are_dropped() -> None:
    check(
        [
            ("r", L.Reshape((2, 3, 4)), "input"),
            ("p", L.Permute((2, 1, 0)), "r"),
            ("q", L.Permute((2, 1, 0)), "p"),
            ("s", L.Reshape((6, 4)), "q"),
            ("same", L.Slice((0,), (6,)), "s"),
            ("c", L.Conv1d(RNG.normal(size=(2, 6, 3))), "same"),
            ("t", L.Roll((1, 1)), "c"),
            ("o", L.Affine(2.0), "t"),
        ],
        (6, 4),
        ["c", "t", "o"],
    )


def test_outputs_keep_their_names_and_shapes() -> None:
    swap = L.Permute((1, 0))
    check([("a", swap, "input"), ("b", swap, "a")], (3, 4), ["a", "b"])
    check([("a", swap, "input"), ("r", L.ReLU(), "a")], (3, 4), ["a", "r"])


def test_what_others_use_stays() -> None:
    swap = L.Permute((1, 0))
    kept = ["a", "r", "s", "m", "o"]
    layers = [
        ("a", swap, "input"),
        ("r", L.ReLU(), "a"),
        ("s", L.Softmax(), "a"),
        ("m", L.Multiply(), ("r", "s")),
        ("o", swap, "m"),
    ]
    check(layers, (3, 4), kept)


def test_values_that_are_lost_or_repeated_stay_behind_their_movement() -> None:
    for move in (L.Slice((1,), (3,)), L.Pad((1, 0), (0, 0)), L.Take([0, 0, 1, 2])):
        layers = [("m", move, "input"), ("e", L.Activation("exp"), "m"), ("o", L.Affine(1.0), "e")]
        check(layers, (4, 3), ["m", "e", "o"])


@pytest.mark.parametrize("seed", range(10))
def test_other_graphs_stay_as_they_are(seed: int) -> None:
    graph, shape = random_graph(np.random.default_rng(seed))
    simple = simplify(graph, shape)
    assert set(simple.nodes) <= set(graph.nodes) or len(simple) <= len(graph)
    x = RNG.random((2, *shape))
    made = [SpikingModel(g, dtype="float64", threads=1).run(x, 5).output for g in (graph, simple)]
    np.testing.assert_allclose(made[0], made[1], rtol=0, atol=1e-12)


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="simplify: graph must be a Graph, got 'list'"):
        run_passes("simplify", [], simplify_pass)  # type: ignore[arg-type]
