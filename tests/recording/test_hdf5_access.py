"""Recordings are opened while they grow, by other threads and other processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.recorded import PIECE, assert_same, recorded

import spikelet as sl
from spikelet.network import run as running
from spikelet.recording import hdf5_access as recording_access
from spikelet.recording import hdf5_file as recording_file


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", PIECE)
    monkeypatch.setattr(recording_access, "BLOCK", 1000)


def test_ctrl_c_while_a_recording_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, expected = recorded()
    net.run(30.0)
    other, found = recorded(tmp_path / "r.h5")
    other.run(10.0)

    def stop(group: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recording_file, "data_of", stop)
        with pytest.raises(KeyboardInterrupt):
            other.run(20.0)
    other.run(30.0 - other.t)
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


def test_it_can_be_read_while_it_grows(tmp_path: Path) -> None:
    """From another thread, and from the progress callback, while the run goes on."""
    net, _ = recorded(tmp_path / "r.h5")
    seen: list[tuple[float, int]] = []
    done = threading.Event()

    def look() -> None:
        while not recording_access.marked_open(tmp_path / "r.h5"):  # by the run
            time.sleep(0.001)
        while not done.is_set():
            stored: Any = sl.read_recording(tmp_path / "r.h5", "cells.V_m")
            seen.append((stored.t, len(stored)))
            assert len(stored.times) >= seen[-1][1]
            time.sleep(0.005)

    thread = threading.Thread(target=look)
    net.run(0.1)
    thread.start()
    try:
        net.run(1000.0)
    finally:
        done.set()
        thread.join()
    assert len({t for t, _ in seen}) > 3
    assert all(n >= max(0, round(t / 0.1)) for t, n in seen)


def test_a_run_waits_for_a_thread_that_reads(small: Any, tmp_path: Path) -> None:
    net, cells = small
    v = net.record(cells, "V_m", to=tmp_path / "r.h5")
    net.run(1.0)
    opened = threading.Event()

    def look() -> None:
        with recording_access.reading(tmp_path / "r.h5"):
            opened.set()
            time.sleep(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    opened.wait()
    net.run(1.0)
    thread.join()
    assert len(v.times) == 20


def test_a_writer_starts_while_a_file_is_opened(small: Any, tmp_path: Path) -> None:
    net, cells = small
    v = net.record(cells, "V_m", to=tmp_path / "r.h5")
    net.run(1.0)
    with v.tape.file.writing():
        v.tape.file._file.flush()
        code = f"""
from spikelet.recording import hdf5_access as recording_access
marks, real = [False], recording_access.marked_open
recording_access.marked_open = lambda path: marks.pop() if marks else real(path)
import spikelet as sl
print(sl.read_recording({str(tmp_path / "r.h5")!r}).t)
"""
        found = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
        )
    assert found.stdout == "1.0\n", found.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="no signals")
def test_without_h5py_the_error_names_the_extra(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, cells = small
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"spikelet\[hdf5\]"):
        net.record(cells, "spikes", to=tmp_path / "r.h5")
    assert net.recorders == ()
    assert not list(tmp_path.iterdir())
