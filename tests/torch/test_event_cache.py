"""Frames on disk."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spikelet.torch.event_cache import Store


@pytest.mark.parametrize(
    "label", [3, np.int64(4), "word", None, 0.5, True, np.array([1.5, 2]), torch.tensor(3)], ids=str
)
def test_frames_and_labels(tmp_path, label):
    store = Store(tmp_path / "cache", "a")
    assert store.get(7) is None
    frames = np.arange(12, dtype=np.int16).reshape(3, 4)
    store.put(7, frames, label)
    found, kept = Store(tmp_path / "cache", "a").get(7)
    np.testing.assert_array_equal(found, frames)
    assert found.dtype == frames.dtype
    found[0] = 0  # the caller's own
    np.testing.assert_array_equal(kept, label)
    assert store.get(8) is None
    assert Store(tmp_path / "cache", "b").get(7) is None


def test_a_damaged_file_counts_as_none(tmp_path):
    store = Store(tmp_path, "a")
    store.put(0, np.arange(100), 1)
    (path,) = store.folder.iterdir()
    data = path.read_bytes()
    middle = len(data) // 2  # within the array
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    for damaged in (data[:50], b"", flipped):
        path.write_bytes(damaged)
        assert store.get(0) is None
    store.put(0, np.arange(100), 1)
    assert store.get(0) is not None


def test_labels_that_cannot_be_kept(tmp_path):
    with pytest.raises(
        TypeError, match="the label of recording 2 must be a number, a string, None"
    ):
        Store(tmp_path, "a").put(2, np.zeros(3), {"a": 1})
    assert not list((tmp_path).rglob("*.npz"))
