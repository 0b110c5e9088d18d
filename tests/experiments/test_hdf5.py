"""Results in an HDF5 file."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.support.sweeps import Counting, square, sweep

import spikelet as sl

Function = Callable[..., Any]


def test_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    fn = Counting().function()
    result = sweep(fn, {"x": ["ü", "bad", "c"]}, fixed={}, seed=4)
    path = tmp_path / "all.h5"
    path.write_text("old")
    result.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["all.h5"]
    with h5py.File(path) as h5:
        first, second = h5["runs/00000"], h5["runs/00001"]
        np.testing.assert_array_equal(first["arrays/z"], result[0]["z"])
        assert first["parameters"].attrs["x"] == "ü"
        assert first["scalars"].attrs["y"] == "ü"
        assert first.attrs["seed"] == result[0].seed
        assert (first.attrs["version"], first.attrs["simd"]) == (sl.__version__, sl.simd_level())
        assert first.attrs["host"]
        assert second.attrs["error"] == "RuntimeError: no\nsuch thing"
        assert "raise RuntimeError" in second.attrs["traceback"]
        assert list(h5["table/key"].asstr()) == [run.run.key for run in result]
        assert list(h5["table/seed"]) == [run.seed for run in result]


@pytest.mark.parametrize("name", ["all.csv", "all.JSON", "all.npz"])
def test_other_formats_are_not_written_as_hdf5(name, tmp_path):
    pytest.importorskip("h5py")
    rule = r"save: path must be an HDF5 file, such as \"all.h5\"; result.table.to_csv"
    with pytest.raises(ValueError, match=rule):
        sweep(square, {"x": [1]}).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_hdf5_takes_all_that_a_run_may_return(tmp_path):
    h5py = pytest.importorskip("h5py")
    dates = np.array(["2020-01-01", "NaT"], "M8[D]")
    values = {
        "dates": dates, "span": np.timedelta64(3, "s"), "words": np.array(["ü", "\ud800"]),
        "none": np.array([""]), "raw": np.zeros(2, "V5"), "z": 1j, "long": np.longdouble(1) / 3,
        "structure": np.zeros(2, [("t", "f8"), ("w", [("n", "i4", 2)])]), "half": "\ud800", "big": 10**30,
    }  # fmt: skip
    result = sweep(lambda word, seed: values, {"word": ["\udfff", "b"]})
    assert result.complete, result[0].traceback
    result.save(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5") as h5:
        np.testing.assert_array_equal(h5["runs/00000/arrays/dates"][:], dates)
        assert h5["runs/00000/arrays/words"][0].decode() == "ü"
        assert json.loads(h5["runs/00000/scalars"].attrs["half"]) == "\ud800"


def test_a_bad_path_is_reported(tmp_path):
    pytest.importorskip("h5py")
    result = sweep(square, {"x": [1]})
    with pytest.raises(ValueError, match=r"must be in an existing folder, got .*nodir/x\.h5"):
        result.save(tmp_path / "nodir" / "x.h5")
    with pytest.raises(ValueError, match="must be a file, not a folder"):
        result.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    path = tmp_path / "all.h5"
    path.write_text("old")
    result = sweep(square, {"x": [1]})
    monkeypatch.setattr("spikelet.experiments.tables.columns", lambda *_: {"a": 3})
    with pytest.raises(TypeError, match="int"):
        result.save(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["all.h5"]
