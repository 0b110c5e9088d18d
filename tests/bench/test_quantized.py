"""The benchmark of quantised training compares networks that learn, and finds the same spikes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("torch")

SCRIPT = Path(__file__).parents[2] / "bench" / "python" / "quantized.py"


def test_the_same_spikes_in_integers(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--epochs", "2", "--hidden", "64", "--bits", "4", "--threads", "1"],
        cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    single, small = done.stdout.splitlines()
    assert float(single.split()[1]) > 70
    rounded, trained, deployed = map(float, re.findall(r"([\d.]+) %", small))
    assert rounded > 50
    assert trained > 70
    assert deployed == trained
    assert "0 spikes differ" in small
