"""Grids: the order of runs, their keys and their seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.support.sweeps import Counting, column, sweep

from spikelet.experiments.grid import plan

Function = Callable[..., Any]

# Grids, keys and seeds ------------------------------------------------------------------------------------------------


def test_order_and_values_of_a_product():
    seen = []
    result = sweep(
        lambda a, b, c, seed: seen.append((a, b, c)),
        {"a": [1, 2.5], "b": ["x", None, True], "c": [(1, 2.0)]},
    )
    assert seen == [(a, b, (1, 2.0)) for a in (1, 2.5) for b in ("x", None, True)]
    assert column(result, "a") == [1, 1, 1, 2.5, 2.5, 2.5]
    assert column(result, "b") == ["x", None, True] * 2
    assert [type(value) for _, value, _ in seen[:3]] == [str, type(None), bool]


def test_numpy_and_python_values_are_the_same_run():
    ours = plan({"x": [1, 0.1], "t": [(1, 2)]}, None, 1, 0)
    theirs = plan({"x": [np.int32(1), np.float64(0.1)], "t": [[np.int8(1), 2]]}, None, 1, 0)
    assert ours == theirs
    assert type(theirs[0].parameters["x"]) is int


PINNED = [
    ("20fc8788486c7bb2a19a4284a8582e55", 1897899617),
    ("1fd2be0fd4bfb3f24de92ecf43f1f142", 1194149597),
]


def test_keys_and_seeds_are_pinned():
    """A store that someone has must be understood by all later versions."""
    runs = plan({"x": [1], "y": ["a"]}, None, 2, 7)
    assert [(run.key, run.seed) for run in runs] == PINNED
    turned = plan({"y": ["a"], "x": [1]}, None, 2, 7)
    assert [(run.key, run.seed) for run in turned] == PINNED


def test_seeds_are_each_runs_own():
    small = {run.key: run.seed for run in plan({"x": [1, 2], "y": [3]}, None, 2, 5)}
    large = {run.key: run.seed for run in plan({"y": [9, 3], "x": [2, 7, 1]}, None, 4, 5)}
    assert small.items() <= large.items()
    assert len(set(large.values())) == len(large) == 24
    listed = plan([{"x": 1, "y": 3}], None, 1, 5)[0]
    assert small[listed.key] == listed.seed
    other = {run.key: run.seed for run in plan({"x": [1, 2], "y": [3]}, None, 2, 6)}
    assert other.keys() == small.keys()
    assert not set(other.values()) & set(small.values())


def test_seeds_look_random():
    seeds = np.array([run.seed for run in plan({"x": range(2000)}, None, 1, 0)])
    assert seeds.min() >= 0
    assert seeds.max() < 2**32
    u = seeds / 2**32
    assert abs(u.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 2000)
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 5 / np.sqrt(2000)


def test_given_seeds_are_used():
    calls = Counting()
    result = sweep(calls.function(), {"x": [1, 2]}, seeds=[11, 2**64 - 1])
    assert calls.calls == [(1, 11), (1, 2**64 - 1), (2, 11), (2, 2**64 - 1)]
    assert column(result, "replicate") == [0, 1, 0, 1]
    assert column(result, "seed") == [11, 2**64 - 1] * 2


def test_fixed_parameters_are_parameters():
    with_fixed = plan({"x": [1]}, {"y": 2}, 1, 0)
    assert with_fixed[0].key == plan({"x": [1], "y": [2]}, None, 1, 0)[0].key
    assert list(with_fixed[0].parameters) == ["y", "x"]


def test_data_frame_keeps_the_types_of_its_columns():
    pd = pytest.importorskip("pandas")
    grid = pd.DataFrame({"n": [1, 2], "g": [0.5, 1.0], "name": ["a", "b"]})
    points = [run.parameters for run in plan(grid, None, 1, 0)]
    assert points == [{"n": 1, "g": 0.5, "name": "a"}, {"n": 2, "g": 1.0, "name": "b"}]
    assert type(points[0]["n"]) is int
    with pytest.raises(
        ValueError, match="grid must not have two columns of the same name, got 'n'"
    ):
        plan(pd.concat([grid, grid[["n"]]], axis=1), None, 1, 0)
