"""Weights and delays: matrices of `AllToAll`, whose rows and columns are the ends as given, and rounded delays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from tests.conftest import make

import spikelet as sl

SELECTIONS: list[Any] = [
    (slice(None), slice(None)),
    ([7, 2], slice(None, None, -1)),
    (slice(8, 2, -2), [0, 5, 3, 1]),
    (slice(2, 5), [4]),
]


def numbered(shape: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return 1.0 + np.arange(shape[0] * shape[1], dtype=np.float64).reshape(shape)


@pytest.mark.parametrize(("pre", "post"), SELECTIONS)
@pytest.mark.parametrize("union", [False, True])
def test_rows_and_columns_follow_the_order_of_a_part(pre: Any, post: Any, union: bool) -> None:
    """As those of a sparse matrix do."""
    net = make(dtype="float64")
    E, I = net.population(10, sl.LIF()), net.population(6, sl.LIF())
    sources, targets = E[pre], I[post]
    if union:
        sources, targets = sources + I[:2], E[:1] + targets
    weights = numbered((len(sources), len(targets)))
    p = net.connect(sources, targets, sl.AllToAll(), weight=weights, delay=weights.tolist())
    listed = net.connect(sources, targets, scipy.sparse.csr_array(weights))
    np.testing.assert_array_equal(p.to_scipy().toarray(), listed.to_scipy().toarray())
    np.testing.assert_array_equal(p.delays, p.weights)


@pytest.mark.parametrize("union", [False, True])
def test_excluded_self_connections_leave_out_their_items(union: bool) -> None:
    net = make(dtype="float64")
    E, I = net.population(5, sl.LIF()), net.population(3, sl.LIF())
    ends: Any = (E[[4, 0, 2]], E[1:]) if not union else (E + I, E + I)
    weights = numbered((len(ends[0]), len(ends[1])))
    rule = sl.AllToAll(self_connections=False)
    p = net.connect(*ends, rule, weight=weights, delay=weights)
    ids = [end.ids if not union else np.arange(len(end)) for end in ends]
    expected = {
        (i, j): weights[a, b] for a, i in enumerate(ids[0]) for b, j in enumerate(ids[1]) if i != j
    }
    assert len(p) == len(expected) == weights.size - (2 if not union else 8)
    for i, j, weight, delay in zip(p.pre_ids, p.post_ids, p.weights, p.delays, strict=True):
        assert weight == delay == expected[i, j]


def test_a_population_of_one_without_its_self_connection() -> None:
    net = make()
    E = net.population(1, sl.LIF())
    assert len(net.connect(E, E, sl.AllToAll(self_connections=False), weight=[[3.0]])) == 0


def test_with_parameters_by_synapse() -> None:
    net = make(dtype="float64")
    E, I = net.population(4, sl.LIF()), net.population(3, sl.LIF())
    U = np.linspace(0.1, 0.9, 6)
    rule = sl.TsodyksMarkram(U=U)
    p = net.connect(E[[3, 1]], I, sl.AllToAll(), weight=numbered((2, 3)), plasticity=rule)
    np.testing.assert_array_equal(p.weights, [4, 5, 6, 1, 2, 3])
    np.testing.assert_array_equal(p.plasticity.U, U)  # a list, in canonical order


@pytest.mark.parametrize("union", [False, True])
def test_weights_set_to_a_matrix_say_how_to_take_them_from_it(union: bool) -> None:
    net = make(dtype="float64")
    E, I = net.population(4, sl.LIF()), net.population(3, sl.LIF())
    p = net.connect(E + I if union else E, I, sl.FixedIndegree(2), weight=1.0)
    matrix = numbered((7 if union else 4, 3))
    for given in (matrix, matrix.tolist(), scipy.sparse.csr_array(matrix)):
        with pytest.raises(
            ValueError, match=r"those of a matrix are matrix\[p.pre_ids, p.post_ids\]"
        ):
            p.weights = given
    p.weights = matrix[p.pre_ids, p.post_ids]
    np.testing.assert_array_equal(p.weights, matrix[p.pre_ids, p.post_ids])
    p.weights = scipy.sparse.csr_array(2 * matrix)[p.pre_ids, p.post_ids]
    np.testing.assert_array_equal(p.weights, 2 * matrix[p.pre_ids, p.post_ids])


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("kind", [pd.DataFrame, np.matrix, list, np.asarray])
def test_a_union_takes_a_matrix_of_any_kind(kind):
    values = np.arange(49.0).reshape(7, 7)
    net = sl.Network(dt=0.1)
    both = net.population(4, sl.LIF()) + net.population(3, sl.LIF())
    group = net.connect(both, both, sl.AllToAll(), weight=kind(values), delay=1.0)
    parts = group.blocks
    assert sum(p.weights.sum() for p in parts) == values.sum()
    assert sorted(p.weights.tolist() for p in parts) == sorted(
        values[rows, columns].ravel().tolist()
        for rows in (slice(4), slice(4, 7))
        for columns in (slice(4), slice(4, 7))
    )


def test_values_of_a_series_follow_its_order_and_not_its_index():
    values = pd.Series([5.0, 6.0, 7.0], index=[2, 0, 1])
    net = sl.Network(dt=0.1)
    cells = net.population(4, sl.LIF())
    synapses = net.connect(cells, cells, ([3, 0, 1], [0, 1, 2]), weight=values, delay=1.0)
    assert synapses.weights.tolist() == [6.0, 7.0, 5.0]
