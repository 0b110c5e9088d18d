"""AEDAT 3.1: packets."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets
from spikelet.datasets.event_files import aedat3
from spikelet.datasets.event_files.assembling import Demands
from spikelet.datasets.event_files.file import EventFile


@pytest.mark.parametrize("packet", [1, 7, 5000])
def test_packets_of_any_size(tmp_path, packet, monkeypatch):
    monkeypatch.setattr(aedat3, "_SPAN", 500)
    events = writers.random_events(700, (128, 128), 2**33)  # time overflows its 31 bits
    writers.aedat3(tmp_path / "a.aedat", events, packet)
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.aedat"), events)


def test_spans_read_only_their_packets(tmp_path, monkeypatch):
    events = writers.random_events(5000, (128, 128))
    writers.aedat3(tmp_path / "a.aedat", events, 50)
    t = events["t"]
    spans = [(0, 10), (300_000, 400_000), (int(t[77]), int(t[78])), (990_000, 2**40), (5, 5)]
    read = []
    whole = EventFile.read
    monkeypatch.setattr(
        EventFile, "read", lambda f, at, n, *w: read.append(n) or whole(f, at, n, *w)
    )
    with EventFile(tmp_path / "a.aedat", "reading") as file:
        parts = aedat3.read_between(file, spans, Demands())
    for part, (start, stop) in zip(parts, spans, strict=True):
        np.testing.assert_array_equal(part, events[(t >= start) & (t < stop)])
    assert sum(n for n in read if n > 36) < (tmp_path / "a.aedat").stat().st_size / 3


def packet(kind=1, size=8, turns=0, capacity=1, number=1, data=bytes([1, 0, 0, 0, 5, 0, 0, 0])):
    return struct.pack("<hhiiiiii", kind, 1, size, 4, turns, capacity, number, number) + data


HEAD = b"#!AER-DAT3.1\r\n#!END-HEADER\r\n"


def test_one_event(tmp_path):
    (tmp_path / "a.aedat").write_bytes(HEAD + packet())
    assert datasets.read_events(tmp_path / "a.aedat").tolist() == [(5, 0, 0, 0)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"#!AER-DAT2.0\r\n", 'byte 0: the header must begin with "#!AER-DAT3.1"'),
        (b"#!AER-DAT3.1\r\n", 'the header must end with "#!END-HEADER"'),
        (
            b"#!AER-DAT3.1\r\n#Format: Serial-TS\r\n#!END-HEADER\r\n",
            "must state the format RAW.*'Serial-TS'",
        ),
        (HEAD + bytes(27), "byte 28: the header of a packet must have 28 bytes"),
        (
            HEAD + packet(number=2**31 - 1, capacity=2**31 - 1),
            "byte 56: a packet must have 2147483647 events of 8",
        ),
        (HEAD + packet(number=-1), "byte 28: a packet must state a size > 0.*-1 events"),
        (HEAD + packet(size=0), "must state a size > 0"),
        (HEAD + packet(size=4), "must have events of 8 bytes, got 4"),
        (HEAD + packet(capacity=2), "as many events as it has room for"),
        (HEAD + packet(turns=-1), "must count overflows of time from 0, got -1"),
        (HEAD + packet(data=b"\1\0\0\0\xff\xff\xff\xff"), "byte 56: t must be >= 0 us, got -1"),
        (
            HEAD + packet() + packet(data=bytes(4) + b"\4\0\0\0"),
            None,
        ),  # an invalid event may lie earlier
    ],
    ids=range(12),
)
def test_refused(tmp_path, data, message):
    (tmp_path / "a.aedat").write_bytes(data)
    if message is None:
        assert len(datasets.read_events(tmp_path / "a.aedat", "aedat3")) == 1
        return
    with pytest.raises(ValueError, match=message):
        datasets.read_events(tmp_path / "a.aedat", "aedat3")
