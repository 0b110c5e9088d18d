"""Tables of text."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet import datasets


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("1,4,7,1\n20,5,8,0\n", {}),
        ("1 4 7 1\n20 5 8 0", {}),
        ("# a comment\nt,x,y,p\n1,4,7,1\n20,5,8,0\n", {}),
        ('"x", "y", "polarity", "timestamp"\n4,7,1,1\n5,8,-1,20\n', {}),
        ("\ufefft,x,y,p\n1,4,7,1\n20,5,8,0\n", {}),
        ("\ufeff1,4,7,1\n20,5,8,0\n", {}),
        ("0.000001 4 7 1\n2e-5 5 8 0\n", {"unit": "s"}),
        ("t;x;y;p\n1;4;7;1\n20;5;8;0\n", {}),
        ("\n4\t7\t0.001\t1\n5\t8\t0.02\t0\n", {"unit": "ms", "columns": "xytp"}),
    ],
    ids=range(9),
)
def test_reads(tmp_path, text, options):
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    events = datasets.read_events(tmp_path / "a.csv", **options)
    assert events.tolist() == [(1, 4, 7, 1), (20, 5, 8, 0)]


@pytest.mark.parametrize("text", ["", "# nothing\n", "t,x,y,p\n", "\n\n", "\ufeff"])
def test_no_events(tmp_path, text):
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert len(datasets.read_events(tmp_path / "a.txt")) == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"1,2,3,1\n1,2,3\n", "byte 0: the table must be rows of numbers, got"),
        (b"240 180\n1 2 3 1\n", "columns changed from 2 to 4 at row 2'$"),
        (b"no table of events\n", "the columns must be named t, x, y and p, got"),
        (b"1,5;2;3;1\n", "byte 0: the table must be rows of numbers"),
        (b"t,x,y,p\n1,2,3,z\n", "byte 8: the table must be rows of numbers"),
        (b"t,x,y,p\n1,2,3\n", "must have a name for each of its 3 columns"),
        (b"t,t,y,p\n1,2,3,1\n", "must have a name for each of its 4 columns"),
        (b"1,2,3\n", r"the array must be structured, or \[events, 4\]"),
        (b"\0\1\2\3", "the data must be text"),
        (b"0.5 1 1 1\n", 'pass unit="ms" or "s", got 0.5'),
    ],
    ids=range(10),
)
def test_refused(tmp_path, data, message):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        datasets.read_events(tmp_path / "a.csv")


def test_many_rows(tmp_path):
    rows = np.arange(40_000).reshape(-1, 4) % 5
    rows[:, 0] = np.arange(10_000)
    rows[:, 3] %= 2
    np.savetxt(tmp_path / "a.txt", rows, "%d")
    events = datasets.read_events(tmp_path / "a.txt")
    np.testing.assert_array_equal(np.stack([events[name] for name in "txyp"], 1), rows)
