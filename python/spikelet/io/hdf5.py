"""Read HDF5 files that may come from anybody: what is damaged, or states more than it holds, is refused with the file's name.

On a damaged heap of texts libhdf5 (1.14) loops without end, so heaps are checked first. A "global heap collection" is a run of
objects, each of which says how long it is. The library steps from one to the next, and never gets past a free one of length 0.
Layout: HDF5 file format specification, section III.E.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
from collections.abc import Iterator
from typing import Any

from spikelet._util.extras import extra

_BROKEN = (
    OSError, RuntimeError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError, MemoryError, AssertionError,
)  # fmt: skip
"""The errors that h5py raises for damaged files."""

_MOST_RATIO = 1100  # deflate compresses 1032 times at best

_SIGNATURE = b"GCOL\x01"  # and the version
_HEADER, _OBJECT = 16, 16
_LENGTH = struct.Struct("<Q")
_OBJECT_HEADER = struct.Struct("<HHIQ")  # index, references, reserved, size


@contextlib.contextmanager
def opened(
    caller: str, where: str, path: str | os.PathLike[str], ends: int | None = None
) -> Iterator[Any]:
    """Open a file; errors of damaged content become ValueErrors that name it.

    Parameters
    ----------
    caller : str
        The public function, with which its own messages begin; these stay.
    where : str
        Names the file in messages.
    path : path-like
    ends : int, optional
        As of `check_heaps`.
    """
    h5py = extra("h5py", caller, caller.removeprefix("read_"))
    try:
        check_heaps(path, ends)
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except _BROKEN as error:
        is_ours = isinstance(error, ValueError) and str(error).startswith(caller)
        if is_ours or getattr(error, "filename", None) is not None:  # of another file
            raise
        text = " ".join(str(error).split())
        text = text if len(text) <= 300 else f"{text[:300]}..."
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        msg = f"{where} cannot be read: {kind}{text}"
        raise ValueError(msg) from error


def states_too_much(data: Any, size: int, free: int) -> bool:
    """Return whether a data set states a size beyond what needs no proof that its bytes in the file cannot have."""
    return bool(size > max(free, _MOST_RATIO * data.id.get_storage_size()))


def check_heaps(path: str | os.PathLike[str], ends: int | None = None) -> None:
    """Check that each heap of a file of HDF5 is a whole number of objects.

    Parameters
    ----------
    path : path-like
        The file.
    ends : int, optional
        Search so many bytes at the beginning and the end, where writers put heaps; by default the whole file.

    Raises
    ------
    ValueError
        If one is not.
    """
    if os.path.getsize(path) == 0:  # noqa: PTH202 - nothing to map
        return
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:  # noqa: PTH123
        head = len(data) if ends is None else min(ends, len(data))
        for begin, end in ((0, head), (max(head, len(data) - head), len(data))):
            at = data.find(_SIGNATURE, begin, end)
            while at >= 0:
                _check_heap(data, at)
                at = data.find(_SIGNATURE, at + 1, end)


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
        if not _OBJECT <= step <= end - at:
            msg = f"the heap of texts at byte {begin} must hold whole objects, got one of {length} bytes at {at}"
            raise ValueError(msg)
        at += step
