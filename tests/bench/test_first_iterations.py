"""The benchmark of first iterations trains nets that spike at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("torch")

SCRIPT = Path(__file__).parents[2] / "bench" / "python" / "first_iterations.py"


def test_default_nets_spike_and_learn_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--seeds", "0", "--iterations", "25"],
        cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    *_, membrane, steps, counts, rates, mean = done.stdout.splitlines()
    for row in (membrane, steps, counts, rates, mean):
        _, _, first, accuracy, _ = row.split("|")
        assert float(first) > 0.01
        assert min(map(float, accuracy.split(","))) > 50  # of ten digits
    assert "cross entropy of the mean" in membrane
