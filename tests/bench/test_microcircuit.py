"""The published protocols on the microcircuit: runs are kept and resumed, and the distances are those of scipy."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import ks_2samp

pytest.importorskip("matplotlib")
pytest.importorskip("resource")  # the peak memory of a process, not on Windows

FOLDER = Path(__file__).parents[2] / "bench" / "python"
ARGUMENTS = ("--cases", "float64", "int16", "--scale", "0.1", "--seconds", "1", "--presim", "50", "--seeds", "3")  # fmt: skip


def run(script: str, *arguments: str, check: bool = True) -> str:
    """Run a script and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / script), *arguments],
        env=os.environ | {"MPLBACKEND": "Agg"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == check, done.stderr
    return done.stdout + done.stderr


def test_the_protocol_resumes_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(tmp_path / "runs")
    first = run("microcircuit_protocol.py", folder, *ARGUMENTS, "--runs", "3")
    assert first.count("real-time factor") == 3 + 1  # in the table of the one full seed, too
    assert "three seeds or more" in first
    picture = tmp_path / "a.png"
    rest = run(
        "microcircuit_protocol.py",
        folder,
        *ARGUMENTS,
        "--figure",
        str(picture),
        "--json",
        str(tmp_path / "out.json"),
    )
    assert [line.split(":")[0] for line in rest.splitlines() if ": real-time" in line] == [
        "int16 seed 2", "float64 seed 3", "int16 seed 3",
    ]  # fmt: skip
    assert picture.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    again = run("microcircuit_protocol.py", folder, *ARGUMENTS, "--report")
    assert ": real-time" not in again
    tables = rest[rest.index("| case |") : rest.index("figure:")].strip()
    assert tables in again
    stored = json.loads((tmp_path / "out.json").read_text())["tables"]
    assert set(stored) == {"times", "ratios", "distances", "shifts", "means"}
    assert [row[0] for row in stored["ratios"]["rows"]] == ["int16"]
    assert [row[0] for row in stored["means"]["rows"]].count("L6I") == 1
    assert all(f"| {' | '.join(row)} |" in rest for row in stored["means"]["rows"])
    for setting in (("--presim", "60"), ("--threads", "2")):
        other = run("microcircuit_protocol.py", folder, *ARGUMENTS, *setting, check=False)
        assert "another protocol" in other

    monkeypatch.syspath_prepend(FOLDER)
    report = importlib.import_module("microcircuit_report")
    cases, seeds, key = ("float64", "int16"), (1, 2, 3), "rate L4E"
    runs: dict[Any, Any] = {
        (case, seed): report.load(Path(folder), case, seed, 200) for case in cases for seed in seeds
    }
    found = report.Distances(runs, cases, seeds)
    spread = found.between(found.groups["seeds"], key)
    assert spread == [
        ks_2samp(runs["float64", i][key], runs["float64", j][key], method="asymp").statistic
        for i, j in ((1, 2), (1, 3), (2, 3))
    ]
    pairs = found.groups["int16"]
    assert len(pairs) == 6
    assert all(a[1] != b[1] for a, b in pairs)  # of other networks, as between seeds
    ratio = found.ratio("int16", [key])
    assert ratio == pytest.approx(np.mean(found.between(pairs, key)) / np.mean(spread))
    assert f"| L4E | {np.mean([runs['float64', s][key].mean() for s in (1, 2, 3)]):.3f} ±" in rest


def test_the_reference_compared_with_itself_is_at_the_distance_of_its_seeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    report = importlib.import_module("microcircuit_report")
    rng = np.random.default_rng(1)
    seeds = range(1, 9)
    runs = {("a", s): {"x": rng.normal(0.1 * s, 1.0, 500)} for s in seeds}
    runs |= {("same", s): runs["a", s] for s in seeds}
    runs |= {("moved", s): {"x": runs["a", s]["x"] + 2.0} for s in seeds}
    found = report.Distances(runs, ("a", "same", "moved"), seeds)

    def ratio(case: str, of: Any = seeds) -> float:
        return float(found.ratio(case, ["x"], of))

    assert ratio("same") == pytest.approx(1.0)
    assert report.jackknife(lambda of: ratio("same", of), seeds) == pytest.approx(0.0, abs=1e-12)
    assert ratio("moved") > 2.0


def test_nest_runs_the_same_networks() -> None:
    pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")
    printed = run(
        "driven_on_nest.py", "--neurons", "500", "--indegree", "20", "--rate", "16",
        "--model-ms", "100", "--shortest", "1", "--longest", "16",
    )  # fmt: skip
    record = json.loads(printed.strip().splitlines()[-1])
    assert record["synapses"] == 500 * 20
    assert record["rate_hz"] == pytest.approx(16.0, rel=0.2)
    out = run("hpc_benchmark.py", "--scale", "0.02", "--warm-up", "20", "--model-ms", "50")
    rows = [
        line.split("|") for line in out.splitlines() if line.startswith(("| spikelet", "| nest"))
    ]
    assert len(rows) == 2
    weights = [float(cells[5]) for cells in rows]
    assert weights[0] == pytest.approx(weights[1], rel=0.03)
