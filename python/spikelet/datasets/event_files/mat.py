"""MATLAB files, version 5, as untrusted data: all sizes are checked before scipy, which trusts them, reads them."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from numpy.typing import NDArray

from spikelet.datasets.event_files.file import EventFile

__all__ = ["MAGIC", "matrix"]

MAGIC = b"MATLAB 5.0 MAT-file"
_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
_MOST_FOR_ONE, _SMALL = 100, 2**26  # bytes of data for a byte of a compressed element; bytes that are always read
_NUMERIC = range(6, 16)  # classes of arrays: double, single and integers
_DOUBLE_AND_COMPLEX = 1 << 11


def matrix(file: EventFile, name: str) -> NDArray[Any]:
    """Return an array of numbers of two dimensions."""
    import scipy.io  # noqa: PLC0415  # slow to import

    if not file.head(len(MAGIC)) == MAGIC or file.size < _HEADER:
        file.refuse(0, "the header", f"must begin with {MAGIC!r}", file.head(len(MAGIC)))
    if file.head(_HEADER)[126:] != b"IM":
        file.refuse(126, "the header", "must state little-endian numbers (IM)", file.head(_HEADER)[126:])
    offset = _HEADER
    while offset < file.size:
        kind, size = struct.unpack("<II", file.read(offset, 8, "the header of an element"))
        data = bytes(file.read(offset + 8, size, "an element"))
        if kind == _COMPRESSED:
            data = _inflated(file, offset, data)
            kind, stated = struct.unpack_from("<II", data.ljust(8, b"\0"))
            if stated != len(data) - 8:
                file.refuse(offset, "an element", f"must have {stated} bytes when decompressed", len(data) - 8)
            data = data[8:]
        if kind == _MATRIX and _name(file, offset, data) == name:
            element = struct.pack("<II", kind, len(data)) + data
            plain = io.BytesIO(bytes(file.head(_HEADER)) + element)
            try:
                return scipy.io.loadmat(plain, variable_names=[name])[name]  # type: ignore[no-any-return]
            except (ValueError, TypeError, KeyError, OSError, MemoryError, AttributeError) as error:
                file.refuse(offset, f"the array {name!r}", "must be intact", " ".join(str(error).split()))
        offset += 8 + size
    file.refuse(_HEADER, "the file", f"must hold an array {name!r}", "none")


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


def _name(file: EventFile, offset: int, data: bytes) -> str:
    """Return the name of an array of numbers whose parts all lie within its element; "" for any other."""
    parts: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data) and len(parts) < 4:
        if len(data) - at < 8:
            file.refuse(offset, "an array", "must consist of whole parts", f"{len(data) - at} bytes")
        kind, size = struct.unpack_from("<II", data, at)
        if kind >> 16:  # a small part: its size stands in the upper half of its kind
            kind, size, begin, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        else:
            begin = at + 8
            end = begin + -(-size // 8) * 8
        if size > len(data) - begin or (end == at + 8 and size > 4 and begin == at + 4):
            file.refuse(offset, "a part of an array", f"must have {size} bytes", len(data) - begin)
        parts.append((kind, data[begin : begin + size]))
        at = end
    if len(parts) < 4 or len(parts[0][1]) < 4 or parts[0][1][0] not in _NUMERIC:
        return ""
    if struct.unpack_from("<I", parts[0][1])[0] & _DOUBLE_AND_COMPLEX or len(parts[1][1]) != 8:
        return ""  # complex, or not of two dimensions
    return parts[2][1].decode("latin1")
