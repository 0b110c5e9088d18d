from __future__ import annotations

import gzip
import struct
import sys

import numpy as np
import pytest

from spikelet import datasets
from spikelet.datasets import event_camera

NAMES = {"train": "train", "test": "t10k"}


def idx(array):
    return struct.pack(f">4B{array.ndim}i", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write(folder, split, images, labels, compress=False):
    folder.mkdir(parents=True, exist_ok=True)
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        name = f"{NAMES[split]}-{kind}-ubyte"
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (7, 28, 28), np.uint8), rng.integers(0, 10, 7, np.uint8)


@pytest.fixture
def folder(tmp_path, arrays):
    write(tmp_path, "train", *arrays)
    return tmp_path


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("sub", ["", "MNIST/raw"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_reads_what_was_written(tmp_path, arrays, compress, sub, split):
    write(tmp_path / sub, split, *arrays, compress=compress)
    for path in (tmp_path, str(tmp_path)):
        images, labels = datasets.mnist(path, split=split)
        assert images.dtype == np.float32
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(images, arrays[0].astype(np.float32) / np.float32(255))
        np.testing.assert_array_equal(labels, arrays[1])


def test_first_n(folder, arrays):
    for n in (0, 1, 7):
        images, labels = datasets.mnist(folder, n=n)
        assert images.shape == (n, 28, 28)
        np.testing.assert_array_equal(labels, arrays[1][:n])


def test_range_is_0_to_1(tmp_path):
    write(tmp_path, "test", np.array([[[0, 255]]], np.uint8), np.array([3], np.uint8))
    np.testing.assert_array_equal(datasets.mnist(tmp_path, "test")[0], [[[0.0, 1.0]]])


def test_missing_file_lists_where_it_was_looked_for(folder):
    with pytest.raises(FileNotFoundError, match=r"no t10k-images-idx3-ubyte; .*MNIST/raw.*\.gz"):
        datasets.mnist(folder, "test")


def damage(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:-1], "is truncated: needs 5488 bytes of data, got 5487"),
        (lambda b: b + b"\0", "must end after 5488 bytes of data"),
        (
            lambda b: b"\0\0\x08\x01" + b[4:],
            "must begin with the bytes 00 00 08 03, got 00 00 08 01",
        ),
        (lambda b: b[:2], "must begin with .* got 00 00"),
        (lambda b: b"", "got nothing"),
        (lambda b: b[:4] + struct.pack(">i", 6) + b[8 : 16 + 6 * 784], "7 and 6"),
    ],
)
def test_damaged_files(folder, change, message):
    damage(folder / "train-images-idx3-ubyte", change)
    with pytest.raises(ValueError, match=f"^datasets.mnist: .*{message}"):
        datasets.mnist(folder)


@pytest.mark.parametrize("change", [lambda b: b[:-200], lambda b: b"\x1f\x8c" + b[2:]])
def test_damaged_gzip(tmp_path, arrays, change):
    write(tmp_path, "train", *arrays, compress=True)
    damage(tmp_path / "train-images-idx3-ubyte.gz", change)
    with pytest.raises(ValueError, match="is not a complete gzip file"):
        datasets.mnist(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"split": "valid"},
            ValueError,
            'mnist: split must be "train" or "test", got \'valid\'',
        ),
        ({"n": -1}, ValueError, "mnist: n must be >= 0 and <= 7, got -1"),
        ({"n": 8}, ValueError, "mnist: n must be .* <= 7, got 8"),
        ({"n": 1.5}, TypeError, "mnist: n must be an integer, got 1.5"),
    ],
)
def test_bad_arguments(folder, arguments, error, message):
    with pytest.raises(error, match=message):
        datasets.mnist(folder, **arguments)


def test_digits_split_is_fixed_and_disjoint():
    pytest.importorskip("sklearn")
    train, train_labels = datasets.digits()
    test, test_labels = datasets.digits("test")
    assert train.shape == (1438, 8, 8)
    assert test.shape == (359, 8, 8)
    assert train.dtype == np.float32
    assert train_labels.dtype == np.uint8
    assert (train.min(), train.max()) == (0, 1)
    np.testing.assert_array_equal(np.bincount(np.r_[train_labels, test_labels]).sum(), 1797)
    rows = np.concatenate([train, test]).reshape(1797, -1)
    assert len(np.unique(rows, axis=0)) == 1797  # no image is in both
    assert test_labels[:10].tolist() == [2, 8, 2, 6, 6, 7, 1, 9, 8, 5]
    np.testing.assert_array_equal(datasets.digits("test", 5)[0], test[:5])
    assert (datasets.digits("test", seed=1)[1] != test_labels).any()


