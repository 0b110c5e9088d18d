"""Tables of results, with pandas and without."""

from __future__ import annotations

import sys

import numpy as np
import pytest
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


def test_a_name_of_a_file_that_is_not_utf8_does_not_cost_the_table(tmp_path):
    pandas = pytest.importorskip("pandas")
    odd = "r\udce9sum.npz"  # as os.listdir() gives it
    result = sweep(lambda x, seed: {"file": x, "y": 2}, {"x": [odd, "b"]})
    for table in (result.table, pandas.DataFrame(result.table)):
        assert list(table["file"]) == [odd, "b"]
        assert list(table["x"]) == [odd, "b"]
        assert list(table["y"]) == [2, 2]
    assert "r\\udce9sum.npz" in result.report(tmp_path / "sweep.html").read_text()
