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


def test_what_is_saved_is_loaded(tmp_path):
    """All that a run may return, of runs that are done, failed, and missing; text, dates and scalars as they were."""
    pytest.importorskip("h5py")
    values = {
        "dates": np.array(["2020-01-01", "NaT"], "M8[D]"), "words": np.array(["ü", "ab"]), "wide": np.array(["a"], "<U10"), "big-endian": np.array(["ab", ""], ">U4"), "z": np.array(1j),
        "text": '["1"]', "none": None, "yes": True, "big": 10**30, "nan": np.nan, "half": "\ud800", "empty": np.zeros((0, 3)),
        "b": np.array([True, False]), "f2": np.float16([1.5]), "record": np.zeros(2, [("t", "f8")]), "s": np.array(b"x"),
    }  # fmt: skip

    def fn(word, pair, shared, seed):
        if word == "bad":
            raise RuntimeError("no\nsuch thing")
        return values

    grid = {"word": ["\udfff", "bad", "null"], "pair": [(1, 2.5), None]}
    result = sweep(fn, grid, seeds=2, fixed={"shared": 3})
    result.save(tmp_path / "all.h5")
    loaded = sl.load_sweep(tmp_path / "all.h5")
    assert loaded.runs == result.runs
    assert loaded.fixed == ("shared",)
    assert [run.status for run in loaded] == [run.status for run in result]
    assert loaded.failed["traceback"].tolist() == result.failed["traceback"].tolist()
    assert list(loaded.timing) == list(result.timing)
    for one, two in zip(loaded, result, strict=True):
        assert one.keys() == two.keys()
        for name in one:
            a, b = one[name], two[name]
            assert type(a) is type(b)
            if isinstance(b, np.ndarray):
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
            np.testing.assert_array_equal(a, b)
    loaded.save(tmp_path / "again.h5")
    assert repr(sl.load_sweep(str(tmp_path / "again.h5"))) == repr(result)
    sl.SweepResult([], {}, ()).save(tmp_path / "empty.h5")
    assert len(sl.load_sweep(tmp_path / "empty.h5")) == 0
    part = sl.SweepResult(result.runs, {result[0].run.key: result[0].record}, result.fixed)
    part.save(tmp_path / "part.h5")
    assert [run.status for run in sl.load_sweep(tmp_path / "part.h5")] == ["done"] + [
        "missing"
    ] * 11


def test_files_that_are_not_of_save_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "all.h5"
    sweep(square, {"x": [1, 2]}).save(path)
    whole = path.read_bytes()

    def refused(match, change):
        path.write_bytes(whole)
        with h5py.File(path, "a") as h5:
            change(h5)
        with pytest.raises(ValueError, match=match):
            sl.load_sweep(path)

    refused("a file that SweepResult.save wrote", lambda h5: h5.attrs.pop("format"))
    refused("not as SweepResult.save wrote it", lambda h5: h5.attrs.pop("fixed"))
    refused("not as SweepResult.save wrote it", lambda h5: h5["runs/00001"].pop("json"))
    refused(
        "not as SweepResult.save wrote it",
        lambda h5: h5["runs/00001/json"].write_direct(np.zeros_like(h5["runs/00001/json"])),
    )
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a file that SweepResult\.save wrote"):
        sl.load_sweep(path)