def test_digits_without_sklearn_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'spikelet\[demo\]'"):
        datasets.digits()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "all"}, "digits: split"),
        ({"n": 1439}, "digits: n must be .* <= 1438"),
        ({"seed": -1}, "digits: seed must be >= 0"),
    ],
)
def test_digits_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.digits(**arguments)


def test_load_chooses(folder, arrays):
    assert datasets.load(folder, n=2)[0].shape == (2, 28, 28)
    assert datasets.load(split="test")[0].shape == (359, 8, 8)


def test_yin_yang_is_balanced_and_seeded():
    points, labels = datasets.yin_yang(3001, seed=3)
    assert points.shape == (3001, 4)
    assert points.dtype == np.float32
    assert labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == [1001, 1000, 1000]
    assert 200 < np.count_nonzero(labels[:900] == 2) < 400  # in random order
    np.testing.assert_allclose(points[:, :2] + points[:, 2:], 1, atol=1e-7)
    again, other = datasets.yin_yang(3001, seed=3)[0], datasets.yin_yang(3001, seed=4)[0]
    np.testing.assert_array_equal(points, again)
    assert (points != other).any()
    assert datasets.yin_yang(0)[0].shape == (0, 4)


def test_yin_yang_geometry():
    points, labels = datasets.yin_yang(6000)
    x, y = points[:, :2].T.astype(float)
    assert np.hypot(x - 0.5, y - 0.5).max() <= 0.5
    near = np.minimum(np.hypot(x - 0.25, y - 0.5), np.hypot(x - 0.75, y - 0.5))
    np.testing.assert_array_equal(labels == 2, near <= 0.1)
    for right, above, there in ((0, 1, [0]), (1, 1, [0, 1]), (0, 0, [0, 1]), (1, 0, [1])):
        quarter = labels[((x > 0.5) == right) & ((y > 0.5) == above)]
        assert [c for c in (0, 1) if np.count_nonzero(quarter == c) > 100] == there
        assert set(quarter) == {*there, 2}
    # Half a turn about the centre makes yang of yin.
    yin, yang = (points[labels == c, :2].mean(0) for c in (0, 1))
    np.testing.assert_allclose(yin, 1 - yang, atol=0.03)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": -1}, ValueError, "n must be >= 0"),
        ({"n": 2.5}, TypeError, "n must be an integer"),
        ({"n": 3, "seed": -1}, ValueError, "seed must be >= 0"),
        ({"n": 3, "r_small": 0.3}, ValueError, "must be 0 < r_small < r_big / 2"),
        ({"n": 3, "r_small": float("nan")}, ValueError, "r_small must not hold NaN"),
        ({"n": 3, "r_big": "x"}, TypeError, "r_big must be a number"),
    ],
)
def test_yin_yang_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=f"datasets.yin_yang: .*{message}"):
        datasets.yin_yang(**arguments)


# --- events ------------------------------------------------------------------------------------


def test_film_sends_an_event_for_each_change():
    movie = np.zeros((2, 4, 1, 3))
    movie[0, :, 0, 0] = [0, 0.6, 0.6, 0.1]  # three ON in the first ms, two OFF in the last
    movie[0, :, 0, 1] = [0.5, 0.6, 0.71, 0.71]  # one ON, when 0.7 is reached
    (events, nothing) = event_camera.film(movie, 0.2)
    assert events.dtype == event_camera.EVENT
    assert len(nothing) == 0
    found = [tuple(int(v) for v in event) for event in events]
    assert found == [
        (0, 0, 333, 1), (0, 0, 666, 1), (0, 0, 1000, 1), (1, 0, 1909, 1),
        (0, 0, 2400, 0), (0, 0, 2800, 0),
    ]  # fmt: skip


