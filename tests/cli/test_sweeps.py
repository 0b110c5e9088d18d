"""``spikelet run``: sweeps that TOML files describe."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import spikelet as sl
from spikelet.cli.main import main
from spikelet.cli.sweeps import read

pytest.importorskip("pandas")

MODULE = """
from dataclasses import dataclass

@dataclass
class Answer:
    y: float

def fn(a, b=0.0, *, seed):
    if b == "bad":
        raise ValueError("bad it is")
    return {"y": Answer(a).y * 2, "seen": seed}

class Study:
    @staticmethod
    def method(a, seed):
        return a

three = 3
"""

SWEEP = """
function = "model.py:fn"
seeds = 2
seed = 5
executor = "serial"

[grid]
a = [1, 2]

[fixed]
b = 0.5
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a description next to its module; return its path."""
    (tmp_path / "model.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("def fn(:")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)  # paths are relative to the file
    monkeypatch.delitem(sys.modules, "model", raising=False)

    def write(text):
        path = tmp_path / "study.toml"
        path.write_text(text)
        return str(path)

    yield write
    sys.modules.pop("model", None)


def test_a_description_runs_and_reports(write, tmp_path, capsys):
    assert main(["run", write(SWEEP)]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["b", "a", "replicate", "seed", "status", "error", "y", "seen"]
    assert out[2].split()[:3] == ["0.5", "1", "0"]
    assert out[-2] == "SweepResult(4 runs: 4 done)"
    assert out[-1] == f"Store: {tmp_path / 'study-runs'}"
    table = sl.load_sweep(tmp_path / "study-runs").table
    assert list(table["y"]) == [2, 2, 4, 4]
    assert list(table["seen"]) == list(table["seed"])


def test_is_the_sweep_of_python(write, tmp_path):
    path = write(SWEEP)
    assert main(["run", path]) == 0
    fn = read(Path(path)).function
    result = sl.sweep(
        fn, {"a": [1, 2]}, seeds=2, seed=5, fixed={"b": 0.5}, executor="serial",
        store=tmp_path / "study-runs",
    )  # fmt: skip
    assert result.table.equals(sl.load_sweep(tmp_path / "study-runs").table)
    assert sorted(p.name for p in (tmp_path / "study-runs").iterdir()) == ["lock", "sweep.sqlite"]


def test_an_existing_store_is_resumed_only_if_asked(write, capsys):
    path = write(SWEEP)
    assert main(["run", path]) == 0
    assert main(["run", path]) == 2
    assert "store must not exist; --resume continues it" in capsys.readouterr().err
    write(SWEEP.replace("[1, 2]", "[1, 2, 3]"))
    assert main(["run", path, "--resume"]) == 0
    assert "6 runs: 6 done" in capsys.readouterr().out


def test_failed_runs_fail_the_command(write, capsys):
    text = SWEEP.replace('"model.py:fn"', '"model.py:fn"\nsave = "all.h5"')
    path = write(text.replace("b = 0.5", 'b = "bad"'))
    pytest.importorskip("h5py")
    assert main(["run", path]) == 1
    out = capsys.readouterr().out
    assert "ValueError: bad it is" in out
    assert "4 runs: 4 failed" in out
    assert "all.h5" in out
    assert main(["run", path, "--resume", "--retry-failed"]) == 1


def test_dry_run(write, tmp_path, capsys):
    assert main(["run", write(SWEEP), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert "b = 0.5, a = 1, seed = " in lines[0]
    assert lines[-1].startswith("4 runs; store: ")
    assert not (tmp_path / "study-runs").exists()


def test_options_of_the_command_take_precedence(write, capsys):
    pytest.importorskip("joblib")
    path = write(SWEEP.replace('"serial"', '"dask"'))
    assert main(["run", path, "--executor", "joblib", "--workers", "1"]) == 0
    assert main(["run", path, "--executor", "cloud", "--resume"]) == 2
    assert "executor must be" in capsys.readouterr().err


def test_ranges_points_and_modules(write, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    text = 'function = "model:Study.method"\nstore = "here"\n[grid]\na = {start = 0, stop = 1, num = 5}'
    asked = read(Path(write(text)))
    assert asked.options["store"] == tmp_path / "here"
    assert [run.parameters["a"] for run in asked.runs()] == list(np.linspace(0, 1, 5))
    points = 'function = "model.py:fn"\n[[points]]\na = 1\n[[points]]\na = 2\nb = [1, "x"]'
    runs = read(Path(write(points))).runs()
    assert [run.parameters for run in runs] == [{"a": 1}, {"a": 2, "b": (1, "x")}]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("seeds = 2", "sedes = 2", "study.toml: key must be one of function, .* got 'sedes'"),
        ("seeds = 2", 'seeds = "x"', "seeds must be an integer or a list"),
        ("seeds = 2", "seeds = true", "seeds must be an integer, got True"),
        (
            "model.py:fn",
            "broken.py:fn",
            "study.toml: .*'broken.py:fn' is not valid Python: .*line 1",
        ),
        ("seeds = 2", "seeds = ", "study.toml: .*line 3"),
        ("seeds = 2", 'workers = "2"', "workers must be an integer, got '2'"),
        ("seeds = 2", "store = 2", "store must be a string, got 2"),
        ('"serial"', '"cloud"', "executor must be"),
        ("model.py:fn", "model.py", 'function must be "module:function"'),
        ("model.py:fn", "nothing.py:fn", "function must be in an existing module"),
        ("model.py:fn", "nothing_at_all:fn", "function must be in an existing module"),
        ("model.py:fn", "model.py:gn", "function must be a function of model.py"),
        ("model.py:fn", "model.py:three", "function must be a function of model.py"),
        ("a = [1, 2]", "a = 1", "grid.a must be a list or have start, stop and num"),
        ("a = [1, 2]", "a = {start = 0}", "grid.a must be a list or have start, stop and num"),
        ("a = [1, 2]", 'a = {start = "0", stop = 1, num = 3}', "grid.a must have numbers"),
        ("a = [1, 2]", "a = [1, nan]", "must not be NaN"),
        ("a = [1, 2]", "a = [1979-05-27]", "must be a number"),
        ("a = [1, 2]", "c = [1, 2]", "fn must accept b, c, seed by name"),
        (
            "seeds = 2",
            'save = "nodir/x.h5"',
            "path must be in an existing folder, got .*nodir/x.h5",
        ),
        ("seeds = 2", 'save = "."', "path must be a file, not a folder"),
        ("[grid]", "[points]", "points must be an array of tables"),
        ("[fixed]", "[[points]]", "exactly one of grid and points is required"),
    ],
)
def test_what_does_not_fit_is_refused(write, tmp_path, capsys, old, new, text):
    assert old in SWEEP
    assert main(["run", write(SWEEP.replace(old, new))]) == 2
    error = capsys.readouterr().err
    assert re.search(text, error), error
    assert not (tmp_path / "study-runs").exists()


def test_a_missing_file_is_reported(tmp_path, capsys):
    assert main(["run", str(tmp_path / "no.toml")]) == 2
    assert "no.toml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "x = " + "[" * 100_000,
        'function = "model.py:fn"\n[grid]\na = {start = 0, stop = 1, num = 1000000000000}',
        'function = "model.py:fn"\nseeds = 1000000000000\n[grid]\na = [1]',
        f'function = "model.py:fn"\n[grid]\na = {{start = 0, stop = {10**400}, num = 3}}',
        'function = "..x:fn"\n[grid]\na = [1]',
        'function = "x\\u0000.py:fn"\n[grid]\na = [1]',
        'function = ".:fn"\n[grid]\na = [1]',
    ],
    ids=range(7),
)  # fmt: skip
def test_descriptions_that_ask_for_too_much(write, text):
    """They once ended in a RecursionError, a MemoryError, or never."""
    (Path(write(text)).parent / "model.py").write_text("def fn(a, seed): return a")
    with pytest.raises(ValueError, match=r".+"):
        read(Path(write(text))).runs()


# For programs -------------------------------------------------------------------------------------------------------

FUNCTION = """
def half(x, seed):
    if x == 13:
        raise ValueError("unlucky")
    return {"y": x / 2, "seed_seen": seed % 2}
"""


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "halves.py").write_text(FUNCTION)
    path = tmp_path / "sweep.toml"
    path.write_text(
        'function = "halves.py:half"\nseeds = 1\nexecutor = "serial"\nstore = "store"\n[grid]\nx = [1, 2]\n'
    )
    return path


def test_json_has_all_runs(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(sweep), "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert [run["parameters"] for run in planned["runs"]] == [{"x": 1}, {"x": 2}]
    assert not Path(planned["store"]).exists()
    assert main(["run", str(sweep), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["y"] for run in found["runs"]] == [0.5, 1.0]
    assert found["complete"]
    assert Path(found["store"]).is_dir()


def test_a_failed_run_gives_1(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep.write_text(sweep.read_text().replace("[1, 2]", "[1, 13]"))
    assert main(["run", str(sweep), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["complete"]
    assert [run["status"] for run in found["runs"]] == ["done", "failed"]
