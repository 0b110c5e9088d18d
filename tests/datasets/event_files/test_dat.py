"""Prophesee's DAT."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets


@pytest.mark.parametrize("version", [1, 2])
def test_versions(tmp_path, version):
    events = writers.random_events(500, (304, 240), 2**34)  # four turns of the clock
    writers.dat(tmp_path / "a.dat", events, version=version)
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.dat"), events)


HEAD = b"% Data file containing CD events.\n% Version 2\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the header must state the version 1 or 2, got 'none'"),
        (b"% Data file containing CD events.\n% Version 3\n\x0c\x08", "version 1 or 2, got '3'"),
        (HEAD, "the type and size of events must have 2 bytes"),
        (HEAD + b"\x0e\x08", "byte 46: events must be of a type in .*, got 'type 14, 8 bytes'"),
        (HEAD + b"\x0c\x0c", "got 'type 12, 12 bytes'"),
        (HEAD + b"\x0c\x08" + bytes(9), "byte 48: the data must be events of 8 bytes"),
        (
            HEAD + b"% Height 4\n% Width 5\n\x0c\x08" + struct.pack("<II", 0, 5),
            r"x must lie in 0 \.\. 4, got 5",
        ),
    ],
    ids=range(7),
)
def test_refused(tmp_path, data, message):
    (tmp_path / "a.dat").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        datasets.read_events(tmp_path / "a.dat", "dat")
