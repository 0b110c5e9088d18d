"""EVT 3.0: single events and vectors."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets
from spikelet.datasets.event_files import file as event_file


@pytest.mark.parametrize("block", [3, 1000])
def test_vectors_blocks_and_turns_of_the_clock(tmp_path, block, monkeypatch):
    monkeypatch.setattr(event_file, "BLOCK", block)
    dense = np.unique(writers.random_events(1500, (60, 8), 2**8))
    dense = dense[np.lexsort((dense["x"], dense["p"], dense["y"], dense["t"]))]
    sparse = writers.random_events(200, (640, 480), 2**27)
    sparse["t"] += 2**8
    events = np.concatenate([dense, sparse])
    writers.evt3(tmp_path / "a.raw", events)
    assert (tmp_path / "a.raw").stat().st_size < 8 * len(events)
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.raw"), events)


def test_time_has_no_low_bits_after_its_high_bits(tmp_path):
    words = [
        8 << 12 | 1,
        6 << 12 | 9,
        2 << 12 | 3,
        8 << 12 | 2,
        2 << 12 | 4,
        6 << 12 | 1,
        1 << 15 | 2,
        2 << 12 | 5,
    ]
    (tmp_path / "a.raw").write_bytes(b"% evt 3.0\n% end\n" + np.array(words, "<u2").tobytes())
    events = datasets.read_events(tmp_path / "a.raw")
    assert events["t"].tolist() == [4096 + 9, 8192, 8192]
    assert events["x"].tolist() == [3, 4, 5]


def test_vectors_that_leave_the_sensor(tmp_path):
    words = [8 << 12, 3 << 12 | 630, *[4 << 12 | 0xFFF] * 9]
    (tmp_path / "a.raw").write_bytes(
        b"% evt 3.0\n% geometry 640x480\n% end\n" + np.array(words, "<u2").tobytes()
    )
    with pytest.raises(ValueError, match=r"byte 39: x must lie in 0 \.\. 639, got 640"):
        datasets.read_events(tmp_path / "a.raw")
