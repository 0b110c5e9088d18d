"""Passes change the nodes of one graph, one after the other."""

from __future__ import annotations

import numpy as np

from spikelet import layers as L
from spikelet.conversion.folding import fold
from spikelet.conversion.passes import MutableGraph, run_passes
from spikelet.layers.graph import Graph, Node

SCALE = L.Affine(2.0)


def graph() -> Graph:
    return Graph(
        [("a", L.ReLU(), "input"), ("b", SCALE, "a"), ("c", SCALE, "b"), ("d", L.Add(), ("a", "c"))]
    )


def test_no_change_returns_the_graph_itself() -> None:
    given = graph()
    assert run_passes("here", given, lambda work: work.update(work.nodes.values())) is given


def test_replacements_may_be_replaced_and_unused_nodes_go() -> None:
    given = graph()

    def drop(work: MutableGraph) -> None:
        assert work.uses() == {"input": 1, "a": 2, "b": 1, "c": 1, "d": 1}
        work.update([*work.nodes.values()], {"c": "b", "b": "a"})
        assert list(work.nodes) == ["a", "d"]

    found = run_passes("here", given, drop)
    assert [n.inputs for n in found] == [("input",), ("a", "a")]
    assert len(given) == 4


def test_shapes_of_new_nodes_are_known() -> None:
    def flatten(work: MutableGraph) -> None:
        made = (Node("e", L.Flatten(), ("c",)), Node("d", L.ReLU(), ("e",)))
        work.update([*map(work.nodes.__getitem__, "abc"), *made])
        assert work.shapes["e"] == (6,)

    run_passes("here", graph(), flatten, shapes=graph().shapes((2, 3)))


def test_what_only_the_next_step_uses_is_kept_and_renamed() -> None:
    given = Graph(
        [
            ("back", L.Delay(1), "scaled"),
            ("sum", L.Add(), ("input", "back")),
            ("weighed", L.Linear(np.eye(3)), "sum"),
            ("scaled", L.Affine([2.0, 3.0, 4.0]), "weighed"),
            ("out", L.ReLU(), "sum"),
        ]
    )
    found = fold(given)
    assert [n.name for n in found] == ["back", "sum", "weighed", "out"]
    assert found["back"].inputs == ("weighed",)
