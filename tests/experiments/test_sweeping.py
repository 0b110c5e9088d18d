"""Sweeps in this process: which runs there are, what is kept of them, what comes out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.experiments.grid import plan

Function = Callable[..., Any]


def square(x, seed):
    return {"y": x * x, "noise": float(np.random.default_rng(seed).normal())}


def sweep(fn, grid, **options):
    return sl.sweep(fn, grid, executor="serial", **options)


def column(result, name):
    return list(result.table[name])


class Counting:
    """Functions that tell what they were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, int]] = []

    def function(self) -> Function:
        calls = self.calls

        def fn(x, seed):
            calls.append((x, seed))
            if x == "bad":
                raise RuntimeError("no\nsuch thing")
            return {"y": x, "z": np.arange(3) + seed % 5}

        return fn


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


@pytest.mark.parametrize(
    ("grid", "options", "error", "text"),
    [
        (3, {}, TypeError, "grid must be a dict of lists"),
        ({}, {}, TypeError, "signature"),
        ([], {}, ValueError, "at least one point"),
        ({"x": []}, {}, ValueError, r"grid\['x'\] must have at least one value"),
        ({"x": "abc"}, {}, TypeError, r"grid\['x'\] must be a list of values, got 'abc'"),
        ({"x": 5}, {}, TypeError, r"grid\['x'\] must be a list of values, got 5"),
        ({"x": [np.nan]}, {}, ValueError, "x must not be NaN"),
        ({"x": [{}]}, {}, TypeError, "x must be a number"),
        ({"x": [1, 1]}, {}, ValueError, "twice"),
        ({"x": [1], "seed": [1]}, {}, ValueError, "'seed'"),
        ({"x": [1], "key": [1]}, {}, ValueError, "'key'"),
        ({"x": [1], "no way": [1]}, {}, ValueError, "'no way'"),
        ({"x": [1], "y": [1]}, {}, TypeError, "fn must accept x, y, seed by name"),
        ({"x": [1]}, {"fixed": {"x": 2}}, ValueError, "fixed must not name"),
        ({"x": [1]}, {"seeds": 0}, ValueError, "seeds must be >= 1"),
        ({"x": [1]}, {"seeds": True}, TypeError, "seeds must be an integer, got True"),
        ({"x": [1]}, {"seeds": [True]}, TypeError, r"seeds\[0\] must be an integer, got True"),
        ({"x": [1]}, {"seed": False}, TypeError, "seed must be an integer, got False"),
        ({"x": [1]}, {"seeds": []}, ValueError, "seeds must be"),
        ({"x": [1]}, {"seeds": [1, 1]}, ValueError, "seeds must be"),
        ({"x": [1]}, {"seeds": [-1]}, ValueError, r"seeds\[0\]"),
        ({"x": [1]}, {"seed": -1}, ValueError, "seed must be >= 0"),
        ({"x": [1]}, {"executor": "cloud"}, ValueError, "executor must be"),
        ({"x": [1]}, {"executor": 3}, TypeError, "executor must be"),
        ({"x": [1]}, {"workers": 0}, ValueError, "workers must be >= 1"),
        ({"x": [1]}, {"threads": 0}, ValueError, "threads must be >= 1"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, grid, options, error, text):
    store = tmp_path / "store"
    with pytest.raises(error, match=text):
        sl.sweep(square, grid, **({"executor": "serial", "store": store} | options))
    assert not store.exists()


def test_function_must_be_callable():
    with pytest.raises(TypeError, match="fn must be callable, got 3"):
        sl.sweep(3, {"x": [1]})


# Results --------------------------------------------------------------------------------------------------------------


def test_names_that_a_table_has_already():
    table = sweep(lambda x, seed: {"x": -x, "seed": 1, "y": 0}, {"x": [1, 2]}).table
    assert list(table["x"]) == [1, 2]
    assert list(table["result.x"]) == [-1, -2]
    assert list(table["result.seed"]) == [1, 1]
    names = ["x", "replicate", "seed", "key", "status", "error", "result.x", "result.seed", "y"]
    assert list(table) == names


def test_failed_runs_are_told_of_and_others_go_on():
    def fn(x, seed):
        if x == 2:
            raise ZeroDivisionError("of course")
        if x == 3:
            sys.exit(4)
        return {"y": x}

    result = sweep(fn, {"x": [1, 2, 3, 4]})
    assert column(result, "status") == ["done", "failed", "failed", "done"]
    assert column(result, "error")[1:3] == ["ZeroDivisionError: of course", "SystemExit: 4"]
    assert [int(y) for y in column(result, "y") if y == y] == [1, 4]  # noqa: PLR0124
    failed = result.failed
    assert list(failed["x"]) == [2, 3]
    assert 'raise ZeroDivisionError("of course")' in failed["traceback"][0]
    assert result[1].traceback == failed["traceback"][0]
    assert not result.complete
    assert repr(result) == "SweepResult(4 runs: 2 done, 2 failed)"


def test_sequence():
    result = sweep(square, {"x": [1, 2, 3]})
    assert len(result) == 3
    assert [run["y"] for run in result] == [1, 4, 9]
    assert result[-1].parameters == {"x": 3}
    assert [run["y"] for run in result[1:]] == [4, 9]
    with pytest.raises(IndexError):
        result[3]


def test_timing_is_apart():
    result = sweep(square, {"x": [1, 2]})
    timing = result.timing
    assert list(timing) == ["key", "seconds", "host", "version", "simd"]
    assert (np.array(timing["seconds"]) >= 0).all()
    assert list(timing["version"]) == [sl.__version__] * 2
    assert list(timing["simd"]) == [sl.simd_level()] * 2


def test_progress_is_told(capsys):
    told = []
    fn = Counting().function()
    sweep(fn, {"x": [1, "bad", 3]}, progress=lambda *numbers: told.append(numbers))
    assert told[-1] == (2, 1, 0)
    assert [sum(numbers) for numbers in told] == [3] * 3
    pytest.importorskip("rich")
    sweep(fn, {"x": [1, "bad", 3]}, progress=True)
    assert "2 done, 1 failed, 0 to do" in capsys.readouterr().err


def test_threads_of_a_run(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    everything = sl.Network().threads

    def fn(x, seed):
        return sl.Network().threads

    assert column(sweep(fn, {"x": [1]}), "result") == [everything]
    assert column(sweep(fn, {"x": [1]}, threads=1), "result") == [1]
    assert sl.Network().threads == everything


# Other forms ----------------------------------------------------------------------------------------------------------


def test_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    table = sweep(square, {"x": [1, 2]}).table
    assert isinstance(table, dict)
    assert table["y"].dtype == np.int64
    assert list(table["y"]) == [1, 4]


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


def test_a_bad_path_of_a_file_is_told_of(tmp_path):
    pytest.importorskip("h5py")
    result = sweep(square, {"x": [1]})
    with pytest.raises(ValueError, match=r"must be in an existing folder, got .*nodir/x\.h5"):
        result.save(tmp_path / "nodir" / "x.h5")
    with pytest.raises(ValueError, match="must be a file, not a folder"):
        result.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_is_not_replaced_by_half_of_one(tmp_path, monkeypatch):
    pytest.importorskip("h5py")
    path = tmp_path / "all.h5"
    path.write_text("old")
    result = sweep(square, {"x": [1]})
    monkeypatch.setattr("spikelet.experiments.tables.columns", lambda *_: {"a": 3})
    with pytest.raises(TypeError, match="int"):
        result.save(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["all.h5"]


def test_extras_are_named(monkeypatch, tmp_path):
    result = sweep(square, {"x": [1]})
    for name in ("loky", "joblib.externals.loky"):
        monkeypatch.setitem(sys.modules, name, None)
    for module, call in (
        ("h5py", lambda: result.save(tmp_path / "x.h5")),
        ("xarray", result.to_xarray),
        ("joblib", lambda: sl.sweep(square, {"x": [1]})),
        ("distributed", lambda: sl.sweep(square, {"x": [1]}, executor="dask")),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match=rf"{module}: pip install 'spikelet\[(sweep|dask)\]'"):
            call()


def test_import_imports_no_extra():
    code = (
        "import sys, spikelet as sl; sl.sweep\n"
        "extras = {'pandas', 'joblib', 'h5py', 'distributed', 'dask', 'xarray', 'rich', 'scipy'}\n"
        "print(sorted(extras & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_need_no_spikelet(tmp_path):
    result = sweep(Counting().function(), {"x": [1, "bad", 2]}, store=tmp_path / "s")
    code = (
        "import json, pathlib, sys, numpy as np\n"
        "runs = []\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).glob('*.runs')):\n"
        "    with path.open('rb') as file:\n"
        "        while (line := file.readline()).startswith(b'{'):\n"
        "            runs.append(json.loads(line))\n"
        "            for name in runs[-1]['arrays']:\n"
        "                runs[-1]['arrays'][name] = np.load(file).tolist()\n"
        "print(json.dumps(runs))\n"
        "assert 'spikelet' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s" / "runs")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, bad, last = json.loads(done.stdout)
    for found, expected in ((first, result[0]), (last, result[2])):
        assert found["arrays"]["z"] == list(expected["z"])
        assert found["scalars"] == {"y": expected["y"]}
        assert found["run"]["parameters"] == expected.parameters
        assert found["run"]["seed"] == expected.seed
    assert bad["error"] == "RuntimeError: no\nsuch thing"
    assert bad["arrays"] == {}


def test_an_exception_that_cannot_be_shown_fails_its_run():
    def fn(x, seed):
        if x == 1:
            raise SyntaxError("m", ("f", 1, 5, 7))  # all of which should be of other types
        return x

    result = sweep(fn, {"x": [1, 2]})
    assert column(result, "status") == ["failed", "done"]
    assert result[0].error == "SyntaxError: <cannot be shown>"
    assert "in fn" in result[0].traceback
