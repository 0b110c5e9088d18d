"""Data sets of event files in folders."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets


def made(root, folders, suffix, write, size, n=2):
    """Write n files into each folder; return all events by path."""
    found = {}
    for name in folders:
        (root / name).mkdir(parents=True)
        (root / name / "readme.txt").write_text("no events")
        for k in range(n):
            path = root / name / f"{k:05}{suffix}"
            found[path] = writers.random_events(20 + k, size, seed=len(found))
            write(path, found[path])
    return found


CASES = {
    "n_mnist": (["Train/0", "Train/7", "Test/3"], ".bin", writers.nmnist, (34, 34), "train", [0, 0, 7, 7], "0123456789"),
    "n_caltech101": (["Caltech101/ant", "Caltech101/yin_yang"], ".bin", writers.nmnist, (200, 150), None, [0, 0, 1, 1], ("ant", "yin_yang")),
    "n_cars": (["n-cars_test/background", "n-cars_test/cars"], ".dat", writers.dat, (120, 100), "test", [0, 0, 1, 1], ("background", "cars")),
    "st_mnist": (["4", "5"], ".mat", writers.st_mnist, (10, 10), None, [4, 4, 5, 5], "0123456789"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_folders(tmp_path, name):
    folders, suffix, write, size, split, labels, classes = CASES[name]
    written = made(tmp_path, folders, suffix, write, size)
    recordings = getattr(datasets, name)(tmp_path, *([split] if split else []))
    assert len(recordings) == 4
    assert recordings.labels.tolist() == labels
    assert recordings.classes == tuple(classes)
    assert recordings.sensor_size[2] == 2
    for copied in (recordings, pickle.loads(pickle.dumps(recordings)), copy.deepcopy(recordings)):
        for path, label, (events, found) in zip(copied.paths, labels, copied, strict=True):
            assert found == label
            np.testing.assert_array_equal(events, written[path])
    assert [label for _, label in recordings[1:3]] == labels[1:3]
    np.testing.assert_array_equal(recordings[-1][0], recordings[3][0])
    with pytest.raises(IndexError, match=rf"^datasets.{name}: index must lie in -4 \.\. 3, got 4"):
        recordings[4]
    assert repr(recordings).startswith(f"Recordings({name}: 4 recordings of ")


@pytest.mark.parametrize("name", [*CASES, "dvs_gesture"])
def test_missing_files(tmp_path, name):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(
            FileNotFoundError,
            match=rf"datasets.{name}: no such files; nothing is downloaded, get .*https://",
        ):
            getattr(datasets, name)(folder)


def test_what_lies_beside_the_recordings_is_no_class_and_no_recording(tmp_path):
    made(tmp_path, ["ant", "yin_yang"], ".bin", writers.nmnist, (200, 150))
    (tmp_path / "ant" / "._00000.bin").write_bytes(b"of macOS")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "a.mat").write_bytes(b"")
    recordings = datasets.n_caltech101(tmp_path)
    assert recordings.classes == ("ant", "yin_yang")
    assert recordings.labels.tolist() == [0, 0, 1, 1]


def test_the_other_split(tmp_path):
    made(tmp_path, ["Train/0", "Test/3"], ".bin", writers.nmnist, (34, 34))
    assert datasets.n_mnist(str(tmp_path), "test").labels.tolist() == [3, 3]
    with pytest.raises(ValueError, match='split must be "train" or "test"'):
        datasets.n_mnist(tmp_path, "valid")


def test_an_address_outside_the_sensor(tmp_path):
    made(tmp_path, ["Train/0"], ".bin", writers.nmnist, (60, 34))
    with pytest.raises(ValueError, match=r"00000\.bin: byte \d+: x must lie in 0 \.\. 33"):
        list(datasets.n_mnist(tmp_path))


class TestGestures:
    EVENTS = writers.random_events(500, (128, 128))
    SPANS = ((2, 0, 100_000), (11, 300_000, 500_000))

    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("user01_led", "user02_lab"):
            writers.gestures(tmp_path, name, self.SPANS, self.EVENTS)
        (tmp_path / "trials_to_train.txt").write_text("user01_led.aedat\n\nuser02_lab.aedat\n")
        (tmp_path / "trials_to_test.txt").write_text("")
        return tmp_path

    def test_recordings(self, folder):
        recordings = datasets.dvs_gesture(folder)
        assert recordings.labels.tolist() == [1, 10, 1, 10]
        assert len(recordings.classes) == 11
        t = self.EVENTS["t"]
        for k, (events, _) in enumerate(pickle.loads(pickle.dumps(recordings))):
            _, start, stop = self.SPANS[k % 2]
            expected = self.EVENTS[(t >= start) & (t < stop)]
            expected["t"] -= start
            np.testing.assert_array_equal(events, expected)
        assert len(datasets.dvs_gesture(folder, "test")) == 0

    def test_damaged_lists(self, folder):
        for text in ("../user01_led.aedat", "/user01_led.aedat", "user01_led"):
            (folder / "trials_to_train.txt").write_text(text)
            with pytest.raises(
                ValueError,
                match=r"trials_to_train\.txt must hold names of \.aedat files in its folder",
            ):
                datasets.dvs_gesture(folder)
        (folder / "trials_to_train.txt").write_text("user03_led.aedat")
        with pytest.raises(FileNotFoundError, match="nothing is downloaded"):
            datasets.dvs_gesture(folder)
