"""Sweeps in this process: which runs there are, what is kept of them, what comes out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.support.sweeps import Counting, column, square, sweep

import spikelet as sl

Function = Callable[..., Any]


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


def test_failed_runs_are_reported_and_others_continue():
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


def test_progress_is_reported(capsys):
    told = []
    fn = Counting().function()
    sweep(fn, {"x": [1, "bad", 3]}, progress=lambda *numbers: told.append(numbers))
    assert told[-1] == (2, 1, 0)
    assert [sum(numbers) for numbers in told] == [3] * 3
    pytest.importorskip("rich")
    sweep(fn, {"x": [1, "bad", 3]}, progress=True)
    assert "2 done, 1 failed, 0 to do" in capsys.readouterr().err


def test_missing_extras_are_named(monkeypatch, tmp_path):
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
        "import io, json, sqlite3, sys, numpy as np\n"
        "db, runs = sqlite3.connect(sys.argv[1]), []\n"
        "for key, run in db.execute('SELECT key, run FROM plan ORDER BY rowid').fetchall():\n"
        "    (text,), = db.execute('SELECT record FROM runs WHERE key = ?', [key])\n"
        "    runs.append({'run': json.loads(run), **json.loads(text), 'arrays': {}})\n"
        "    query = 'SELECT name, npy FROM arrays WHERE key = ?'\n"
        "    for name, npy in db.execute(query, [key]):\n"
        "        runs[-1]['arrays'][name] = np.load(io.BytesIO(npy)).tolist()\n"
        "print(json.dumps(runs))\n"
        "assert 'spikelet' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "s" / "sweep.sqlite")],
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
