"""Events of 40 bits."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets
from spikelet.datasets.event_files import file as event_file


def test_bits(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes([3, 7, 0x80, 1, 2, 33, 0, 0x7F, 0xFF, 0xFF]))
    events = datasets.read_events(tmp_path / "a.bin")
    assert events.tolist() == [(0x102, 3, 7, 1), (0x7FFFFF, 33, 0, 0)]


def test_time_overflows(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file, "BLOCK", 7)
    events = writers.random_events(200, (34, 34), 9_000_000)
    writers.nmnist(tmp_path / "a.bin", events)
    assert (tmp_path / "a.bin").stat().st_size > 1000
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.bin"), events)


def test_whole_events(tmp_path):
    (tmp_path / "a.bin").write_bytes(bytes(7))
    with pytest.raises(ValueError, match=r"a\.bin: byte 0: the data must be events of 5 bytes"):
        datasets.read_events(tmp_path / "a.bin")
