"""The benchmarks of how cost grows count what they say they count; nothing here asserts a time."""

from __future__ import annotations

import importlib
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("resource")  # the peak memory of a process, not on Windows

FOLDER = Path(__file__).parents[2] / "bench" / "python"
PNG = b"\x89PNG\r\n\x1a\n"
DT = 0.1


def run(folder: Path, script: str, *arguments: str) -> tuple[str, Any]:
    """Run a script in a folder; return what it printed and what it wrote with --json."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / script), *arguments, "--json", "out.json"],
        cwd=folder, env=os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((folder / "out.json").read_text())


def rows(output: str) -> list[list[str]]:
    """Return the cells of all Markdown rows."""
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in output.splitlines()
        if line.startswith("|")
    ]


def check(record: dict[str, Any]) -> None:
    """Compare what a run counted with what its network must do, within 5 standard deviations."""
    n, k, rate = record["neurons"], record["indegree"], record["rate"]
    assert record["synapses"] == n * k
    seconds = record["model_ms"] * record["windows"] * 1e-3
    drive = n * rate * seconds
    # At most a spike for each event of the drive; those of the 1 ms after a spike may be lost.
    assert record["spikes"] <= drive + 5 * math.sqrt(drive)
    assert record["spikes"] >= drive / (1 + 1.2e-3 * rate) - 5 * math.sqrt(drive)
    assert record["rate_hz"] == pytest.approx(record["spikes"] / n / seconds)
    # Spikes at a window's ends arrive in another one.
    ends = 2 * record["windows"] * n * rate * record["longest"] * DT * 1e-3
    spread = math.sqrt(ends * k**2 + 1)
    assert abs(record["events"] - k * record["spikes"]) < 5 * spread
    assert spread < 0.1 * record["events"]
    # A synapse is a weight and a target of 6 bytes, and headers and padding.
    assert 6 < record["bytes_per_synapse"] < 32
    assert 0 < record["build_peak_rss_mb"] <= record["peak_rss_mb"]


def test_kept_runs_of_a_scaling_have_all_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    scaling = importlib.import_module("scaling")
    point = scaling.Point(neurons=1_000_000, indegree=100, rate=0.1)
    base = scaling.asdict(point)
    changed = {"neurons": 1_000_001, "model_ms": 200.0, "windows": 4, "seed": 2, "dtype": "float64", "threads": 2}  # fmt: skip
    names = {scaling.name_of(base | {key: value}) for key, value in changed.items()}
    assert len(names | {scaling.name_of(base)}) == len(changed) + 1


def test_scaling(tmp_path: Path) -> None:
    output, written = run(
        tmp_path, "scaling.py", "--quick", "--threads", "1", "2", "--out", "a.png"
    )
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)
    cases = written["cases"]
    assert len({case["axis"] for case in cases}) == 7
    for case in cases:
        for record in case["runs"]:
            check(record)
    table = [cells for cells in rows(output) if cells[0][0].isdigit()]
    assert [float(cells[0]) for cells in table] == [case["x"] for case in cases]
    for cells, case in zip(table, cases, strict=True):
        assert float(cells[1]) == pytest.approx(case["runs"][0]["synapses"], rel=0.01)

    by_axis: dict[str, list[Any]] = {}
    for case in cases:
        name, *rest = case["axis"].split(",")
        record = case["runs"][0]
        if "delays" in rest[-1]:
            assert (record["shortest"], record["longest"]) == (1, 16)
        else:
            by_axis.setdefault(name, []).append(record)
    for axis, key in {"neurons": "neurons", "in-degree": "indegree", "rate in Hz": "rate",
                      "longest delay in steps": "longest"}.items():  # fmt: skip
        low, high = by_axis[axis]
        assert low[key] < high[key]
        fixed = {"neurons", "indegree", "rate", "longest", "threads"} - {key}
        assert all(low[name] == high[name] for name in fixed)


def test_driven(tmp_path: Path) -> None:
    given = {
        "neurons": 1000,
        "indegree": 100,
        "rate": 3,
        "shortest": 1,
        "longest": 16,
        "windows": 1,
    }
    done = subprocess.run(
        [sys.executable, str(FOLDER / "driven.py"), *(f"--{name}={value}" for name, value in given.items())],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    record = json.loads(done.stdout)
    assert {name: record[name] for name in given} == given
    check(record)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_count_of_events_is_exact(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """Each spike counts once at each of its source's synapses, when its delay has passed."""
    monkeypatch.syspath_prepend(FOLDER)
    driven = importlib.import_module("driven")
    point = driven.Point(
        neurons=300, indegree=50, rate=20.0, shortest=3, longest=40, threads=threads
    )
    net, neurons, recorder = driven.network(point)
    projection = driven.connect(net, neurons, point)
    delays = np.rint(projection.delays / DT).astype(int)
    assert set(delays) == set(range(3, 41))
    net.run(200.0)
    stamps = np.rint(recorder.times / DT).astype(int)
    expected = sum(
        int(np.sum(stamp + delays[projection.pre_ids == source] <= 2000))
        for stamp, source in zip(stamps, recorder.ids, strict=True)
    )
    assert len(stamps) > 500
    assert expected < len(stamps) * 60
    events = np.sum(neurons.I_syn_in[:], dtype=np.float64) / driven.WEIGHT
    assert events == expected


def test_ranks(tmp_path: Path) -> None:
    pytest.importorskip("mpi4py")
    if not (Path(sys.executable).with_name("mpiexec").exists() or shutil.which("mpiexec")):
        pytest.skip("no mpiexec: neither a wheel nor the system has MPI")
    output, written = run(tmp_path, "ranks.py", "--quick")
    assert "The same bits on plain, plain, 2 ranks" in output
    alone, threads, shared = (case["runs"][0] for case in written["cases"])
    assert alone["digest"] == threads["digest"] == shared["digest"]
    assert alone["rate_hz"] > 0
    assert len(shared["bytes_sent"]) == 2
    assert shared["bytes_received"] == [2 * sent for sent in shared["bytes_sent"]]
    # Each has its own synapses, and headers.
    assert sum(shared["synapse_mb"]) == pytest.approx(sum(alone["synapse_mb"]), rel=0.3)


def test_many_projections_spike_like_one(tmp_path: Path) -> None:
    _, written = run(tmp_path, "many_projections.py", "--projections", "20", "--synapses", "5")
    cases = written["cases"]
    assert [case["rule"] for case in cases] == 2 * ["static"] + 2 * ["STDP"] + 2 * [
        "TsodyksMarkram"
    ]
    spikes = {case["runs"][0][name] for case in cases for name in ("spikes_a_step", "one_spikes")}
    assert len(spikes) == 1
