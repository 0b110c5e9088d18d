"""Writers of small event files: one for each format that `datasets.read_events` reads.

They follow the documents that describe the formats, a loop over events where that is plainest, and share no code with the
readers.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

DTYPE = np.dtype([("t", "i8"), ("x", "i2"), ("y", "i2"), ("p", "i1")])


def random_events(
    n: int, size: tuple[int, int], last: int = 1_000_000, seed: int = 0
) -> NDArray[Any]:
    """Return events in order of time."""
    rng = np.random.default_rng(seed)
    events = np.zeros(n, DTYPE)
    events["t"] = np.sort(rng.integers(0, last, n))
    for name, high in (("x", size[0]), ("y", size[1]), ("p", 2)):
        events[name] = rng.integers(0, high, n)
    return events


def nmnist(path: Path, events: NDArray[Any]) -> None:
    """Write 40 bits an event, with an overflow event where time has gone on by 2^13 us more than its 23 bits hold."""
    out = bytearray()
    turns = 0
    for t, x, y, p in events.tolist():
        while t - (turns << 13) >= 1 << 23:
            out += struct.pack(">BBBH", 0, 240, 0, 0)
            turns += 1
        rest = t - (turns << 13)
        out += struct.pack(">BBBH", x, y, p << 7 | rest >> 16, rest & 0xFFFF)
    path.write_bytes(out)


def aedat2(
    path: Path, events: NDArray[Any], camera: str = "davis240", others: Sequence[int] = ()
) -> None:
    """Write addresses as jAER has them; `others` are addresses of what is no event of a pixel, before the events."""
    chips = {"dvs128": "DVS128", "davis240": "davis.DAVIS240C", "davis346": "davis.Davis346red"}
    out = bytearray(
        b"#!AER-DAT2.0\r\n# This is a raw AE data file\r\n# AEChip: eu.seebetter.ini.chips."
    )
    out += chips[camera].encode() + b"\r\n#End Of ASCII Header\r\n"
    for address in others:
        out += struct.pack(">II", address, 0)
    width, height = {"dvs128": (128, 128), "davis240": (240, 180), "davis346": (346, 260)}[camera]
    for t, x, y, p in events.tolist():
        column, row = width - 1 - x, height - 1 - y
        address = (
            row << 8 | column << 1 | (1 - p)
            if camera == "dvs128"
            else row << 22 | column << 12 | p << 11
        )
        out += struct.pack(">II", address, t % 2**32)
    path.write_bytes(out)


def aedat3(path: Path, events: NDArray[Any], packet: int = 100, *, noise: bool = True) -> None:
    """Write packets of pixels' events, and with `noise` an invalid event in each, and packets of other types."""
    out = bytearray(b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n")
    begin = 0
    while begin < len(events):
        turn = int(events["t"][begin]) >> 31
        part = [e for e in events[begin : begin + packet].tolist() if e[0] >> 31 == turn]
        begin += len(part)
        words = [(x << 17 | y << 2 | p << 1 | 1, t & 0x7FFFFFFF) for t, x, y, p in part]
        if noise:
            words.insert(1, (words[0][0] & ~1, words[0][1]))
            out += struct.pack("<hhiiiiii", 3, 1, 36, 4, turn, 2, 2, 2) + bytes(72)  # of motion
        n = len(words)
        out += struct.pack("<hhiiiiii", 1, 1, 8, 4, turn, n, n, len(part))
        for word in words:
            out += struct.pack("<Ii", *word)
    path.write_bytes(out)


def dat(
    path: Path, events: NDArray[Any], size: tuple[int, int] = (304, 240), version: int = 2
) -> None:
    """Write a time and an address of 32 bits each."""
    lines = ["Data file containing CD events.", f"Version {version}", "Date 2026-01-01 00:00:00"]
    lines += [f"Height {size[1]}", f"Width {size[0]}"]
    out = bytearray("".join(f"% {line}\n" for line in lines).encode()) + bytes([0x0C, 8])
    for t, x, y, p in events.tolist():
        address = p << 28 | y << 14 | x if version == 2 else p << 17 | y << 9 | x
        out += struct.pack("<II", t % 2**32, address)
    path.write_bytes(out)


def evt2(
    path: Path, events: NDArray[Any], size: tuple[int, int] = (640, 480), *, early: bool = True
) -> None:
    """Write words of 32 bits: a new time where its upper bits change, and triggers; with `early` an event before any time."""
    out = bytearray(f"% evt 2.0\n% geometry {size[0]}x{size[1]}\n% end\n".encode())
    out += struct.pack("<I", 1 << 28 | 5 << 11 | 5) * early
    high = None
    for t, x, y, p in events.tolist():
        if t >> 6 != high:
            high = t >> 6
            out += struct.pack("<II", 8 << 28 | high & 0xFFFFFFF, 0xA << 28)
        out += struct.pack("<I", p << 28 | (t & 63) << 22 | x << 11 | y)
    path.write_bytes(out)


def evt3(
    path: Path, events: NDArray[Any], size: tuple[int, int] = (640, 480), *, early: bool = True
) -> None:
    """Write words of 16 bits; events of one time, row and polarity in ascending columns become vectors."""
    out = bytearray(f"% format EVT3;height={size[1]};width={size[0]}\n% end\n".encode())
    words: list[int] = [2 << 12 | 7] * early
    high = low = row = None
    listed = events.tolist()
    k = 0
    while k < len(listed):
        t, x, y, p = listed[k]
        if t >> 12 != high:
            high, low = t >> 12, None
            words.append(8 << 12 | high & 0xFFF)
        if t & 0xFFF != low:
            low = t & 0xFFF
            words.append(6 << 12 | low)
        if y != row:
            row = y
            words.append(y)
        run = [x]
        while k + len(run) < len(listed):
            t2, x2, y2, p2 = listed[k + len(run)]
            if (t2, y2, p2) != (t, y, p) or not run[-1] < x2 < x + 32:
                break
            run.append(x2)
        k += len(run)
        if len(run) == 1:
            words.append(2 << 12 | p << 11 | x)
            continue
        mask = sum(1 << (column - x) for column in run)
        words += [
            3 << 12 | p << 11 | x,
            4 << 12 | mask & 0xFFF,
            4 << 12 | mask >> 12 & 0xFFF,
            5 << 12 | mask >> 24,
        ]
    path.write_bytes(bytes(out) + np.array(words, "<u2").tobytes())


def aedat4(
    path: Path,
    events: NDArray[Any],
    compression: int = 0,
    compress: Callable[[bytes], bytes] = bytes,
    *,
    packet: int = 100,
    size: tuple[int, int] = (346, 260),
    table: bool = True,
    other: bool = True,
) -> None:
    """Write FlatBuffers by hand: a header, packets of events in stream 0 and, with `other`, junk in stream 1."""
    packets = [events_packet(events[k : k + packet]) for k in range(0, len(events), packet)]
    path.write_bytes(aedat4_bytes(packets, compression, compress, size, table=table, other=other))


def aedat4_bytes(
    packets: list[bytes],
    compression: int = 0,
    compress: Callable[[bytes], bytes] = bytes,
    size: tuple[int, int] = (346, 260),
    *,
    table: bool = True,
    other: bool = True,
    xml: str | None = None,
) -> bytes:
    """Return a file of packets that are not yet compressed."""
    stream = '<attr key="typeIdentifier" type="string">{}</attr><node name="info">{}</node>'
    info = f'<attr key="sizeX" type="int">{size[0]}</attr><attr key="sizeY" type="int">{size[1]}</attr>'
    streams = "".join(
        f'<node name="{k}">{stream.format(kind, info)}</node>'
        for k, kind in enumerate(("EVTS", "IMUS"))
    )
    text = (xml or f'<dv version="2.0"><node name="outInfo">{streams}</node></dv>').encode()
    body = b"".join(
        struct.pack("<ii", k, len(data)) + data
        for packet in packets
        for k, data in ((1, b"not events"), (0, compress(packet)))[1 - other :]
    )
    begin = 14 + 4 + len(_header(compression, 0, text))
    header = _header(compression, begin + len(body) if table else -1, text)
    return (
        b"#!AER-DAT4.0\r\n"
        + struct.pack("<I", len(header))
        + header
        + body
        + (b"table" if table else b"")
    )


def _header(compression: int, end: int, text: bytes) -> bytes:
    # The root, the type, fields (10 bytes at 8), table (at 20: fields, compression, end, place of the text), text.
    fields = struct.pack("<HHHHH", 10, 20, 4, 8, 16)
    table = struct.pack("<iiqI", 20 - 8, compression, end, 4)
    return (
        struct.pack("<I", 20)
        + b"IOHE"
        + fields
        + bytes(2)
        + table
        + struct.pack("<I", len(text))
        + text
        + b"\0"
    )


def events_packet(events: NDArray[Any]) -> bytes:
    items = b"".join(struct.pack("<qhhB3x", *event) for event in events.tolist())
    # The root, the type, fields (6 bytes at 8), table (at 16: fields, vector), number, items (at 28).
    data = (
        struct.pack("<I", 16)
        + b"EVTS"
        + struct.pack("<HHH", 6, 8, 4)
        + bytes(2)
        + struct.pack("<iI", 8, 4)
    )
    data += struct.pack("<I", len(events)) + items
    return struct.pack("<I", len(data)) + data


def st_mnist(path: Path, events: NDArray[Any], *, compressed: bool = True) -> None:
    """Write a MATLAB file, version 5, with one array of float64."""
    train = np.zeros((101, len(events)))
    train[events["y"] * 10 + events["x"], np.arange(len(events))] = 2.0 * events["p"] - 1
    train[100] = (events["t"] + 0.25) / 1e6
    path.write_bytes(mat_bytes(train, compressed=compressed))


def mat_bytes(
    array: NDArray[Any], name: bytes = b"spiketrain", *, compressed: bool = True
) -> bytes:
    """Return a MATLAB file, version 5, with one array."""
    padded = name.ljust(-(-len(name) // 8) * 8, b"\0")
    data = np.asfortranarray(array, "<f8").tobytes("F")
    parts = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<IIII", 5, 8, *array.shape)
    parts += struct.pack("<II", 1, len(name)) + padded + struct.pack("<II", 9, len(data)) + data
    element = struct.pack("<II", 14, len(parts)) + parts
    if compressed:
        packed = zlib.compress(element)
        element = struct.pack("<II", 15, len(packed)) + packed
    return b"MATLAB 5.0 MAT-file, by hand".ljust(124) + b"\x00\x01IM" + element


def spiking_speech(
    path: Path, n: int = 5, seed: int = 0
) -> list[tuple[NDArray[Any], NDArray[Any], int]]:
    """Write a file like those of SHD; return times [s], units and label of each recording."""
    import h5py  # noqa: PLC0415

    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        size = int(rng.integers(0, 60))
        times = np.sort(rng.random(size).astype(np.float16))
        found.append((times, rng.integers(0, 700, size).astype(np.uint16), int(rng.integers(20))))
    with h5py.File(path, "w") as file:
        for name, k, dtype in (("times", 0, "f2"), ("units", 1, "u2")):
            data = file.create_dataset(f"spikes/{name}", (n,), h5py.vlen_dtype(np.dtype(dtype)))
            for j, item in enumerate(found):
                data[j] = item[k]
        file["labels"] = np.array([label for *_, label in found], np.uint16)
        file["extra/speaker"] = np.arange(n, dtype=np.uint16)
        file["extra/keys"] = np.array([f"word {k}" for k in range(20)], dtype="S")
    return found


def gestures(
    folder: Path, name: str, spans: Sequence[tuple[int, int, int]], events: NDArray[Any]
) -> None:
    """Write a recording of DVS128-Gesture, and its table of (class from 1 on, start, end)."""
    aedat3(folder / f"{name}.aedat", events)
    rows = "".join(f"{kind},{start},{stop}\n" for kind, start, stop in spans)
    (folder / f"{name}_labels.csv").write_text(f"class,startTime_usec,endTime_usec\n{rows}")
