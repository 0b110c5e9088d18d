"""Check where HDF5 keeps texts, before it looks there: on a damaged heap libhdf5 (1.14) loops without end.

A "global heap collection" is a run of objects, each of which says how long it is. The library steps from one to the next, and
never gets past a free one of length 0. Layout: HDF5 file format specification, section III.E.
"""

from __future__ import annotations

import mmap
import os
import struct

__all__ = ["check_heaps"]

_SIGNATURE = b"GCOL\x01"  # and the version
_HEADER, _OBJECT = 16, 16
_LENGTH = struct.Struct("<Q")
_OBJECT_HEADER = struct.Struct("<HHIQ")  # index, references, reserved, size


def check_heaps(path: str | os.PathLike[str]) -> None:
    """Check that each heap of a file of HDF5 is a whole number of objects.

    Raises
    ------
    ValueError
        If one is not.
    """
    if os.path.getsize(path) == 0:  # noqa: PTH202 - nothing to map
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:  # noqa: PTH123
        at = data.find(_SIGNATURE)
        while at >= 0:
            _check_heap(data, at)
            at = data.find(_SIGNATURE, at + 1)


def _check_heap(data: mmap.mmap, begin: int) -> None:
    if begin + _HEADER > len(data):
        return  # HDF5 refuses a heap beyond the end of the file
    (size,) = _LENGTH.unpack_from(data, begin + 8)
    end = begin + size
    at = begin + _HEADER
    if end > len(data):
        return
    while at + _OBJECT <= end:
        index, _, _, length = _OBJECT_HEADER.unpack_from(data, at)
        step = length if index == 0 else _OBJECT + -(-length // 8) * 8
        if not 0 < step <= end - at:
            msg = f"the heap of texts at byte {begin} must hold whole objects, got one of {length} bytes at {at}"
            raise ValueError(msg)
        at += step
