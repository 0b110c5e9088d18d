"""AEDAT 4.0, the format of DV: packets, compressed with LZ4 or Zstandard, of FlatBuffers.

After iniVation's "AEDAT file formats", 4.0, and the schemas of dv-processing (IOHE, EVTS).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import integer
from spikelet._util.extras import extra
from spikelet.datasets.event_files import flatbuffer
from spikelet.datasets.event_files.assembling import Assembler, Demands, Place
from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.formats import Format

_MAGIC = b"#!AER-DAT4.0\r\n"
_PACKET = struct.Struct("<ii")  # stream, size
_LONGEST_HEADER = 1 << 22
_EVENT = np.dtype(
    {
        "names": ["t", "x", "y", "p"],
        "formats": ["<i8", "<i2", "<i2", "u1"],
        "offsets": [0, 8, 10, 12],
        "itemsize": 16,
    }
)

# Events compress to a fifth or so. LZ4 could give 255 bytes for one, Zstandard thousands, and fill any memory.
_MOST_FOR_ONE = 100
_SMALL = 1 << 20  # bytes of a packet that are always decompressed

_Decompress = Callable[
    [bytes, int], tuple[bytes, bool]
]  # (data, most) -> at most as many bytes, and whether they are all


def read(file: EventFile, demands: Demands, stream: int | None = None) -> NDArray[Any]:
    """Read the events of one stream."""
    if stream is not None:
        integer(file.where, "stream", stream, 0, 2**31 - 1)
    decompress, end, sizes, begin = _header(file)
    chosen = min(sizes, default=None) if stream is None else stream
    if chosen is None or chosen not in sizes:
        rule = f"must hold events; streams that do: {sorted(sizes) or 'none'}"
        file.refuse(begin, "the stream" if stream is None else f"stream {stream}", rule, chosen)
    parts = []
    offset = begin
    while offset < end:
        which, size = _PACKET.unpack(file.read(offset, _PACKET.size, "the header of a packet"))
        offset += _PACKET.size
        if size < 0 or size > end - offset:
            file.refuse(
                offset, "a packet", f"must have {size} bytes (the file is truncated)", end - offset
            )
        if which == chosen:
            parts.append((offset, _packet(file, offset, size, decompress)))
        offset += size
    assembler = Assembler(file, sum(len(part) for _, part in parts), demands, sizes[chosen])
    for at, part in parts:
        place = Place(at, 0)  # what is compressed has no byte of its own
        assembler.add(part["t"].copy(), part["x"].copy(), part["y"].copy(), part["p"] != 0, place)
    return assembler.events()


def _packet(file: EventFile, offset: int, size: int, decompress: _Decompress) -> NDArray[Any]:
    """Return the events of a packet, as they are stored."""
    most = max(_SMALL, _MOST_FOR_ONE * size)
    try:
        data, complete = decompress(bytes(file.read(offset, size)), most)
    except (RuntimeError, ValueError, EOFError) as error:
        file.refuse(
            offset, "a packet", "must be intact compressed data", " ".join(str(error).split())
        )
    if not complete:
        rule = f"must have at most {most} bytes when decompressed, of {size}, and be complete"
        file.refuse(offset, "a packet", rule, f"{len(data)} bytes")
    try:
        begin, n = flatbuffer.root(memoryview(data), b"EVTS", 4).vector(0, _EVENT.itemsize)
    except ValueError as error:
        file.refuse(offset, "a packet", "must be a FlatBuffer of events", str(error))
    return np.frombuffer(data, _EVENT, n, 4 + begin)


def _header(file: EventFile) -> tuple[_Decompress, int, dict[int, tuple[int, int] | None], int]:
    """Return how to decompress, where the packets end, the sensor of each stream of events, and where packets begin."""
    at = len(_MAGIC)
    if file.head(at) != _MAGIC:
        file.refuse(0, "the header", f"must begin with {_MAGIC!r}", file.head(at))
    (size,) = struct.unpack("<I", file.read(at, 4, "the header"))
    if size > _LONGEST_HEADER:
        file.refuse(at, "the header", f"must have at most {_LONGEST_HEADER} bytes", size)
    data = memoryview(file.read(at + 4, size, "the header"))
    begin = at + 4 + size
    try:
        table = flatbuffer.root(data, b"IOHE")
        compression = table.number(0, "<i")
        end = table.number(1, "<q", -1)
        sizes = _streams(table.string(2))
    except (ValueError, ET.ParseError) as error:
        file.refuse(
            at,
            "the header",
            "must be a FlatBuffer with a description of streams in XML",
            str(error),
        )
    if end < 0:
        end = (
            file.size
        )  # the writer was stopped before it wrote the table of packets, which nothing here needs
    if not begin <= end <= file.size:
        file.refuse(
            at, "the header", f"must place the table of packets in {begin} .. {file.size}", end
        )
    kinds = (_stored, _lz4, _lz4, _zstd, _zstd)
    if not 0 <= compression < len(kinds):
        file.refuse(
            at, "the header", f"must state a compression in 0 .. {len(kinds) - 1}", compression
        )
    return kinds[compression](), end, sizes, begin


def _streams(xml: bytes) -> dict[int, tuple[int, int] | None]:
    """Return the sizes of the sensors of the streams that hold events."""
    if re.search(rb"<!(DOCTYPE|ENTITY)", xml, re.IGNORECASE):
        raise ValueError("the description must not define entities")
    found: dict[int, tuple[int, int] | None] = {}
    out = ET.fromstring(xml.rstrip(b"\0")).find(".//node[@name='outInfo']")  # without entities
    for node in out if out is not None else ():
        name = node.get("name", "")
        if not re.fullmatch(r"\d{1,9}", name) or _attribute(node, "typeIdentifier") != "EVTS":
            continue
        info = node.find("node[@name='info']")
        sizes = [_attribute(info, key) if info is not None else "" for key in ("sizeX", "sizeY")]
        known = all(re.fullmatch(r"[1-9]\d{0,5}", size) for size in sizes)
        found[int(name)] = (int(sizes[0]), int(sizes[1])) if known else None
    return found


def _attribute(node: ET.Element, key: str) -> str:
    return node.findtext(f"attr[@key='{key}']", "").strip()


def _stored() -> _Decompress:
    return lambda data, _: (data, True)


def _lz4() -> _Decompress:
    frame = extra("lz4.frame", "an AEDAT 4 file", "aedat")

    def decompress(data: bytes, most: int) -> tuple[bytes, bool]:
        decoder = frame.LZ4FrameDecompressor()
        out = decoder.decompress(data, max_length=most)
        return out, decoder.eof

    return decompress


def _zstd() -> _Decompress:
    zstandard = extra("zstandard", "an AEDAT 4 file", "aedat")

    def decompress(data: bytes, most: int) -> tuple[bytes, bool]:
        try:
            # The stated size is only compared: the decoder would allocate it.
            stated = zstandard.frame_content_size(data)
            decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27)
            if stated > most:
                return b"", False
            with decoder.stream_reader(data, read_across_frames=False) as reader:
                out = reader.read(most + 1 if stated < 0 else stated + 1)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
        return out, len(out) <= most and stated in (-1, len(out))

    return decompress


FORMAT = Format(
    "aedat4",
    "AEDAT 4.0",
    (".aedat4",),
    lambda head: head.startswith(b"#!AER-DAT4."),
    read,
    ("stream",),
)