def test_events_sum_up_to_brightness():
    rng = np.random.default_rng(0)
    movies = rng.random((3, 20, 5, 6)).cumsum(1) * rng.choice([-0.2, 0.2], (3, 1, 5, 6))
    for movie, events in zip(movies, event_camera.film(movies, 0.05), strict=True):
        assert (np.diff(events["t"]) >= 0).all()
        total = np.zeros((5, 6))
        np.add.at(total, (events["y"], events["x"]), np.where(events["p"], 0.05, -0.05))
        assert np.abs(total - (movie[-1] - movie[0])).max() < 0.05 + 1e-9


def test_frames_hold_all_events():
    rng = np.random.default_rng(0)
    events = np.zeros(500, event_camera.EVENT)
    for name, high in (("x", 7), ("y", 5), ("t", 9000), ("p", 2)):
        events[name] = rng.integers(0, high, 500)
    expected = np.zeros((9, 2, 5, 7), np.uint8)
    np.add.at(expected, (events["t"] // 1000, events["p"].astype(int), events["y"], events["x"]), 1)
    frames = datasets.to_frames(events, 9, (5, 7), duration=9, counts=True)
    np.testing.assert_array_equal(frames, expected)
    np.testing.assert_array_equal(datasets.to_frames(events, 9, (5, 7), duration=9), expected > 0)
    np.testing.assert_array_equal(
        datasets.to_frames(events, 4, (5, 7), duration=4, counts=True), expected[:4]
    )
    assert datasets.to_frames(events, 3, 7, counts=True).sum() == 500  # up to the last event
    assert datasets.to_frames(events[:0], 3, 7).sum() == 0


def test_moving_digits():
    pytest.importorskip("sklearn")
    events, labels = datasets.moving_digits(split="test", n=20, size=20)
    np.testing.assert_array_equal(labels, datasets.digits("test", 20)[1])
    for e in events:
        assert 100 < len(e) < 5000
        assert 0.3 < e["p"].mean() < 0.7
        assert 0 <= e["t"].min() <= e["t"].max() < 60_000
        # It comes back to where it began: what was brighter is darker again.
        total = np.zeros((20, 20))
        np.add.at(total, (e["y"], e["x"]), np.where(e["p"], 1, -1))
        assert np.abs(total).max() <= 1
    again, _ = datasets.moving_digits(split="test", n=20, size=20)
    np.testing.assert_array_equal(np.concatenate(events), np.concatenate(again))
    other, _ = datasets.moving_digits(split="test", n=20, size=20, seed=1)
    assert len(np.concatenate(other)) != len(np.concatenate(events))
    few, _ = datasets.moving_digits(split="test", n=20, size=20, threshold=0.4)
    assert len(np.concatenate(few)) < 0.7 * len(np.concatenate(events))


def test_directions_are_where_events_go():
    pytest.importorskip("sklearn")
    events, labels = datasets.moving_digits(n=40, label="direction")
    assert set(labels) == set(range(8))
    for e, label in zip(events, labels, strict=True):
        early, late = (e[(e["t"] < 20_000)], e[(e["t"] > 40_000)])
        moved = complex(*(late[k].mean() - early[k].mean() for k in ("x", "y")))
        assert abs(np.angle(moved / np.exp(2j * np.pi * label / 8))) < np.pi / 8


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: datasets.moving_digits(label="speed"), ValueError, "label must be"),
        (lambda: datasets.moving_digits(size=4), ValueError, "size must be >= 8"),
        (lambda: datasets.moving_digits(threshold=0), ValueError, "threshold must be"),
        (lambda: datasets.moving_digits(seed=-1), ValueError, "seed must be >= 0"),
        (lambda: event_camera.film(np.zeros((3, 4, 4))), ValueError, r"\[B, frames, H, W\]"),
        (lambda: datasets.to_frames(ONE, 0, 3), ValueError, "steps must be >= 1"),
        (lambda: datasets.to_frames(ONE, 4, 2), ValueError, r"x must be in 0 .. 1, got 2"),
        (lambda: datasets.to_frames(ONE, 4, 3, duration=0), ValueError, "duration must be > 0"),
        (lambda: datasets.to_frames(ONE["x"], 4, 3), TypeError, "must have the fields x, y, t"),
    ],
)
def test_bad_events(call, error, message):
    with pytest.raises(error, match=message):
        call()


ONE = np.ones(1, event_camera.EVENT)
ONE["x"] = 2
