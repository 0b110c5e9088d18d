"""Recordings as data sets of PyTorch."""

from __future__ import annotations

import functools
import pickle
import threading

import numpy as np
import pytest
import torch
from tests.support import event_files as writers
from torch.utils.data import ConcatDataset, DataLoader, Subset

import spikelet as sl
from spikelet.torch import LI, LIF, EventDataset, SpikeConv2d, pad_frames, to_spiking_model
from spikelet.torch.event_data import Store

SIZE = (6, 5, 2)
BINS = functools.partial(
    sl.events.to_frame, sensor_size=SIZE, time_window=1000, start_time=0, include_incomplete=True
)


class Counted:
    """Recordings that count how often they are read."""

    def __init__(self, n=7):
        self.n = n
        self.read = 0

    def __len__(self):
        return self.n

    def __getitem__(self, k):
        self.read += 1
        return writers.random_events(50, SIZE[:2], 1000 * (k + 3), seed=k), k % 3


def test_items():
    data = EventDataset(Counted(), BINS)
    assert len(data) == 7
    frames, label = data[5]
    assert label == 2
    assert torch.equal(frames, torch.from_numpy(BINS(Counted()[5][0])))
    assert torch.equal(data[-2][0], frames)
    assert len(list(data)) == 7
    plain, _ = EventDataset(Counted())[5]
    np.testing.assert_array_equal(plain, Counted()[5][0])


def test_batches():
    x, y = next(iter(DataLoader(EventDataset(Counted(), BINS), 7, collate_fn=pad_frames)))
    assert x.shape == (9, 7, 2, 5, 6)
    assert x.dtype == torch.float32
    assert y.tolist() == [0, 1, 2, 0, 1, 2, 0]
    for k in range(7):
        frames = BINS(Counted()[k][0])
        np.testing.assert_array_equal(x[: len(frames), k].numpy(), frames)
        assert x[len(frames) :, k].sum() == 0
    samples = [(np.ones((2, 3)), "a"), (torch.ones(4, 3), "b")]
    x, y, lengths = pad_frames(samples, lengths=True)
    assert x.shape == (4, 2, 3)
    assert x.sum() == 18
    assert y == ["a", "b"]
    assert lengths.tolist() == [2, 4]
    _, y = pad_frames([(np.ones((2, 3)), np.uint8(7)), (np.ones((2, 3)), True)])
    assert y.dtype == torch.int64
    assert y.tolist() == [7, 1]


