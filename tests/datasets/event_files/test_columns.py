"""Arrays of numpy."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from numpy.lib import recfunctions
from tests.support import event_files as writers

from spikelet import datasets

EVENTS = writers.random_events(50, (34, 34))
COLUMNS = {name: EVENTS[name] for name in "txyp"}
TABLE = np.stack([EVENTS[name] for name in "txyp"], 1)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("a.npy", lambda path: np.save(path, EVENTS)),
        (
            "a.npy",
            lambda path: np.save(path, recfunctions.repack_fields(EVENTS[["x", "y", "t", "p"]])),
        ),
        ("a.npy", lambda path: np.save(path, TABLE)),
        ("a.npy", lambda path: np.save(path, np.asfortranarray(TABLE.astype(float)))),
        ("a.npz", lambda path: np.savez(path, **COLUMNS)),
        ("a.npz", lambda path: np.savez_compressed(path, **COLUMNS, labels=np.zeros(7))),
        ("a.npz", lambda path: np.savez(path, events=EVENTS, other=np.zeros(3))),
        ("a.npz", lambda path: np.savez(path, TABLE)),
    ],
    ids=range(8),
)
def test_reads(tmp_path, name, save):
    save(tmp_path / name)
    np.testing.assert_array_equal(datasets.read_events(tmp_path / name), EVENTS)


def test_order_and_unit(tmp_path):
    np.save(
        tmp_path / "a.npy",
        np.stack([EVENTS["x"], EVENTS["y"], EVENTS["p"], EVENTS["t"] // 1000], 1),
    )
    events = datasets.read_events(tmp_path / "a.npy", columns="xypt", unit="ms")
    np.testing.assert_array_equal(events["t"], EVENTS["t"] // 1000 * 1000)
    np.testing.assert_array_equal(events["y"], EVENTS["y"])


def test_objects_are_not_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([print, 3], object), allow_pickle=True)
    with pytest.raises(ValueError, match="must not be of Python objects"):
        datasets.read_events(tmp_path / "a.npy")


def test_bombs(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<i8", "fortran_order": False, "shape": (2**27 // 8,)}
    )
    (tmp_path / "a.npy").write_bytes(header.getvalue() + bytes(80))
    with pytest.raises(ValueError, match="must have 134217728 bytes, got 80"):
        datasets.read_events(tmp_path / "a.npy")
    with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.npy", header.getvalue() + bytes(2**27))
    with pytest.raises(
        ValueError, match=r"b\.npz.*arrays must have at most 67108864 bytes together"
    ):
        datasets.read_events(tmp_path / "b.npz")
