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


def test_xarray():
    pytest.importorskip("xarray")

    def fn(a, b, c, seed):
        if a == 2 and b == "y":
            raise ValueError
        arrays = {"v": np.array([a, c]), "k": np.arange(a), "u": np.array(["u"])}
        return arrays | {"s": a * c, "name": b, "f": 0.5 * a, "a": -a}

    result = sweep(fn, {"a": [2, 1], "b": ["x", "y"]}, seeds=3, fixed={"c": 10})
    data = result.to_xarray()
    assert dict(data.sizes) == {"a": 2, "b": 2, "replicate": 3, "v_0": 2}
    assert data.attrs == {"c": 10}
    assert list(data.coords["a"]) == [2, 1]
    np.testing.assert_array_equal(data["f"].sel(a=1, b="y"), [0.5] * 3)
    assert np.isnan(data["f"].sel(a=2, b="y")).all()
    np.testing.assert_array_equal(data["v"].sel(a=2, b="x", replicate=1), [2, 10])
    assert np.isnan(data["v"].sel(a=2, b="y")).all()
    assert data["status"].sel(a=2, b="y", replicate=0) == "failed"
    assert data["seed"].sel(a=1, b="x", replicate=2) == result[8].seed
    assert "k" not in data
    assert "u" not in data
    assert list(data["result.a"].sel(b="x", replicate=0)) == [-2, -1]
    whole = sweep(fn, {"a": [1], "b": ["x", "y"]}, fixed={"c": 10}).to_xarray()
    assert whole["v"].dtype == np.int64
    assert whole["u"].shape == (1, 2, 1, 1)
    with pytest.raises(ValueError, match="all combinations"):
        result[1:].to_xarray()