class TestCache:
    def test_recordings_are_read_once(self, tmp_path):
        recordings = Counted()
        first = [EventDataset(recordings, BINS, cache=tmp_path)[k] for k in range(7)]
        assert recordings.read == 7 * 3 + 7  # three name the data
        again = Counted()
        data = EventDataset(again, BINS, cache=str(tmp_path))
        for (x, label), (expected, expected_label) in zip(data, first, strict=True):
            assert torch.equal(x, expected)
            assert x.dtype == expected.dtype
            assert label == expected_label
        assert again.read == 3
        assert len(list(tmp_path.rglob("*.npz"))) == 7
        assert len(list(tmp_path.rglob("*"))) == 8  # and their folder: no temporary file

    def test_another_transform_or_data_have_files_of_their_own(self, tmp_path):
        longer = functools.partial(BINS, time_window=2000)
        for data in (
            EventDataset(Counted(), BINS, cache=tmp_path),
            EventDataset(Counted(), longer, cache=tmp_path),
            EventDataset(Counted(6), BINS, cache=tmp_path),
            EventDataset(Counted(), BINS, cache=tmp_path, key="mine"),
        ):
            expected = data.transform(data.data[3][0])
            assert torch.equal(data[3][0], torch.from_numpy(expected))
            assert torch.equal(data[3][0], torch.from_numpy(expected))
        assert len(list(tmp_path.iterdir())) == 4

    @pytest.mark.parametrize("part", ["list", "Subset", "ConcatDataset"])
    def test_folds_have_files_of_their_own(self, tmp_path, part):
        """The second and third fold of five have the same first, middle and last recording."""
        every = [Counted(100)[k] for k in range(100)]
        of = {
            "list": lambda kept: [every[k] for k in kept],
            "Subset": lambda kept: Subset(Counted(100), kept),
            "ConcatDataset": lambda kept: ConcatDataset([Subset(Counted(100), kept)]),
        }[part]
        folds = [[k for k in range(100) if k // 20 != fold] for fold in (1, 2)]
        first, second = (EventDataset(of(kept), BINS, cache=tmp_path) for kept in folds)
        for k in range(18, 42):
            assert torch.equal(first[k][0], torch.from_numpy(BINS(every[folds[0][k]][0])))
            assert torch.equal(second[k][0], torch.from_numpy(BINS(every[folds[1][k]][0])))
            assert second[k][1] == every[folds[1][k]][1]

    def test_labels_of_a_list_count(self, tmp_path):
        recordings = [Counted()[k] for k in range(7)]
        assert EventDataset(recordings, BINS, cache=tmp_path)[1][1] == 1
        recordings[1] = recordings[1][0], 9
        assert EventDataset(recordings, BINS, cache=tmp_path)[1][1] == 9

    def test_augmentation_is_not_kept(self, tmp_path):
        calls = []
        data = EventDataset(
            Counted(), BINS, cache=tmp_path, augment=lambda x: calls.append(1) or x + len(calls)
        )
        assert torch.equal(data[0][0] + 1, data[0][0])

    def test_threads_at_once(self, tmp_path):
        data = EventDataset(Counted(), BINS, cache=tmp_path)
        found = {}
        threads = [
            threading.Thread(
                target=lambda k=k: found.__setitem__(k, [data[j][0] for j in range(7)])
            )
            for k in range(4)
        ]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for k in range(1, 4):
            assert all(torch.equal(a, b) for a, b in zip(found[0], found[k], strict=True))
        assert len(list(tmp_path.rglob("*"))) == 8

    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    @pytest.mark.parametrize("context", ["fork", "spawn"])
    def test_workers(self, tmp_path, context):
        data = EventDataset(Counted(), BINS, cache=tmp_path)
        expected = pad_frames([data[k] for k in range(7)])[0]
        for path in tmp_path.rglob("*.npz"):
            if path.stem in "135":
                path.unlink()
        loader = DataLoader(
            data, 7, collate_fn=pad_frames, num_workers=1, multiprocessing_context=context
        )
        x, _ = next(iter(loader))
        assert torch.equal(x, expected)
        assert len(list(tmp_path.rglob("*.npz"))) == 7


@pytest.mark.parametrize(
    "item", [(1, 2, 3), writers.random_events(2, SIZE[:2], 10), 5], ids=["3", "events", "int"]
)
def test_what_is_no_recording_with_a_label_is_refused(item):
    with pytest.raises(TypeError, match=r"EventDataset: data\[1\] must be \(events, label\), got"):
        EventDataset([None, item], BINS)[1]


def test_pickle(tmp_path):
    data = pickle.loads(pickle.dumps(EventDataset(Counted(), BINS, cache=tmp_path)))
    assert torch.equal(data[1][0], EventDataset(Counted(), BINS, cache=tmp_path)[1][0])


class Tonic:
    """As tonic's data sets are: fields in another order, bool p, a label that is an array."""

    def __len__(self):
        return 2

    def __getitem__(self, k):
        if k >= 2:
            raise IndexError
        events = np.zeros(3, [("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])
        events["t"] = [5, 1500, 2500]
        return events, np.int64(k)


def test_tonics_data_sets(tmp_path):
    x, y = next(
        iter(DataLoader(EventDataset(Tonic(), BINS, cache=tmp_path), 2, collate_fn=pad_frames))
    )
    assert x[:, :, 0, 0, 0].T.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert y.tolist() == [0, 1]


def test_from_files_to_training_and_to_a_spiking_model(tmp_path):
    for k in range(4):
        folder = tmp_path / "Train" / str(k % 2)
        folder.mkdir(parents=True, exist_ok=True)
        events = writers.random_events(300, (34, 34), 10_000, seed=k)
        events["x"] //= 2 - k % 2
        writers.nmnist(folder / f"{k}.bin", events)
    frames = functools.partial(sl.events.to_frame, sensor_size=(34, 34, 2), n_time_bins=5)
    data = EventDataset(sl.datasets.n_mnist(tmp_path), frames, cache=tmp_path / "frames")
    x, y = next(iter(DataLoader(data, 4, collate_fn=pad_frames)))
    assert x.shape == (5, 4, 2, 34, 34)
    assert sorted(y.tolist()) == [0, 0, 1, 1]
    net = torch.nn.Sequential(
        SpikeConv2d(2, 4, 5, stride=4, bias=False),
        LIF(tau_m=10.0),
        torch.nn.Flatten(2),
        torch.nn.Linear(256, 2),
        LI(tau_m=10.0),
    )
    torch.nn.functional.cross_entropy(net(x).mean(0), y).backward()
    assert net[0].weight.grad.abs().sum() > 0
    model = to_spiking_model(net, (2, 34, 34))
    found = model.run(x.numpy())
    assert found is not None


iter_of = [(iter([]), 0)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: EventDataset(3), TypeError, "data must be a sequence of"),
        (lambda p: EventDataset(Counted(), 3), TypeError, "transform must be callable"),
        (lambda p: EventDataset(Counted(), BINS, augment=3), TypeError, "augment must be callable"),
        (lambda p: EventDataset(Counted(), cache=p), ValueError, "cache needs a transform"),
        (
            lambda p: EventDataset(Counted(), BINS)[7],
            IndexError,
            r"index must lie in -7 \.\. 6, got 7",
        ),
        (
            lambda p: EventDataset(Counted(), BINS)[0:2],
            TypeError,
            r"EventDataset: index must be a whole number; torch\.utils\.data\.Subset takes several",
        ),
        (lambda p: EventDataset(Counted(), BINS, cache=""), ValueError, "cache must be the path"),
        (
            lambda p: EventDataset(iter_of, BINS, cache=p),
            TypeError,
            "cannot say what .* is, so that frames .*; pass key=",
        ),
        (
            lambda p: EventDataset(Counted(), lambda e: [None], cache=p)[0],
            TypeError,
            "transform must give an array of numbers",
        ),
        (lambda p: pad_frames([]), ValueError, "samples must be at least one"),
        (
            lambda p: pad_frames([(np.zeros((2, 3)), 0), (np.zeros((2, 4)), 0)]),
            ValueError,
            r"frames must be \[T, 3\], got shape",
        ),
    ],
    ids=range(11),
)
def test_bad_arguments(tmp_path, call, error, message):
    with pytest.raises(error, match=message):
        call(tmp_path)


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
