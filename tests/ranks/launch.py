"""Start a script on some ranks, with the MPI of this environment or of the system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def mpiexec() -> list[str]:
    """Return the launcher, and what lets it start more ranks than there are cores."""
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        pytest.skip("no mpiexec: neither a wheel nor the system has MPI")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    is_open = "open" in version.stdout.lower()[:200]
    return [found, *(("--oversubscribe", "--allow-run-as-root") if is_open else ())]


def run(ranks: int, script: str, *arguments: str, check: bool = True) -> str:
    """Run a script of this folder; 0 ranks: in a plain process. Return what it printed."""
    start = [*mpiexec(), "-n", str(ranks)] if ranks else []
    done = subprocess.run(
        [*start, sys.executable, str(HERE / script), *arguments],
        env={**os.environ, "OMP_WAIT_POLICY": "passive", "OMPI_MCA_mpi_yield_when_idle": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        assert done.returncode != 0, done.stdout + done.stderr
    return done.stdout + done.stderr
