"""Synapses are in canonical order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MODELS, Floats, Ints, make
from tests.support.tables import assert_table

import spikelet as sl

Table = tuple[Ints, Ints, Floats, Floats]
PLASTIC = sl.STDP(A_plus=0.0, A_minus=0.0, w_min=-100.0, w_max=100.0)


def draw_table(rng: np.random.Generator, n: int = 7, m: int = 9, size: int = 200) -> Table:
    """Return (pre, post, weight, delay) with many repeated pairs, mixed signs and delays."""
    pre, post = rng.integers(0, n, size), rng.integers(0, m, size)
    weight = rng.permutation(np.arange(size) - size / 2 + 0.25)
    return pre, post, weight, rng.integers(1, 6, size) * 0.1


def canonical(table: Table) -> Table:
    """Sort by source, then target, then creation."""
    order = np.lexsort((np.arange(len(table[0])), table[1], table[0]))
    return tuple(column[order] for column in table)  # type: ignore[return-value]


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("plasticity", [None, PLASTIC])
@pytest.mark.parametrize("model", MODELS)
def test_order_is_canonical_before_and_after_a_run(
    model: Any, plasticity: Any, threads: int
) -> None:
    if plasticity and model is sl.LIFCond:
        plasticity = sl.STDP(A_plus=0.0, A_minus=0.0, w_min=0.0, w_max=200.0)
    net = make(threads=threads)
    pre = net.population(7, sl.PoissonSource(5000.0))
    post = net.population(200, model())
    made = []
    for seed in range(3):  # of which the first two may share a store
        table = draw_table(np.random.default_rng(seed), 7, 200 if seed == 2 else 9)
        if plasticity and model is sl.LIFCond:
            table = (*table[:2], np.abs(table[2]), table[3])
        pre_ids, post_ids, weight, delay = table
        projection = net.connect(
            pre, post, (pre_ids, post_ids), weight=weight, delay=delay, plasticity=plasticity
        )
        made.append((projection, canonical(table)))
        assert_table(*made[-1])
    for projection, table in made:
        assert_table(projection, table)
    net.run(5.0)
    late = net.connect(pre, post, ([3, 3], [1, 0]), weight=[5.0, -6.0])
    for projection, table in made:
        assert_table(projection, table)
    net.run(5.0)
    np.testing.assert_array_equal(late.weights, [-6.0, 5.0])
    for projection, table in made:
        assert_table(projection, table)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2), st.integers(0, 2), st.integers(-5, 5), st.integers(1, 4)
        ),
        max_size=30,
    ),
    st.sampled_from([None, PLASTIC]),
)  # fmt: skip
def test_any_table_can_be_read_back(rows: list[tuple[int, ...]], plasticity: Any) -> None:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    table = (columns[0], columns[1], columns[2].astype(float), columns[3] * 0.1)
    net = make()
    pre, post = net.population(3, sl.PoissonSource(1000.0)), net.population(3, sl.LIF())
    p = net.connect(
        pre, post, (table[0], table[1]), weight=table[2], delay=table[3], plasticity=plasticity
    )
    assert_table(p, canonical(table))
    net.run(1.0)
    assert_table(p, canonical(table))
    values = np.arange(len(p)) - 4.0
    p.weights = values
    np.testing.assert_array_equal(p.weights, values)
    net.run(1.0)
    assert_table(p, (*canonical(table)[:2], values, canonical(table)[3]))


def test_arrays_of_a_rule_are_in_canonical_order() -> None:
    net = make()
    a, b = net.population(3, sl.LIF()), net.population(2, sl.LIF())
    weight = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    for given_weight in (weight, weight.reshape(-1)):
        p = net.connect(a, b, sl.AllToAll(), weight=given_weight, delay=weight.reshape(-1) * 0.1)
        np.testing.assert_array_equal(p.to_scipy().toarray(), weight)
        np.testing.assert_allclose(p.delays, weight.reshape(-1) * 0.1)
    part = net.connect(a[[2, 0]], b, sl.AllToAll(), weight=[1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(part.pre_ids, [0, 0, 2, 2])
    np.testing.assert_array_equal(part.weights, [1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("how", [{}, {"weight_dtype": "int16"}, {"plasticity": PLASTIC}])
@pytest.mark.parametrize("longest", [1, 40])
def test_rows_of_many_synapses_are_read_in_canonical_order(
    longest: int, how: dict[str, Any], threads: int
) -> None:
    rng, n, size = np.random.default_rng(longest), 400, 6000
    # One source has most of them, many to the same target.
    pre = np.where(rng.random(size) < 0.8, 5, rng.integers(0, n, size))
    post, delay = rng.integers(0, n, size), rng.integers(1, longest + 1, size) * 0.1
    table = (pre, post, rng.permutation(np.arange(size) - size / 2) / 64, delay)
    net = make(threads=threads)
    cells = net.population(n, sl.LIF())
    if "plasticity" in how:
        table = (*table[:2], np.abs(table[2]), delay)
    projection = net.connect(cells, cells, (pre, post), weight=table[2], delay=delay, **how)
    expected = canonical(table)
    if "weight_dtype" in how:
        expected = (*expected[:2], np.asarray(projection.weights), expected[3])
        np.testing.assert_allclose(expected[2], canonical(table)[2], atol=1e-3)
    for time in (0.0, 1.0, 7.0):
        net.run(time)
        assert_table(projection, expected)
