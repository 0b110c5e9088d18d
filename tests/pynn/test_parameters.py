from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyNN.core import IndexBasedExpression
from pyNN.parameters import LazyArray

from spikelet.pynn.parameters import Parameters, columns_of


class _Sum(IndexBasedExpression):  # type: ignore[misc]
    def __call__(self, i: Any, j: Any) -> Any:
        return i + 10.0 * j + 100.0 * self.projection.shape[0]


def _values(sim: Any, weight: Any) -> Any:
    cells = sim.Population(3, sim.IF_curr_exp())
    return sim.Projection(cells, cells[:2], sim.AllToAllConnector(), sim.StaticSynapse(weight=weight), receptor_type="excitatory").get("weight", "array")  # fmt: skip


def test_all_that_pynn_takes_is_evaluated(sim: Any) -> None:
    i, j = np.meshgrid(range(3), range(2), indexing="ij")
    assert _values(sim, 2).tolist() == np.full((3, 2), 2.0).tolist()
    assert _values(sim, "1 + 2*d").tolist() == (1 + 2.0 * abs(i - j)).tolist()
    assert _values(sim, lambda d: d**2).tolist() == ((i - j) ** 2.0).tolist()
    assert _values(sim, lambda d: 4.0).tolist() == np.full((3, 2), 4.0).tolist()
    assert _values(sim, i + 0.5 * j).tolist() == (i + 0.5 * j).tolist()
    assert _values(sim, _Sum()).tolist() == (i + 10.0 * j + 300.0).tolist()
    assert (
        _values(sim, 0.5 * LazyArray(lambda d: 1.0 + d)).tolist()
        == (0.5 + 0.5 * abs(i - j)).tolist()
    )


def test_parameters_know_whether_spikelet_can_draw_them(sim: Any) -> None:
    cells = sim.Population(2, sim.IF_curr_exp())
    projection = sim.Projection(cells, cells, sim.AllToAllConnector())

    def native(kind: Any, **values: Any) -> bool:
        return Parameters(projection, kind(**values).native_parameters).native

    def uniform(rng: Any) -> Any:
        return sim.RandomDistribution("uniform", (0.1, 0.9), rng=rng)

    assert native(sim.StaticSynapse, weight=0.5)
    assert native(
        sim.StaticSynapse, weight=uniform(sim.NativeRNG()), delay=uniform(sim.NativeRNG())
    )
    assert not native(sim.StaticSynapse, weight=uniform(sim.NativeRNG(1)))
    assert not native(sim.StaticSynapse, weight=uniform(sim.NumpyRNG(1)))
    assert not native(sim.StaticSynapse, weight="d")
    assert not native(sim.TsodyksMarkramSynapse, U=uniform(sim.NativeRNG()))


def test_a_matrix_is_drawn_in_blocks_as_in_one(sim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = sim.Population(7, sim.IF_curr_exp())
    found = []
    for at_once in (1 << 22, 10):
        monkeypatch.setattr("spikelet.pynn.parameters._AT_ONCE", at_once)
        projection = sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.4))
        projection.set(weight=sim.RandomDistribution("normal", (5.0, 0.1), rng=sim.NumpyRNG(3)))
        found.append(projection.get("weight", "list"))
    assert found[0] == found[1]
    rows = np.random.RandomState(3).normal(5.0, 0.1, (7, 7))
    assert all(w == rows[i, j] for i, j, w in found[0])


def test_columns_are_masks_or_indices() -> None:
    masks = [True, np.array([False, True, True]), np.array([2, 0]), False, np.zeros(3, bool)]
    assert [column.tolist() for column in columns_of(masks, 3)] == [
        [0, 1, 2],
        [1, 2],
        [2, 0],
        [],
        [],
    ]
