"""Arrays of numbers in MATLAB files, version 5, as untrusted data.

scipy.io.loadmat trusts the sizes and types that a file states, and a damaged file ends the process.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.datasets.event_files.file import EventFile

MAGIC = b"MATLAB 5.0 MAT-file"
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_MOST_FOR_ONE, _SMALL = (
    100,
    2**26,
)  # bytes of data for a byte of a compressed element; bytes that are always read
_NUMERIC = range(6, 16)  # classes of arrays: double, single and integers
_COMPLEX = 1 << 11
_TYPES = {
    1: "<i1",
    2: "<u1",
    3: "<i2",
    4: "<u2",
    5: "<i4",
    6: "<u4",
    7: "<f4",
    9: "<f8",
    12: "<i8",
    13: "<u8",
}


def matrix(file: EventFile, name: str) -> NDArray[Any]:
    """Return an array of real numbers of two dimensions."""
    if file.head(len(MAGIC)) != MAGIC or file.size < _HEADER:
        file.refuse(0, "the header", f"must begin with {MAGIC!r}", file.head(len(MAGIC)))
    if file.head(_HEADER)[126:] != b"IM":
        file.refuse(
            126, "the header", "must state little-endian numbers (IM)", file.head(_HEADER)[126:]
        )
    found = None
    offset = _HEADER
    while found is None and offset < file.size:
        kind, size = struct.unpack("<II", file.read(offset, 8, "the header of an element"))
        data = bytes(file.read(offset + 8, size, "an element"))
        if kind == _COMPRESSED:
            data = _inflated(file, offset, data)
            kind, stated = struct.unpack_from("<II", data.ljust(8, b"\0"))
            if stated != len(data) - 8:
                file.refuse(
                    offset,
                    "an element",
                    f"must have {stated} bytes when decompressed",
                    len(data) - 8,
                )
            data = data[8:]
        found = _array(file, offset, data, name) if kind == _MATRIX else None
        offset += 8 + size
    if found is None:
        file.refuse(_HEADER, "the file", f"must hold an array {name!r}", "none")
    return found


def _inflated(file: EventFile, offset: int, data: bytes) -> bytes:
    most = max(_SMALL, _MOST_FOR_ONE * len(data))
    decoder = zlib.decompressobj()
    try:
        out = decoder.decompress(data, most)
    except zlib.error as error:
        file.refuse(offset, "an element", "must be intact compressed data", str(error))
    if not decoder.eof:
        rule = f"must have at most {most} bytes when decompressed, of {len(data)}, and be complete"
        file.refuse(offset, "an element", rule, f"{len(out)} bytes")
    return out


def _array(file: EventFile, offset: int, data: bytes, name: str) -> NDArray[Any] | None:
    """Return an element's array, if it has the name and is one of real numbers."""
    parts = _parts(file, offset, data)
    if len(parts) < 4 or len(parts[0][1]) < 4 or parts[2][1] != name.encode():
        return None
    (flags,) = struct.unpack_from("<I", parts[0][1])
    kind, values = parts[3]
    if (
        flags & 0xFF not in _NUMERIC
        or flags & _COMPLEX
        or kind not in _TYPES
        or len(parts[1][1]) != 8
    ):
        file.refuse(
            offset,
            f"the array {name!r}",
            "must be one of real numbers of two dimensions",
            f"class {flags & 0xFF}",
        )
    rows, columns = struct.unpack("<ii", parts[1][1])
    dtype = np.dtype(_TYPES[kind])
    if rows < 0 or columns < 0 or rows * columns * dtype.itemsize != len(values):
        rule = f"must have the {len(values)} bytes that its shape and type state"
        file.refuse(offset, f"the array {name!r}", rule, f"{rows} x {columns} of {dtype}")
    return np.frombuffer(values, dtype).reshape((rows, columns), order="F")


def _parts(file: EventFile, offset: int, data: bytes) -> list[tuple[int, bytes]]:
    """Return the kinds and contents of an array's first parts: flags, shape, name, numbers."""
    parts: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data) and len(parts) < 4:
        if len(data) - at < 8:
            file.refuse(
                offset, "an array", "must consist of whole parts", f"{len(data) - at} bytes"
            )
        kind, size = struct.unpack_from("<II", data, at)
        if small := kind >> 16:  # up to 4 bytes stand beside their kind
            kind, size, at = kind & 0xFFFF, small, at + 4
        else:
            at += 8
        if size > (4 if small else len(data) - at):
            file.refuse(
                offset,
                "a part of an array",
                f"must have {size} bytes",
                4 if small else len(data) - at,
            )
        parts.append((kind, data[at : at + size]))
        at += 4 if small else -(-size // 8) * 8
    return parts
