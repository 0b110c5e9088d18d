"""EVT 2.0."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets
from spikelet.datasets.event_files import file as event_file


@pytest.mark.parametrize("block", [3, 1000])
def test_blocks_and_turns_of_the_clock(tmp_path, block, monkeypatch):
    monkeypatch.setattr(event_file, "BLOCK", block)
    events = writers.random_events(300, (640, 480), 2**35)
    writers.evt2(tmp_path / "a.raw", events)
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.raw"), events)


def test_address_outside_the_sensor(tmp_path):
    writers.evt2(tmp_path / "a.raw", writers.random_events(300, (640, 480)), (640, 400))
    with pytest.raises(ValueError, match=r"y must lie in 0 \.\. 399"):
        datasets.read_events(tmp_path / "a.raw")
