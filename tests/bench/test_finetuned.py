"""The benchmark of fine-tuning makes a network send fewer spikes; it needs no files of others."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.test_compare_networks import FOLDER, write_models


def test_fine_tuning_saves_spikes(tmp_path: Path, scripts: Any) -> None:
    write_models(tmp_path, scripts("networks"))
    done = subprocess.run(
        [sys.executable, str(FOLDER / "finetuned.py"), f"--models={tmp_path}", "--steps=8", "--epochs=2",
         "--batch=3", "--rate=1e-3", "--spikes=0.2"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ann, before, *epochs, after = done.stdout.splitlines()
    assert re.fullmatch(r"ANN  [\d.]+ %", ann)
    assert len(epochs) == 2
    (a, b) = (float(line.split()[-1]) for line in (before, after))
    assert b < 0.7 * a
