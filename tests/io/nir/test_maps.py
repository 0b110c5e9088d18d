from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.nir_reference import reference

from spikelet.io.nir.flat import flatten
from spikelet.io.nir.maps import map_of

nir = pytest.importorskip("nir")

RNG = np.random.default_rng(3)
F64 = np.dtype(np.float64)


def case(node: Any, takes: tuple[int, ...]) -> tuple[Any, Any]:
    """Return the flat node and a graph with only this node."""
    graph = nir.NIRGraph(
        {"i": nir.Input(np.array(takes)), "x": node}, [("i", "x")], type_check=False
    )
    found = flatten(graph, "g").nodes["x"]
    graph.nodes["o"] = nir.Output(np.array(found.sends))
    graph.edges.append(("x", "o"))
    return found, graph


NODES: list[tuple[Any, tuple[int, ...]]] = [
    (nir.Affine(RNG.normal(size=(7, 30)), RNG.normal(size=7)), (30,)),
    (nir.Linear(RNG.normal(size=(3, 4, 5))), (3, 5)),
    (nir.Affine(RNG.normal(size=(3, 4, 5)), RNG.normal(size=4)), (3, 5)),
    (nir.Scale(RNG.normal(size=(2, 3))), (2, 3)),
    (nir.Conv1d(None, RNG.normal(size=(6, 2, 4)), 2, 3, 2, 2, RNG.normal(size=6)), (4, 20)),
    (nir.Conv1d(None, RNG.normal(size=(2, 3, 4)), 1, "same", 3, 1, RNG.normal(size=2)), (3, 20)),
    (nir.Conv2d(None, RNG.normal(size=(4, 2, 3, 2)), (2, 1), (0, 2), (1, 3), 2, RNG.normal(size=4)), (4, 9, 8)),
    (nir.Conv2d(None, RNG.normal(size=(4, 4, 2, 4)), 1, "same", 1, 1, RNG.normal(size=4)), (4, 9, 8)),
    (nir.SumPool2d(np.array([2, 3]), np.array([1, 2]), np.array([1, 0])), (2, 6, 7)),
    (nir.AvgPool2d(np.array([3, 2]), np.array([2, 2]), np.array([1, 1])), (2, 6, 7)),
    (nir.Flatten({"input": None}, 0, 1), (2, 3, 4)),
    (nir.Threshold(RNG.normal(size=5)), (5,)),
]  # fmt: skip
IDS = [f"{type(node).__name__}{k}" for k, (node, _) in enumerate(NODES)]


@pytest.mark.parametrize("stepped", [False, True])
@pytest.mark.parametrize(("node", "takes"), NODES, ids=IDS)
def test_each_map_is_that_of_the_reference(node: Any, takes: Any, stepped: bool) -> None:
    flat, graph = case(node, takes)
    x = RNG.normal(size=(5, *takes)) * (RNG.random((5, *takes)) < 0.7)
    y = map_of(flat, F64, height=1.0, threads=2, stepped=stepped)(x)
    expected = reference(graph, {"i": x[:, None]}, 1.0, "exact", "value")["o"][:, 0]
    assert y.shape == (5, *flat.sends)
    np.testing.assert_allclose(y, expected, atol=1e-12)


@pytest.mark.parametrize(("node", "takes"), NODES, ids=IDS)
def test_rows_have_the_same_bits_alone_for_any_number_of_threads_and_in_float32(
    node: Any, takes: Any
) -> None:
    flat, _ = case(node, takes)
    x = RNG.normal(size=(40, *takes)).astype(np.float32)
    for dtype in (np.dtype(np.float32), F64):
        one, four = (map_of(flat, dtype, height=1.0, threads=n, stepped=False) for n in (1, 4))
        rows = x.astype(dtype)
        whole = one(rows)
        assert whole.dtype == dtype
        np.testing.assert_array_equal(four(rows), whole)
        np.testing.assert_array_equal(
            np.concatenate([one(rows[:7]), one(rows[7:8]), one(rows[8:])]), whole
        )


def test_a_threshold_is_exceeded_not_met_and_has_a_height() -> None:
    flat, _ = case(nir.Threshold(np.ones(3)), (3,))
    apply = map_of(flat, F64, height=2.5, threads=1, stepped=False)
    np.testing.assert_array_equal(apply(np.array([[0.9, 1.0, 1.0 + 1e-15]])), [[0, 0, 2.5]])
