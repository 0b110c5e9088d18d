"""The benchmark of a linear layer and LIF neurons runs, leaves out what is missing, and asserts no time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("resource")

SCRIPT = Path(__file__).parents[2] / "bench" / "python" / "open_neuromorphic.py"


def test_it_tabulates_what_is_there(tmp_path: Path) -> None:
    command = [
        sys.executable, str(SCRIPT), "--peers-python", str(tmp_path / "none"), "--sizes", "32",
        "--steps", "10", "--seconds", "0", "--input", "spikes", "--programs", "spikelet", "norse",
    ]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=120,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "not checked against spikingjelly" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| 32 |")]
    assert {row.split("|")[2].strip() for row in rows} == {"spikelet, dense", "spikelet, sparse"}
    assert rows[0].split("|")[-2].strip() == "1.0"  # the fastest is first
    assert "norse, sequential, 32: {'missing'" in done.stderr
