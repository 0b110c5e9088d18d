"""Columns as events: names, units, signs."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.datasets.event_files.assembling import Demands
from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.values import check_options, from_columns, from_table


@pytest.fixture
def file(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with EventFile(tmp_path / "a", "reading") as opened:
        yield opened


@pytest.mark.parametrize(
    "names", ["txyp", ("ts", "xs", "ys", "ps"), ("Timestamp", "X", "Y", "Polarity")]
)
@pytest.mark.parametrize("signed", [False, True])
def test_names_and_signs(file, names, signed):
    columns = np.array([[1, 2, 2], [4, 5, 6], [7, 8, 9], [1, -signed, 1]])
    events = from_columns(file, dict(zip(names, columns, strict=True)), "us", Demands())
    assert events.tolist() == [(1, 4, 7, 1), (2, 5, 8, 0), (2, 6, 9, 1)]


def test_missing_columns_and_booleans(file):
    found = {"times": np.array([0.5, 1.25]), "units": np.array([3, 699], np.uint16)}
    assert from_columns(file, found, "s", Demands()).tolist() == [
        (500_000, 3, 0, 0),
        (1_250_000, 699, 0, 0),
    ]
    found = {"t": np.array([1, 2], np.uint64), "x": np.array([3, 4]), "p": np.array([True, False])}
    assert from_columns(file, found, "ms", Demands()).tolist() == [(1000, 3, 0, 1), (2000, 4, 0, 0)]


def test_tables(file):
    rows = np.array([[4.0, 7, 1, 30], [5, 8, 0, 31]])
    assert from_table(file, rows, "xypt", "us", Demands()).tolist() == [
        (30, 4, 7, 1),
        (31, 5, 8, 0),
    ]
    records = np.zeros(2, [("x", "i4"), ("p", "?"), ("t", "i4"), ("y", "u1")])
    assert from_table(file, records, "txyp", "us", Demands()).tolist() == [(0, 0, 0, 0)] * 2


def columns(**changed):
    return {
        "t": np.arange(3.0),
        "x": np.arange(3),
        "y": np.arange(3),
        "p": np.arange(3) % 2,
    } | changed


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"a": np.zeros(3)}, r"the columns must be named t, x, y and p, got \['a'\]"),
        (
            columns(t=np.array([0, 0.5, 1])),
            't of event 1 must be a whole number of us; .* pass unit="ms" or "s", got 0.5',
        ),
        (columns(t=np.array([0, np.nan, 1])), "t of event 1 must be a whole number of us"),
        (columns(t=np.array([0, 1, 1e300])), "t of event 2 must be a whole number of us"),
        (columns(t=np.array([0, 1, 2**63], np.uint64)), "t of event 2 must be"),
        (columns(x=np.array([0, 1.5, 1])), "x of event 1 must be a whole number, got 1.5"),
        (columns(x=np.array([0, 1, 2**20])), r"x must lie in 0 \.\. 32767, got 1048576"),
        (columns(y=np.array([0, -1, 1])), "y must lie in"),
        (
            columns(p=np.array([0, 2, 1])),
            "p of event 1 must be 0 or 1 in all events, or -1 or 1, got 2",
        ),
        (
            columns(p=np.array([0, 1, -1])),
            "p of event 0 must be 0 or 1 in all events, or -1 or 1, got 0",
        ),
        (columns(y=np.zeros(2)), "the columns must be numbers, one for each event"),
        (columns(y=np.zeros((3, 1))), "the columns must be numbers, one for each event"),
        (columns(y=np.zeros(3, "S3")), "the columns must be numbers, one for each event"),
        (columns(y=np.zeros(3, complex)), "the columns must be numbers, one for each event"),
        (columns(t=np.float64(3)), "the columns must be numbers, one for each event"),
    ],
    ids=range(15),
)
def test_refused(file, found, message):
    with pytest.raises(ValueError, match=message):
        from_columns(file, found, "us", Demands())


def test_refused_options(file):
    for arguments, message in (
        (("txyp", "ns"), 'unit must be "us", "ms" or "s"'),
        (("txyq", "us"), "columns must be an order of the letters"),
        (("xyp", "us"), "columns must be an order"),
        (("ttxy", "us"), "columns must be an order"),
        ((3, "us"), "columns must be an order"),
    ):
        with pytest.raises(ValueError, match=message):
            check_options(file, *arguments)
    with pytest.raises(
        ValueError, match=r"the array must be structured, or \[events, 4\] with the columns txyp"
    ):
        from_table(file, np.zeros((3, 3)), "txyp", "us", Demands())
