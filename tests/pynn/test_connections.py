from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyNN.space import Space

from spikelet.pynn.connections import (
    Table,
    all_pairs,
    as_matrix,
    distances,
    on_grid,
    own_index,
    parts_of,
)


@pytest.mark.parametrize("by_target", [True, False])
def test_a_table_is_in_canonical_order(by_target: bool) -> None:
    rng = np.random.default_rng(1)
    pre, post = rng.integers(0, 7, 200), rng.integers(0, 9, 200)
    if by_target:
        order = np.argsort(post, kind="stable")
        pre, post = pre[order], post[order]
    table = Table((7, 9), pre, post, {"place": np.arange(200), "weight": 0.5})
    order = np.lexsort((np.arange(200), post, pre))
    assert np.array_equal(table.pre, pre[order])
    assert np.array_equal(table.post, post[order])
    assert np.array_equal(table.values["place"], order)
    assert table.whole("weight").tolist() == [0.5] * 200
    assert len(table) == 200


def test_parts_are_those_of_views_and_assemblies(sim: Any) -> None:
    cells, others = sim.Population(6, sim.IF_curr_exp()), sim.Population(3, sim.IF_curr_exp())
    a, b = parts_of(others[1:] + cells[::2][1:])
    assert (a.population, b.population) == (others, cells)
    assert (a.ids.tolist(), b.ids.tolist()) == ([1, 2], [2, 4])
    assert (a.begin, a.end, b.begin, b.end) == (0, 2, 2, 4)
    assert [part.whole for part in (a, *parts_of(cells))] == [False, True]
    table = Table((3, 4), np.array([0, 1, 2, 2]), np.array([3, 0, 1, 2]), {})
    (sources,) = parts_of(others)
    assert table.between(sources, a).tolist() == [1, 2]
    assert table.between(sources, b).tolist() == [0, 3]


def test_a_cell_is_found_among_the_sources(sim: Any) -> None:
    cells, others = sim.Population(4, sim.IF_curr_exp()), sim.Population(2, sim.IF_curr_exp())
    projection = sim.Projection(others + cells[1:], cells, sim.OneToOneConnector())
    assert own_index(projection).tolist() == [-1, 2, 3, 4]
    pre, post = all_pairs(projection, self_connections=False)
    assert len(pre) == 5 * 4 - 3
    assert (np.diff(post) >= 0).all()


@pytest.mark.parametrize("axes", [None, "x", "xz"])
def test_distances_are_those_of_pynn(axes: str | None) -> None:
    rng = np.random.default_rng(2)
    a, b = rng.uniform(-50, 150, (8, 3)), rng.uniform(-50, 150, (5, 3))
    bounds = ((-50.0, 150.0), None, (-50.0, 150.0))
    space = Space(axes, scale_factor=0.9, offset=3.0, periodic_boundaries=bounds)
    i, j = (x.reshape(-1) for x in np.meshgrid(range(8), range(5), indexing="ij"))
    np.testing.assert_allclose(distances(space, a[i], b[j]), space.distances(a, b), rtol=1e-14)


@pytest.mark.parametrize("how", ["sum", "first", "last", "min", "max"])
def test_a_matrix_combines_what_a_loop_combines(how: str) -> None:
    rng = np.random.default_rng(3)
    pre, post, values = rng.integers(0, 3, 40), rng.integers(0, 5, 40), rng.normal(size=40)
    keep = (pre > 0) | (post > 0)
    pre, post, values = pre[keep], post[keep], values[keep]
    expected = np.full((3, 5), np.nan)
    for i, j, x in zip(pre, post, values, strict=True):
        old = expected[i, j]
        new = {"sum": old + x, "first": old, "last": x, "min": min(old, x), "max": max(old, x)}
        expected[i, j] = x if np.isnan(old) else new[how]
    np.testing.assert_allclose(as_matrix((3, 5), pre, post, values, how), expected, rtol=1e-14)


def test_delays_in_the_middle_of_two_steps_are_rounded_up() -> None:
    assert on_grid([0.95, 0.55, 0.949999, 0.14, 1.0], 0.1).tolist() == [10, 6, 9, 1, 10]
