from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from spikelet.io.nir.flat import flatten
from spikelet.io.nir.order import Order, order_of

nir = pytest.importorskip("nir")

ONE = np.ones(1)


def order(*edges: tuple[str, str], delays: Any = ()) -> Order:
    """Make nodes by their first letter: i Input, o Output, n neuron, d Delay, else Scale."""
    makes = {
        "i": lambda: nir.Input(np.array([1])),
        "o": lambda: nir.Output(np.array([1])),
        "n": lambda: nir.LIF(ONE, ONE, ONE, ONE),
        "d": lambda: nir.Delay(ONE),
    }
    names = dict.fromkeys(name for edge in edges for name in edge)
    nodes = {name: makes.get(name[0], lambda: nir.Scale(ONE))() for name in names}
    graph = nir.NIRGraph(nodes, list(edges), type_check=False)
    return order_of(flatten(graph, "g"), delays)


def test_a_chain_comes_in_order_whatever_the_names() -> None:
    found = order(("i", "z"), ("z", "n1"), ("n1", "a"), ("a", "o"))
    assert [part.nodes for part in found.components] == [("i",), ("z",), ("n1",), ("a",), ("o",)]
    assert not any(part.loops for part in found.components)
    assert not found.closing


def test_the_edge_that_leads_back_closes_the_cycle() -> None:
    found = order(("w", "n1"), ("n1", "w"), ("i", "n1"), ("n1", "o"))
    assert found.closing == {("w", "n1")}
    assert found.components[1].nodes == ("n1", "w")
    assert found.components[1].loops


def test_a_neuron_that_leads_to_itself_loops() -> None:
    found = order(("i", "n1"), ("n1", "n1"), ("n1", "o"))
    assert found.closing == {("n1", "n1")}
    assert [part.loops for part in found.components] == [False, True, False]


def test_a_delay_of_a_step_needs_no_edge_to_close() -> None:
    edges = [("i", "n1"), ("n1", "d"), ("d", "w"), ("w", "n1"), ("n1", "o")]
    held = order(*edges, delays={"d"})
    assert not held.closing
    assert held.components[1].nodes == ("d", "w", "n1")
    assert order(*edges).closing == {("w", "n1")}


def test_only_one_edge_of_a_long_cycle_waits() -> None:
    found = order(("i", "n1"), ("n1", "a"), ("a", "n2"), ("n2", "b"), ("b", "n1"), ("n2", "o"))
    assert found.closing == {("b", "n1")}


def test_the_order_of_nodes_does_not_matter() -> None:
    """A file sorts them by name."""
    edges = [
        ("i", "n1"),
        ("n1", "n2"),
        ("n2", "n1"),
        ("i", "n2"),
        ("n2", "n3"),
        ("n3", "n3"),
        ("n3", "o"),
    ]
    one = order(*edges)
    graph = nir.NIRGraph(
        {name: nir.LIF(ONE, ONE, ONE, ONE) for name in ("n3", "n1", "n2")}
        | {"o": nir.Output(np.array([1])), "i": nir.Input(np.array([1]))},
        edges, type_check=False,
    )  # fmt: skip
    other = order_of(flatten(graph, "g"), ())
    assert one == other


def test_long_chains_need_no_stack() -> None:
    names = ["i", *(f"n{k}" for k in range(3000)), "o"]
    found = order(*itertools.pairwise(names))
    assert len(found.components) == 3002
