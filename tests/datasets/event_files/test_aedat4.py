"""AEDAT 4.0: compressed packets, and bombs."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet import datasets

EVENTS = writers.random_events(700, (346, 260), 2**52)


def compressors():
    lz4 = pytest.importorskip("lz4.frame")
    zstandard = pytest.importorskip("zstandard")
    unsized = zstandard.ZstdCompressor(level=19, write_content_size=False)
    return {
        1: lz4.compress,
        2: lambda d: lz4.compress(d, compression_level=9),
        3: zstandard.compress,
        4: unsized.compress,
    }


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("compression", range(5))
def test_compressions(tmp_path, compression, table):
    compress = compressors()[compression] if compression else bytes
    writers.aedat4(tmp_path / "a.aedat4", EVENTS, compression, compress, table=table)
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.aedat4"), EVENTS)
    np.testing.assert_array_equal(datasets.read_events(tmp_path / "a.aedat4", stream=0), EVENTS)
    with pytest.raises(ValueError, match=r"stream 1 must hold events; streams that do: \[0\]"):
        datasets.read_events(tmp_path / "a.aedat4", stream=1)


@pytest.mark.parametrize("compression", [1, 3, 4])
def test_bombs(tmp_path, compression):
    compress = compressors()[compression]
    zeros = np.zeros(2_000_000, writers.DTYPE)
    packet = struct.pack("<I", 2**25) + b"EVTS" + bytes(16 * len(zeros))
    data = writers.aedat4_bytes([packet], compression, compress)
    assert len(data) < 200_000
    (tmp_path / "a.aedat4").write_bytes(data)
    with pytest.raises(
        ValueError, match=r"a packet must have at most \d+ bytes when decompressed, of "
    ):
        datasets.read_events(tmp_path / "a.aedat4")


@pytest.mark.parametrize("compression", [1, 3])
def test_damaged_packets(tmp_path, compression):
    compress = compressors()[compression]
    packet = writers.events_packet(EVENTS[:100])
    for change in (lambda d: d[:-9], lambda d: b"\0" + d[1:], lambda _: b""):
        data = writers.aedat4_bytes(
            [packet], compression, lambda d, change=change: change(compress(d))
        )
        (tmp_path / "a.aedat4").write_bytes(data)
        with pytest.raises(ValueError, match=r"a\.aedat4: byte \d+: a packet must "):
            datasets.read_events(tmp_path / "a.aedat4")


def test_numbers_that_lie(tmp_path):
    packet = bytearray(writers.events_packet(EVENTS[:2]))
    packet[28:32] = struct.pack("<I", 2**28)  # the number of events
    (tmp_path / "a.aedat4").write_bytes(writers.aedat4_bytes([bytes(packet)]))
    with pytest.raises(
        ValueError, match="must be a FlatBuffer of events, got 'a vector of 268435456 items"
    ):
        datasets.read_events(tmp_path / "a.aedat4")


def edited(at, value):
    return lambda d: d[:at] + struct.pack("<I", value) + d[at + 4 :]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: b"#!AER-DAT4.1\r\n" + d[14:], "byte 0: the header must begin with"),
        (lambda d: d[:16], "the header must have 4 bytes"),
        (edited(14, 2**31), "the header must have at most 4194304 bytes, got 2147483648"),
        (edited(14, 2**20), "byte 18: the header must have 1048576 bytes"),
        (edited(18, 2**20), "must be a FlatBuffer with a description of streams"),
        (edited(22, 0), "must be of type IOHE"),
        (edited(42, 9), r"must state a compression in 0 \.\. 4, got 9"),
        (edited(46, 5), "must place the table of packets in"),
        (
            lambda d: d.replace(b"EVTS", b"NONE", 1),
            "the stream must hold events; streams that do: none",
        ),
        (lambda d: d.replace(b"<node", b"<nose", 1), "description of streams in XML"),
        (
            lambda d: d.replace(b'<dv version="2.0">', b"<!DOCTYPE aaaaaaa>"),
            "must not define entities",
        ),
    ],
    ids=range(11),
)
def test_damaged_header(tmp_path, change, message):
    data = writers.aedat4_bytes([writers.events_packet(EVENTS[:5])])
    (tmp_path / "a.aedat4").write_bytes(change(data))
    with pytest.raises(ValueError, match=message):
        datasets.read_events(tmp_path / "a.aedat4", "aedat4")


def test_sensor_of_the_file(tmp_path):
    writers.aedat4(tmp_path / "a.aedat4", EVENTS, size=(100, 260))
    with pytest.raises(ValueError, match=r"x must lie in 0 \.\. 99"):
        datasets.read_events(tmp_path / "a.aedat4")


def test_missing_library(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lz4.frame", None)
    writers.aedat4(tmp_path / "a.aedat4", EVENTS[:5], 1)
    with pytest.raises(
        ImportError, match=r"an AEDAT 4 file needs lz4: pip install 'spikelet\[aedat\]'"
    ):
        datasets.read_events(tmp_path / "a.aedat4")
