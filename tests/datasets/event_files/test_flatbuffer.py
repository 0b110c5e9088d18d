"""FlatBuffers: each reference is checked."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from tests.support import event_files as writers

from spikelet.datasets.event_files import flatbuffer


def buffer() -> bytes:
    return writers.events_packet(writers.random_events(3, (9, 9)))[4:]


def test_fields():
    table = flatbuffer.root(memoryview(buffer()), b"EVTS")
    at, n = table.vector(0, 16)
    assert n == 3
    assert at + 3 * 16 == len(buffer())
    assert table.vector(1, 16) == (0, 0)
    assert table.number(7, "<i", 5) == 5
    assert table.string(3) == b""
    assert flatbuffer.root(memoryview(bytes(4) + buffer()), b"EVTS", 4).vector(0, 16) == (at, n)


def test_another_type():
    for data in (b"", bytes(7), buffer()):
        with pytest.raises(ValueError, match="must be of type IOHE"):
            flatbuffer.root(memoryview(data), b"IOHE")


def test_no_damage_leads_outside():
    """Whatever four bytes are changed to, a vector lies within the buffer, or is refused."""
    rng = np.random.default_rng(0)
    refused = 0
    for at in (0, 8, 10, 12, 16, 20, 24):
        for value in (
            0,
            1,
            2**31 - 1,
            2**31,
            2**32 - 1,
            *rng.integers(0, 2**32, 20),
            *rng.integers(0, 80, 20),
        ):
            data = bytearray(buffer())
            data[at : at + 4] = struct.pack("<I", value)
            try:
                begin, n = flatbuffer.root(memoryview(data), b"EVTS").vector(0, 16)
            except ValueError:
                refused += 1
            else:
                assert begin >= 0
                assert begin + 16 * n <= len(data)
    assert refused > 100
