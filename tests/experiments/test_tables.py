"""Tables of results, with pandas and without."""

from __future__ import annotations

import sys

import numpy as np
from tests.support.sweeps import square, sweep

# Results --------------------------------------------------------------------------------------------------------------


def test_names_that_a_table_has_already():
    table = sweep(lambda x, seed: {"x": -x, "seed": 1, "y": 0}, {"x": [1, 2]}).table
    assert list(table["x"]) == [1, 2]
    assert list(table["result.x"]) == [-1, -2]
    assert list(table["result.seed"]) == [1, 1]
    names = ["x", "replicate", "seed", "key", "status", "error", "result.x", "result.seed", "y"]
    assert list(table) == names


# Other forms ----------------------------------------------------------------------------------------------------------


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = sweep(square, {"x": [1, 2]}).table
    assert isinstance(table, dict)
    assert table["y"].dtype == np.int64
    assert list(table["y"]) == [1, 4]
