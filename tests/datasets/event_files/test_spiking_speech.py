"""SHD and SSC."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from tests.support import event_files as writers

import spikelet as sl
from spikelet import datasets

h5py = pytest.importorskip("h5py")


def test_recordings(tmp_path):
    written = writers.spiking_speech(tmp_path / "shd.h5")
    recordings = datasets.read_spiking_speech(tmp_path / "shd.h5")
    assert recordings.labels.tolist() == [label for *_, label in written]
    assert recordings.speakers.tolist() == [0, 1, 2, 3, 4]
    assert recordings.classes[3] == "word 3"
    assert repr(recordings).endswith("shd.h5': 5 recordings)")
    for copy in (recordings, pickle.loads(pickle.dumps(recordings))):
        assert len(copy) == 5
        for (events, label), (times, units, expected) in zip(copy, written, strict=True):
            assert label == expected
            assert events.dtype == writers.DTYPE
            np.testing.assert_array_equal(events["t"], (times.astype(float) * 1e6).astype(int))
            np.testing.assert_array_equal(events["x"], units)
            assert not events["y"].any()
            assert not events["p"].any()
            assert len(sl.events.to_spikes(events, recordings.sensor_size)) == len(times)
    np.testing.assert_array_equal(recordings[-1][0], recordings[4][0])
    assert [label for _, label in recordings[1:3]] == [written[1][2], written[2][2]]
    for k in (5, -6):
        with pytest.raises(IndexError, match=rf"index must lie in -5 \.\. 4, got {k}"):
            recordings[k]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.__delitem__("labels"), "dataset 'labels' must exist"),
        (lambda f: f.__delitem__("spikes/units"), "dataset 'spikes/units' must exist"),
        (
            lambda f: (f.__delitem__("labels"), f.__setitem__("labels", [1, 2])),
            "as many recordings as there are labels, 2",
        ),
        (
            lambda f: (f.__delitem__("labels"), f.__setitem__("labels", [-1] * 5)),
            "'labels' must be integers >= 0",
        ),
        (
            lambda f: (f.__delitem__("spikes/units"), f.__setitem__("spikes/units", [1] * 5)),
            "must hold lists of numbers",
        ),
    ],
    ids=range(5),
)
def test_damaged_files(tmp_path, damage, message):
    writers.spiking_speech(tmp_path / "shd.h5")
    with h5py.File(tmp_path / "shd.h5", "a") as file:
        damage(file)
    with pytest.raises(
        ValueError, match=rf"^datasets.read_spiking_speech: .*shd\.h5: dataset {message}|{message}"
    ):
        datasets.read_spiking_speech(tmp_path / "shd.h5")


@pytest.mark.parametrize(
    ("times", "units", "message"),
    [
        ([0.1, 0.2], [5], r"'spikes/units\[2\]' must be as many integers as there are times"),
        ([0.1], [700], r"'spikes/units\[2\]' must lie in 0 \.\. 699"),
        ([np.nan], [7], r"'spikes/times\[2\]' must be finite"),
        ([-0.5], [7], r"'spikes/times\[2\]' must be finite and >= 0 s"),
    ],
    ids=range(4),
)
def test_damaged_recordings(tmp_path, times, units, message):
    writers.spiking_speech(tmp_path / "shd.h5")
    with h5py.File(tmp_path / "shd.h5", "a") as file:
        file["spikes/times"][2] = np.array(times, np.float16)
        file["spikes/units"][2] = np.array(units, np.uint16)
    recordings = datasets.read_spiking_speech(tmp_path / "shd.h5")
    assert len(recordings[1]) == 2
    with pytest.raises(ValueError, match=message):
        recordings[2]


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        datasets.read_spiking_speech(tmp_path / "none.h5")
    (tmp_path / "a.h5").write_bytes(bytes(100))
    with pytest.raises(ValueError, match=r"a\.h5: the file cannot be read as HDF5"):
        datasets.read_spiking_speech(tmp_path / "a.h5")
