"""Read untrusted HDF5 files: what a file says of its data is checked before memory is allocated for them."""

from __future__ import annotations

import contextlib
import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet.io.sonata.config import WHERE

__all__ = ["BLOCK", "MAGIC", "VERSION", "Group", "column", "library", "opened"]

BLOCK = 1 << 20
"""Entries that are read at a time."""

MAGIC, VERSION = 0x0A7A, (0, 1)

_RATIO = 1100  # deflate compresses 1032 times at best
_SMALL = 1 << 24  # bytes that need no proof

_HEAP, _SEARCHED = b"GCOL\x01\0\0\0", 1 << 24

# What h5py raises for damaged files.
_BROKEN = (
    OSError, RuntimeError, KeyError, TypeError, AttributeError, IndexError, OverflowError, UnicodeError, MemoryError,
)  # fmt: skip


def library() -> Any:
    """Return h5py."""
    return extra("h5py", WHERE, "sonata")


class Group:
    """A group of a file, with its name for messages."""

    def __init__(self, group: Any, file: Path) -> None:
        self.group, self.file = group, file
        self._read: dict[str, npt.NDArray[Any]] = {}

    @property
    def where(self) -> str:
        """The file and the group."""
        return f"{WHERE}: {self.file}: {self.group.name}"

    @property
    def name(self) -> str:
        """The last part of the group's name."""
        return str(self.group.name).rpartition("/")[2]

    def groups(self) -> dict[str, Group]:
        """Return the groups in it by name, in the file's order."""
        h5py = library()
        return {
            name: Group(item, self.file)
            for name in self.group
            if isinstance(item := self._item(name), h5py.Group)
        }

    def __contains__(self, name: str) -> bool:
        """Return whether there is a group or a dataset of a name."""
        return name in self.group

    def child(self, name: str) -> Group:
        """Return a group that must be there."""
        item = self._item(name) if name in self.group else None
        if not isinstance(item, library().Group):
            fail(self.where, name, self._shown(), "must be a group", got="group with")
        return Group(item, self.file)

    def dataset(self, name: str, kinds: str, length: int | None = None) -> Any:
        """Return a one-dimensional dataset that must be there.

        Parameters
        ----------
        name : str
            Its name.
        kinds : str
            The kinds of type that it may have: "iu" integers, "f" numbers, "O" strings.
        length : int, optional
            Its length.

        Raises
        ------
        ValueError
            If it is not there or is another.
        """
        item = self._item(name) if name in self.group else None
        if not isinstance(item, library().Dataset):
            fail(self.where, name, self._shown(), "must be a dataset", got="group with")
        where = f"{self.where}/{name}"
        if item.is_virtual or item.external:
            fail(where, "data", "data of other files", "must be in the file")
        if len(item.shape or ()) != 1:
            fail(where, "shape", item.shape, "must be one-dimensional")
        if item.dtype.kind not in kinds:
            named = {"iu": "integers", "iuf": "numbers", "OS": "strings"}.get(kinds, kinds)
            fail(where, "type", str(item.dtype), f"must be {named}")
        if length is not None and item.shape[0] != length:
            fail(where, "length", item.shape[0], f"must be {length}")
        return item

    def sized(self, name: str, kinds: str) -> Any:
        """Return a dataset whose length may be trusted: others must have it, and memory is allocated for it.

        Raises
        ------
        ValueError
            If it says that it has more entries than the file can hold.
        """
        item = self.dataset(name, kinds)
        stored = item.id.get_storage_size()
        if item.shape[0] * item.dtype.itemsize > max(_SMALL, _RATIO * stored):
            rule = f"must be what the file holds, which has {stored} bytes of it"
            fail(f"{self.where}/{name}", "length", item.shape[0], rule)
        return item

    def optional(self, name: str, kinds: str, length: int | None = None) -> Any:
        """Return a dataset, or None if there is none."""
        return self.dataset(name, kinds, length) if name in self.group else None

    def values(self, name: str, data: Any, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return some entries of a dataset of the group; a short one is read once."""
        if data.shape[0] > 4 * BLOCK:
            return column(data, rows)
        if name not in self._read:
            self._read[name] = data[:]
        return np.asarray(self._read[name][rows])

    def datasets(self) -> list[str]:
        """Return the names of the datasets in it."""
        h5py = library()
        return [name for name in self.group if isinstance(self._item(name), h5py.Dataset)]

    def _item(self, name: str) -> Any:
        """Return what is in the group, but not from another file."""
        link = self.group.get(name, getlink=True)
        if isinstance(link, library().ExternalLink):
            fail(self.where, name, f"a link to {link.filename}", "must be in the file")
        return self.group[name]

    def _shown(self) -> str:
        names = list(self.group)
        return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "") if names else "nothing"


@contextlib.contextmanager
def opened(path: Path, top: str) -> Iterator[Group]:
    """Open a file and its group of a name; errors of damaged content become ValueErrors that name the file.

    Raises
    ------
    ValueError
        If it is no such file.
    FileNotFoundError, PermissionError
        If it cannot be opened.
    """
    h5py, where = library(), f"{WHERE}: {path}"
    if path.stat().st_size == 0:
        fail(where, "size", 0, "must be an HDF5 file")
    _check_heaps(where, path)
    try:
        with h5py.File(path, "r", locking=False) as file:
            _require_version(where, file.attrs)
            root = Group(file, path)
            yield root.child(top)
    except ValueError as error:
        if str(error).startswith(where) or str(error).startswith(WHERE):
            raise
        msg = f"{where}: cannot be read: {_line(error)}"
        raise ValueError(msg) from error
    except ImportError:
        raise
    except _BROKEN as error:
        if isinstance(error, OSError) and error.filename is not None:  # another file
            raise
        msg = f"{where}: cannot be read: {type(error).__name__}: {_line(error)}"
        raise ValueError(msg) from error


def _require_version(where: str, attributes: Any) -> None:
    """Check the two attributes that SONATA's files have; old writers leave them out."""
    magic, version = (np.ravel(attributes.get(key, ())).tolist() for key in ("magic", "version"))
    if magic not in ([], [MAGIC]):
        fail(where, "magic", magic, f"must be {MAGIC:#06x}, as in all files of SONATA")
    if version and version[0] != VERSION[0]:
        text = ".".join(map(str, version[:2]))
        fail(where, "version", text, f"must be {VERSION[0]}.x, the versions read here")


def _check_heaps(where: str, path: Path) -> None:
    """Check the lengths in heaps of strings, which HDF5 trusts: where one is 0, it never ends.

    The beginning and the end of a file are searched, where writers put them.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        parts = [(0, min(len(data), _SEARCHED))]
        if len(data) > _SEARCHED:
            parts.append((max(_SEARCHED, len(data) - _SEARCHED), len(data)))
        for begin, end in parts:
            at = data.find(_HEAP, begin, end)
            while at >= 0:
                _check_heap(where, data, at)
                at = data.find(_HEAP, at + 1, end)


def _check_heap(where: str, data: mmap.mmap, begin: int) -> None:
    """Walk the objects of a heap: a number, a count, a length, and that many bytes, rounded up to 8."""
    head = 16
    end = min(begin + int.from_bytes(data[begin + 8 : begin + 16], "little"), len(data))
    at = begin + head
    while at + head <= end:
        number = int.from_bytes(data[at : at + 2], "little")
        length = int.from_bytes(data[at + 8 : at + 16], "little")
        size = head + (length + 7) // 8 * 8 if number else length  # free space counts its head
        if size < head or size > end - at:
            fail(where, "length in a heap of strings", length, "must lie within the heap")
        at += size


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]}..."


def column(dataset: Any, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Return some entries of a dataset, in any order, reading no more than `BLOCK` at a time."""
    if not len(rows):
        return np.empty(0, dataset.dtype)
    low, high = int(rows.min()), int(rows.max()) + 1
    if high - low <= 4 * BLOCK:
        part = dataset[low:high]
        contiguous = high - low == len(rows) and bool((np.diff(rows) == 1).all())
        return np.asarray(part if contiguous else part[rows - low])
    found = np.empty(len(rows), dataset.dtype)
    for k in range(math.ceil((high - low) / BLOCK)):
        begin = low + k * BLOCK
        mine = (rows >= begin) & (rows < begin + BLOCK)
        if mine.any():
            found[mine] = dataset[begin : begin + BLOCK][rows[mine] - begin]
    return found
