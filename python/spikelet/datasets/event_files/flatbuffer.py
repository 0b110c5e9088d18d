"""FlatBuffers as untrusted data: tables, numbers, strings and vectors, each checked against the bytes that are there.

The generated readers of flatc trust every offset. What AEDAT 4 needs of the format is this page
(https://flatbuffers.dev/internals).
"""

from __future__ import annotations

import struct
from typing import Any


class Table:
    """A table of a buffer.

    Parameters
    ----------
    data : bytes-like
        The buffer.
    at : int
        Where the table is.

    Raises
    ------
    ValueError
        The table, or what it refers to, does not lie within the buffer; so do its methods.
    """

    def __init__(self, data: memoryview, at: int) -> None:
        self._data = data
        self._at = at
        self._fields = at - self._number("<i", at)
        self._size = self._number("<H", self._fields)
        if self._size < 4:
            raise ValueError("a table of fields must have at least 4 bytes")
        self._number("<H", self._fields + self._size - 2)

    def number(self, field: int, code: str, default: Any = 0) -> Any:
        """Return a field that is a number, of a type of `struct`."""
        at = self._field(field)
        return default if at is None else self._number(code, at)

    def vector(self, field: int, itemsize: int) -> tuple[int, int]:
        """Return where the items of a vector begin, and their number; (0, 0) if there is none."""
        at = self._field(field)
        if at is None:
            return 0, 0
        at += self._number("<I", at)
        n = self._number("<I", at)
        if n * itemsize > len(self._data) - at - 4:
            raise ValueError(
                f"a vector of {n} items of {itemsize} bytes must lie within the buffer"
            )
        return at + 4, n

    def string(self, field: int) -> bytes:
        """Return a string, not decoded."""
        at, n = self.vector(field, 1)
        return bytes(self._data[at : at + n])

    def _field(self, field: int) -> int | None:
        entry = 4 + 2 * field
        if entry + 2 > self._size:
            return None
        offset = self._number("<H", self._fields + entry)
        return self._at + offset if offset else None

    def _number(self, code: str, at: int) -> Any:
        if not 0 <= at <= len(self._data) - struct.calcsize(code):
            raise ValueError(
                f"a reference to byte {at} must lie within the {len(self._data)} bytes of the buffer"
            )
        return struct.unpack_from(code, self._data, at)[0]


def root(data: memoryview, identifier: bytes, begin: int = 0) -> Table:
    """Return the root table of a buffer of a type.

    Parameters
    ----------
    data : memoryview
        The buffer.
    identifier : bytes
        The 4 bytes that name the type.
    begin : int
        4 if the size of the buffer stands before it.
    """
    if len(data) < begin + 8 or data[begin + 4 : begin + 8] != identifier:
        raise ValueError(f"a buffer must be of type {identifier.decode()}")
    data = data[begin:]
    return Table(data, struct.unpack_from("<I", data)[0])
