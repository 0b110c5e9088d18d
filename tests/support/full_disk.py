"""A disk that is full: no file may become longer than some bytes."""

from __future__ import annotations

import subprocess
import sys

__all__ = ["OPENING", "run_on_a_full_disk"]

OPENING = """
import resource
import signal

import numpy as np

import spikelet as sl


def full(bytes):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def shown(call):
    try:
        call()
    except OSError as error:
        print(error.strerror, error.filename)
"""


def run_on_a_full_disk(script: str, folder: object) -> list[str]:
    """Run a script, in which ``full(bytes)`` fills the disk, in a folder and in a process of its own, which may crash.

    Returns
    -------
    list of str
        The lines that it printed.
    """
    done = subprocess.run(
        [sys.executable, "-c", OPENING + script],
        cwd=str(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.returncode, done.stderr)
    return done.stdout.splitlines()
