from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from spikelet.io.nir.flat import flatten

nir = pytest.importorskip("nir")

ONES = np.ones(2)


def lif(n: int = 2) -> Any:
    one = np.ones(n)
    return nir.LIF(tau=one, r=one, v_leak=0 * one, v_threshold=one)


def graph(nodes: dict[str, Any], *edges: tuple[str, str]) -> Any:
    return nir.NIRGraph(nodes, list(edges), type_check=False)


def ends(n: int = 2) -> dict[str, Any]:
    return {"in": nir.Input(np.array([n])), "out": nir.Output(np.array([n]))}


def nested(depth: int) -> Any:
    inner = lif() if depth == 0 else nested(depth - 1)
    return graph({**ends(), "x": inner}, ("in", "x"), ("x", "out"))


def test_nested_graphs_become_paths() -> None:
    flat = flatten(nested(2), "g")
    assert set(flat.nodes) == {f"{p}{n}" for p in ("", "x/", "x/x/") for n in ("in", "out")} | {
        "x/x/x"
    }
    assert ("in", "x/in") in flat.edges
    assert ("x/x/out", "x/out") in flat.edges
    assert flat.node("w", "name", "x/x").name == "x/x/out"
    assert flat.inputs == {"in": "in"}
    assert flat.outputs == {"out": "out"}


def test_nodes_without_edges_are_inputs_and_outputs_as_the_standard_has_it() -> None:
    plain = graph({"a": lif(), "b": lif(), "c": lif()}, ("a", "c"), ("b", "c"))
    flat = flatten(plain, "g")
    with_ends = nir.NIRGraph(dict(plain.nodes), list(plain.edges))  # adds Input and Output nodes
    assert set(flat.inputs) == set(with_ends.inputs)
    assert set(flat.outputs) == set(with_ends.outputs)
    assert flat.inputs["input_a"] == "a"


def test_shapes_follow_the_signals() -> None:
    nodes = {
        "in": nir.Input(np.array([4, 6, 7])),
        "conv": nir.Conv2d(None, np.ones((6, 2, 3, 2)), 1, 0, 1, 2, np.zeros(6)),
        "pool": nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        "scale": nir.Scale(np.float64(2)),
        "flat": nir.Flatten({"input": None}, 0),
        "out": nir.Output(np.array([1, 36])),
    }
    names = list(nodes)
    flat = flatten(graph(nodes, *itertools.pairwise(names)), "g")
    assert [flat.nodes[n].sends for n in names] == [
        (4, 6, 7), (6, 4, 6), (6, 2, 3), (6, 2, 3), (36,), (36,),
    ]  # fmt: skip


def test_a_cycle_of_neurons_and_scalars_has_shapes() -> None:
    nodes = {**ends(), "lif": lif(), "gain": nir.Scale(np.float64(0.5))}
    flat = flatten(
        graph(nodes, ("in", "lif"), ("lif", "gain"), ("gain", "lif"), ("lif", "out")), "g"
    )
    assert flat.nodes["gain"].takes == (2,)
    assert flat.nodes["lif"].sources == ("in", "gain")


SCALE = nir.Scale(ONES)


@pytest.mark.parametrize(
    ("nodes", "edges", "rule"),
    [
        ({}, [], "nodes must hold at least one node"),
        ({**ends(), "a/b": lif()}, [], "name of a node must be a text without '/'"),
        ({**ends(), "lif": lif()}, [("in", "lif"), ("lif", "outt")], "edge 'lif -> outt' must join two nodes of the graph; did you mean 'out'"),
        ({**ends(), "lif": lif()}, [("in", "lif"), ("in", "lif")], "edge must not be given twice, got 'in -> lif'"),
        ({**ends(), "lif": lif()}, [("in", "lif", "out")], "edges must be pairs of names"),
        ({"in": nir.Input(np.array([2])), "lif": lif(3)}, [("in", "lif")], r"node 'lif' \(LIF\): input shape from 'in' must be \(3,\), got \(2,\)"),
        ({**ends(), "lif": lif(3)}, [("lif", "out")], r"node 'out' \(Output\): input shape from 'lif' must be \(2,\)"),
        ({**ends(), "s": SCALE}, [("in", "s"), ("s", "s"), ("s", "out")], "cycle must hold a neuron, or a Delay of at least one step, got 's -> s'"),
        ({**ends(), "s": SCALE, "u": SCALE, "t": nir.Threshold(ONES)}, [("in", "s"), ("s", "u"), ("u", "t"), ("t", "s"), ("t", "out")], "cycle must hold"),
        ({**ends(), "d": nir.Delay(0 * ONES)}, [("in", "d"), ("d", "d"), ("d", "out")], "cycle must hold"),
        ({**ends(), "p": nir.SumPool2d(ONES, ONES, ONES)}, [("in", "out")], "kernel_size must hold whole numbers"),
        ({"out": nir.Output(np.array([2]))}, [], r"node 'out' \(Output\) must have an edge into it"),
        ({"f": nir.Flatten({"input": None})}, [], "input shape cannot be inferred"),
        ({"x": nir.ir.graph.Identity({"input": ONES})}, [], r"node 'x' \(Identity\): type must be a primitive of NIR"),
    ],
)  # fmt: skip
def test_what_is_no_graph(nodes: Any, edges: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^g: .*{rule}"):
        flatten(graph(nodes, *edges), "g")


def test_a_nested_graph_has_one_input_where_an_edge_enters() -> None:
    inner = graph(
        {**ends(), "in2": nir.Input(np.array([2])), "x": lif()}, ("in", "x"), ("in2", "x"), ("x", "out")
    )  # fmt: skip
    with pytest.raises(ValueError, match="nested graph 'n' must have one Input"):
        flatten(graph({**ends(), "n": inner}, ("in", "n"), ("n", "out")), "g")


def test_nesting_has_a_limit() -> None:
    with pytest.raises(ValueError, match="must be nested at most 32 deep"):
        flatten(nested(40), "g")


def test_an_output_may_declare_another_shape_of_the_same_size() -> None:
    """As files of rockpool do."""
    nodes = {"in": nir.Input(np.array([2])), "lif": lif(), "out": nir.Output(np.array([1, 1, 2]))}
    assert flatten(graph(nodes, ("in", "lif"), ("lif", "out")), "g").nodes["out"].sends == (2,)
