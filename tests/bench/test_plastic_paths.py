"""The benchmarks of plastic synapses run every path, and count what they say; nothing here asserts a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")  # the peak memory of a process, not on Windows

FOLDER = Path(__file__).parents[2] / "bench" / "python"


def run(folder: Path, script: str, *arguments: str) -> tuple[str, object]:
    """Run a script; return what it printed and what it wrote with --json."""
    out = folder / "out.json"
    done = subprocess.run(
        [sys.executable, str(FOLDER / script), *arguments, "--json", str(out)],
        cwd=folder, env=dict(os.environ), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(out.read_text())


def test_each_path_has_the_same_spikes_and_its_own_layout(tmp_path: Path) -> None:
    printed, records = run(
        tmp_path, "plastic_paths.py", "--neurons", "100", "--indegree", "20", "--warm-up", "50",
        "--model-ms", "100",
    )  # fmt: skip
    assert isinstance(records, dict)
    records = records["paths"]
    assert len(records) == 44
    layouts = {name: runs[0]["layout"] for name, runs in records.items()}
    assert "closed form" in layouts["STDP additive, all_to_all, one delay"]
    assert "spike history" in layouts["STDP additive, all_to_all, mixed delays"]
    assert "spike history" in layouts["RewardSTDP, one delay"]
    assert "scaled by spike" in layouts["TsodyksMarkram, mixed delays"]
    assert len({runs[0]["spikes"] for runs in records.values()}) == 1
    assert all(f"| {name} |" in printed for name in records)


def test_hpc_benchmark_has_the_synapses_of_the_example(tmp_path: Path) -> None:
    _, result = run(
        tmp_path, "hpc_benchmark.py", "--simulators", "spikelet", "--scale", "0.02",
        "--warm-up", "20", "--model-ms", "50",
    )  # fmt: skip
    assert isinstance(result, dict)
    (record,) = result["cases"][0]["runs"]
    assert record["synapses"] == 225 * 225
    assert record["rate_hz"] > 1
    assert record["weight"] == pytest.approx(45.6, rel=0.1)  # 0.14 mV, about as drawn
