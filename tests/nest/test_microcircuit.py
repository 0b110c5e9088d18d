"""The cortical microcircuit does the same here and in NEST, and the benchmark says so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("nest")

SCRIPT = Path(__file__).parents[2] / "bench" / "python" / "compare_microcircuit.py"


def test_rates_and_distributions_agree(tmp_path: Path) -> None:
    options = ["--scale=0.05", "--seconds=1", "--presim=200", "--runs=4", "--json=result.json"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Activity agrees: nest" in done.stdout, done.stdout
    cases = json.loads((tmp_path / "result.json").read_text())["cases"]
    ours, theirs = (case["runs"] for case in cases)
    assert [case["simulator"] for case in cases] == ["spikelet", "nest"]
    for runs in (ours, theirs):
        assert [run["synapses"] for run in runs] == [747_205] * 4
        assert runs[0]["digest"] != runs[1]["digest"]
    for name, rate in ours[0]["rates"].items():
        here, there = (sum(run["rates"][name] for run in runs) / 4 for runs in (ours, theirs))
        assert here == pytest.approx(there, rel=0.06, abs=0.05), name
        assert rate > 0.1
