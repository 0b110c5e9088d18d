"""AEDAT 3.1, the format of cAER and of DVS128-Gesture: packets of events of one type, little-endian.

After iniVation's "AEDAT file formats", 3.1.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.datasets.event_files.assembling import Assembler, Demands, Place
from spikelet.datasets.event_files.file import BLOCK, EventFile
from spikelet.datasets.event_files.formats import Format

_HEADER = struct.Struct(
    "<hhiiiiii"
)  # of a packet: type, source, size, place of the time, overflow, capacity, number, valid
_POLARITY, _SIZE = 1, 8
_SPAN = 8 * BLOCK  # bytes that are read at a time


@dataclass(frozen=True)
class _Packets:
    """Where the packets of pixels' events are."""

    offsets: NDArray[np.int64]  # of their events [bytes]
    counts: NDArray[np.int64]
    turns: NDArray[np.int64]  # of the time's 31 bits
    first: NDArray[np.int64]  # time of the first event [us]

    def __getitem__(self, part: slice) -> _Packets:
        return _Packets(self.offsets[part], self.counts[part], self.turns[part], self.first[part])


def read(file: EventFile, demands: Demands) -> NDArray[Any]:
    """Read all events of pixels that are marked as valid."""
    return _events(file, _packets(file), demands)


def read_between(
    file: EventFile, spans: list[tuple[int, int]], demands: Demands
) -> list[NDArray[Any]]:
    """Read the events of spans of time [us], from the packets that hold them.

    Parameters
    ----------
    file : EventFile
        The file.
    spans : list of (start, stop)
        ``start <= t < stop``.
    demands : Demands
        Of the user.
    """
    packets = _packets(file)
    ordered = bool((np.diff(packets.first) >= 0).all())
    found = []
    for start, stop in spans:
        part = slice(None)
        if ordered:
            begin = max(0, int(np.searchsorted(packets.first, start)) - 1)
            part = slice(begin, int(np.searchsorted(packets.first, stop)))
        events = _events(file, packets[part], demands)
        t = events["t"]
        found.append(events[(t >= start) & (t < stop)])
    return found


def _packets(file: EventFile) -> _Packets:
    """Walk along the headers; each packet must lie within the file."""
    lines, offset = file.header(b"#", b"#!END-HEADER")
    if not lines or not lines[0].startswith("#!AER-DAT3."):
        rule = 'must begin with "#!AER-DAT3.1"'
        file.refuse(0, "the header", rule, lines[0][:40] if lines else file.head(12))
    if lines[-1] != "#!END-HEADER":
        file.refuse(offset, "the header", 'must end with "#!END-HEADER"', lines[-1][:40])
    kind = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("#Format:")), "RAW"
    )
    if kind != "RAW":
        file.refuse(
            0,
            "the header",
            "must state the format RAW, the only one that cAER documents",
            kind[:40],
        )
    found: list[tuple[int, int, int, int]] = []
    while offset < file.size:
        head = file.read(offset, _HEADER.size, "the header of a packet")
        kind_, _, size, _, turns, capacity, number, _ = _HEADER.unpack(head)
        begin = offset + _HEADER.size
        if size < 1 or number < 0 or capacity != number:
            rule = "must state a size > 0, and as many events as it has room for, as all packets in files do"
            file.refuse(
                offset, "a packet", rule, f"size {size}, room for {capacity}, {number} events"
            )
        if size * number > file.size - begin:
            rule = f"must have {number} events of {size} bytes (the file is truncated)"
            file.refuse(begin, "a packet", rule, f"{file.size - begin} bytes")
        if kind_ == _POLARITY and number:
            if size != _SIZE:
                file.refuse(
                    offset,
                    "a packet of events of pixels",
                    f"must have events of {_SIZE} bytes",
                    size,
                )
            if turns < 0:
                file.refuse(offset, "a packet", "must count overflows of time from 0", turns)
            (t,) = struct.unpack_from("<i", file.read(begin, _SIZE), 4)
            found.append((begin, number, turns, (turns << 31) + t))
        offset = begin + size * number
    columns = np.array(found, np.int64).reshape(-1, 4).T
    return _Packets(*columns)


def _events(file: EventFile, packets: _Packets, demands: Demands) -> NDArray[Any]:
    assembler = Assembler(file, int(packets.counts.sum()), demands)
    offsets, counts = packets.offsets, packets.counts
    k = 0
    while k < len(offsets):
        begin = int(offsets[k])
        ends = offsets[k:] + _SIZE * counts[k:]
        last = max(1, int(np.searchsorted(ends, begin + _SPAN)))
        group = slice(k, k + last)
        data = np.frombuffer(file.read(begin, int(ends[last - 1]) - begin), np.uint8)
        pieces = [
            data[o : o + _SIZE * n]
            for o, n in zip((offsets[group] - begin).tolist(), counts[group].tolist(), strict=True)
        ]
        words = np.concatenate(pieces).view("<u4").reshape(-1, 2)
        before = np.cumsum(counts[group]) - counts[group]
        items = np.repeat(offsets[group] - _SIZE * before, counts[group]) + _SIZE * np.arange(
            len(words)
        )
        t = words[:, 1].view("<i4").astype(np.int64)
        if packets.turns[group].any():
            t += np.repeat(packets.turns[group] << 31, counts[group])
        word = np.ascontiguousarray(words[:, 0])
        if not (valid := (word & 1) != 0).all():
            word, t, items = word[valid], t[valid], items[valid]
        assembler.add(t, word >> 17, (word >> 2) & 0x7FFF, (word >> 1) & 1, Place(0, 1, items))
        k += last
    return assembler.events()


FORMAT = Format(
    "aedat3",
    "AEDAT 3.1, DVS128-Gesture",
    (".aedat", ".aedat3"),
    lambda head: head.startswith(b"#!AER-DAT3."),
    read,
)
