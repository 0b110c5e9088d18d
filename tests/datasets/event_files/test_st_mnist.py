"""ST-MNIST."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets


@pytest.mark.parametrize("compressed", [False, True])
def test_reads_what_was_written(tmp_path, compressed):
    events = writers.random_events(300, (10, 10))
    writers.st_mnist(tmp_path / "a.mat", events, compressed=compressed)
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.mat"), events)


def test_events_of_one_time(tmp_path):
    train = np.zeros((101, 2))
    train[[3, 42], 0] = 1, -1
    train[7, 1] = 1
    train[100] = 0.001, 0.002
    (tmp_path / "a.mat").write_bytes(writers.mat_bytes(train))
    events = datasets.read_events(tmp_path / "a.mat")
    assert events.tolist() == [(1000, 3, 0, 1), (1000, 2, 4, 0), (2000, 7, 0, 1)]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (
            np.zeros((100, 3)),
            r"the array 'spiketrain' must be numbers \[101, events\], got \(100, 3\)",
        ),
        (np.full((101, 3), np.nan), "times must be finite, got nan"),
        (np.full((101, 3), 2.0), "must be 0 or 1 in all events, or -1 or 1, got 2"),
    ],
    ids=range(3),
)
def test_refused(tmp_path, train, message):
    (tmp_path / "a.mat").write_bytes(writers.mat_bytes(train))
    with pytest.raises(ValueError, match=message):
        datasets.read_events(tmp_path / "a.mat")
