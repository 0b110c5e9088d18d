from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.pynn.random import index_pairs, native_distribution


def test_native_numbers_follow_from_the_seed(sim: Any) -> None:
    one, same, other = sim.NativeRNG(3), sim.NativeRNG(3), sim.NativeRNG(4)
    first = one.next(1000, "normal", {"mu": 2.0, "sigma": 0.5})
    assert np.array_equal(first, same.next(1000, "normal", {"mu": 2.0, "sigma": 0.5}))
    assert not np.array_equal(first, other.next(1000, "normal", {"mu": 2.0, "sigma": 0.5}))
    assert not np.array_equal(
        first, one.next(1000, "normal", {"mu": 2.0, "sigma": 0.5})
    )  # what follows
    assert abs(first.mean() - 2.0) < 0.06
    assert 0.45 < first.std() < 0.55
    assert one.parallel_safe


def test_native_numbers_without_a_seed_follow_from_that_of_the_network(sim: Any) -> None:
    found = []
    for seed in (1, 1, 2):
        sim.setup(timestep=0.1, rng_seed=seed)
        found.append([sim.NativeRNG().next(5).tolist() for _ in range(2)])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]
    assert found[0] != found[2]


def test_native_numbers_have_pynns_forms(sim: Any) -> None:
    rng = sim.NativeRNG(1)
    assert isinstance(rng.next(), float)
    assert rng.next(0).shape == (0,)
    whole = rng.next(2000, "uniform_int", {"low": 3, "high": 6})
    assert np.unique(whole).tolist() == [3, 4, 5]
    assert rng.next(4, mask=np.array([True, False, True, False])).shape == (2,)
    clipped = rng.next(500, "normal_clipped", {"mu": 0.0, "sigma": 1.0, "low": -0.5, "high": 0.5})
    assert (np.abs(clipped) < 0.5).all()
    limited = rng.next(
        500, "normal_clipped_to_boundary", {"mu": 0.0, "sigma": 1.0, "low": -0.5, "high": 0.5}
    )
    assert (limited == 0.5).sum() > 50
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        rng.next(-1)


def test_distributions_are_scaled() -> None:
    assert native_distribution("uniform", {"low": 1, "high": 2}, 10.0) == sl.Uniform(10.0, 20.0)
    assert native_distribution("normal", {"mu": 1, "sigma": 2}, 10.0) == sl.Normal(10.0, 20.0)
    assert native_distribution("exponential", {"beta": 3}, 10.0) == sl.Exponential(30.0)
    assert native_distribution("lognormal", {"mu": 0, "sigma": 2}, np.e) == sl.LogNormal(1.0, 2.0)
    redrawn = native_distribution(
        "normal_clipped", {"mu": 1, "sigma": 2, "low": 0, "high": 3}, 10.0
    )
    assert redrawn == sl.Normal(10.0, 20.0, redraw=(0.0, 30.0))
    with pytest.raises(NotImplementedError, match="not from 'gamma': use NumpyRNG"):
        native_distribution("gamma", {"k": 2.0, "theta": 0.5})


def test_parameters_of_cells_can_be_native(sim: Any) -> None:
    draw = sim.RandomDistribution("uniform", (10.0, 20.0), rng=sim.NativeRNG(2))
    cells = sim.Population(50, sim.IF_curr_exp(tau_m=draw))
    values = cells.get("tau_m")
    assert len(np.unique(values)) == 50
    assert values.min() >= 10.0
    assert values.max() < 20.0


def test_a_copy_does_not_draw_the_same(sim: Any) -> None:
    rng = sim.NativeRNG(2)
    assert not np.array_equal(deepcopy(rng).next(5), rng.next(5))


@pytest.mark.parametrize(("n_pre", "n_post"), [(1000, 300), (7, 7), (128, 65), (1, 5), (6, 1)])
def test_pairs_are_those_of_calls_in_turn(sim: Any, n_pre: int, n_post: int) -> None:
    ours, theirs = sim.NumpyRNG(5), sim.NumpyRNG(5)
    pre, post = index_pairs(ours, 500, n_pre, n_post)
    for i, j in zip(pre, post, strict=True):
        assert i == theirs.next(1, "uniform_int", {"low": 0, "high": n_pre})[0]
        assert j == theirs.choice(np.arange(n_post), size=1)[0]
    assert np.array_equal(ours.next(10), theirs.next(10))  # neither has drawn more


def test_pairs_of_other_generators_are_drawn_by_calls(sim: Any) -> None:
    class Other:
        def next(self, n: int, name: str, parameters: dict[str, int]) -> Any:
            return np.array([parameters["high"] - 1])

        def choice(self, values: Any, size: int) -> Any:
            return values[:1]

    assert [x.tolist() for x in index_pairs(Other(), 2, 4, 9)] == [[3, 3], [0, 0]]
