"""Columns in HDF5."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets

h5py = pytest.importorskip("h5py")
EVENTS = writers.random_events(50, (34, 34))


def write(path, group="", **changed):
    with h5py.File(path, "w") as file:
        for name in "txyp":
            file[f"{group}{name}"] = changed.get(name, EVENTS[name])
        file["other"] = 3


@pytest.mark.parametrize("group", ["", "events/"])
def test_columns(tmp_path, group):
    write(tmp_path / "a.h5", group)
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.h5"), EVENTS)


def test_records(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["events"] = EVENTS
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.hdf5"), EVENTS)


def test_what_is_not_there(tmp_path):
    for damage, message in (
        (
            lambda f: f.create_dataset("t", (2**40,), "i8", chunks=(1024,)),
            "'t' must have at most 67108864 bytes",
        ),
        (
            lambda f: f.create_dataset("t", (2, 25), "i8"),
            r"'t' must have one dimension, got shape \(2, 25\)",
        ),
        (lambda f: f.create_dataset("t", (50,), h5py.vlen_dtype("i8")), "'t' must hold numbers"),
        (
            lambda f: f.create_dataset("t", (50,), "i8", external=[("other", 0, 400)]),
            "'t' must be a dataset that is stored",
        ),
        (
            lambda f: f.__setitem__("t", h5py.ExternalLink("other.h5", "t")),
            "'t' must exist, in this file",
        ),
        (lambda f: f.__setitem__("t", h5py.SoftLink("/x")), "'t' must exist, in this file"),
        (lambda f: f.create_group("t"), "'t' must be a dataset"),
        (lambda f: None, "the columns must be named t, x, y and p"),
        (
            lambda f: f.__setitem__("t", EVENTS["t"][:3]),
            "the columns must be numbers, one for each event",
        ),
    ):
        write(tmp_path / "a.h5")
        with h5py.File(tmp_path / "a.h5", "a") as file:
            del file["t"]
            damage(file)
        with pytest.raises(ValueError, match=rf"^datasets.read_events: .*a\.h5.*{message}"):
            datasets.read_events(tmp_path / "a.h5")


def test_many_recordings(tmp_path):
    writers.spiking_speech(tmp_path / "a.h5")
    with pytest.raises(ValueError, match=r"use datasets.read_spiking_speech"):
        datasets.read_events(tmp_path / "a.h5")


def test_damaged(tmp_path):
    write(tmp_path / "a.h5")
    data = (tmp_path / "a.h5").read_bytes()
    for damaged in (data[:1000], data[:8] + bytes(100), data[:100]):
        (tmp_path / "a.h5").write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.h5: the file cannot be read as HDF5"):
            datasets.read_events(tmp_path / "a.h5")
