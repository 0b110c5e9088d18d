"""Checksums of the data of a recording, which grows and must be readable whenever its writer dies.

Entries form blocks of a fixed number. `sums` holds the CRC-32 of the stamps and of the ids or values of each block that
is full; that of the last one, which grows, is in `done`, next to the number of entries that count. `done` is written at
once and has a checksum of its own. (HDF5's own filter would rewrite a block that grows: if its writer died then, or a
reader came by, all entries of the block would be lost.) Attributes have one checksum in each group, as HDF5 keeps none of
text.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

__all__ = ["BLOCK", "SUMS", "Count", "Growing", "Stored", "attributes", "count_of", "seal"]

SUMS, BLOCK = "sums", "block"  # names of the data set and of its attribute: entries in a block
_CHECK = "check"  # attribute: the CRC-32 of the others
_CHANGING = "writer"  # attribute that changes while the others stay
_TRIES = 10  # to read `done` while it may be being written


@dataclass(frozen=True)
class Count:
    """What counts in a group: entries, the step up to which they were recorded, and the sums of the last block."""

    entries: int
    step: int
    sums: tuple[int, int] = (0, 0)

    def packed(self) -> npt.NDArray[np.int64]:
        """Return what `done` holds."""
        values = np.array([self.entries, self.step, *self.sums], dtype=np.int64)
        return np.append(values, zlib.crc32(values.tobytes()))


def count_of(group: Any) -> Count:
    """Return what counts in a group; ValueError if it is damaged."""
    for left in reversed(range(_TRIES)):
        values = group["done"][...]
        if SUMS not in group:  # a file of version 1
            return Count(int(values[0]), int(values[1]))
        if values.shape == (5,) and values.dtype == np.int64:
            *found, check = values.tolist()
            if check == zlib.crc32(values[:4].tobytes()):
                return Count(found[0], found[1], (found[2], found[3]))
        if left:
            time.sleep(0.005)
    raise ValueError("the number of entries does not match its checksum")


def seal(group: Any, values: Mapping[str, Any]) -> None:
    """Write the attributes of a group, and their checksum.

    Text is of fixed size: HDF5 keeps other text in a heap without checksums, and a damaged heap makes it hang.
    """
    for name, value in values.items():
        text = isinstance(value, str)
        group.attrs[name] = np.bytes_(value.encode() or b"\0") if text else value
    group.attrs[_CHECK] = np.uint32(_sum_of(dict(group.attrs)))


def attributes(group: Any) -> dict[str, Any]:
    """Return the attributes of a group that was sealed; ValueError if they are damaged."""
    found = dict(group.attrs)
    if found.pop(_CHECK, None) != _sum_of(found):
        msg = f"the attributes of {group.name} do not match their checksum"
        raise ValueError(msg)
    return {
        name: value.decode() if isinstance(value, bytes) and name != _CHANGING else value
        for name, value in found.items()
    }


def _sum_of(values: dict[str, Any]) -> int:
    plain = {
        name: [str(np.asarray(value).dtype), np.asarray(value).tolist()]
        for name, value in values.items()
        if name not in (_CHECK, _CHANGING)
    }
    return zlib.crc32(json.dumps(plain, sort_keys=True, default=str).encode())


class Growing:
    """The sums of a group that is being written."""

    def __init__(self, group: Any) -> None:
        self._full = group[SUMS]
        self._block = int(self._full.attrs[BLOCK])
        self._count = count_of(group)

    def add(self, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any], step: int) -> Count:
        """Sum up new entries; return what counts from now on. The sums of full blocks are written."""
        n, block = self._count.entries, self._block
        sums, full = self._count.sums, []
        at = 0
        while at < len(stamps):
            size = min(len(stamps) - at, block - n % block)
            part = slice(at, at + size)
            sums = (_sum(stamps[part], sums[0]), _sum(data[part], sums[1]))
            n, at = n + size, at + size
            if n % block == 0:
                full.append(sums)
                sums = (0, 0)
        if full:
            self._full.resize(n // block, axis=0)
            self._full[n // block - len(full) :] = np.array(full, dtype=np.uint32)
            self._full.flush()
        self._count = Count(n, step, sums)
        return self._count


def _sum(values: npt.NDArray[Any], before: int) -> int:
    return zlib.crc32(np.ascontiguousarray(values).data, before)


class Stored:
    """The sums of a group that is read: verifies blocks of entries.

    Attributes
    ----------
    count : Count
        What counts, as it was when the group was opened.
    block : int
        Entries of a block, 0 if the file is of a version without sums.
    """

    def __init__(self, group: Any) -> None:
        self.count = count_of(group)  # before the data, which may grow in the meantime
        self.block = int(group[SUMS].attrs[BLOCK]) if SUMS in group else 0
        self._group = group
        if self.block < 0 or self.count.entries < 0:
            self._refuse(0, 0)

    def around(self, first: int, last: int) -> tuple[int, int]:
        """Return the range of whole blocks that holds a range of entries."""
        if not self.block:
            return first, last
        begin, end = first // self.block * self.block, -(-last // self.block) * self.block
        return begin, min(end, self.count.entries)

    def verify(
        self, first: int, stamps: npt.NDArray[Any] | None, data: npt.NDArray[Any] | None
    ) -> None:
        """Check whole blocks from an entry on; None: not read."""
        given = [values for values in (stamps, data) if values is not None]
        if not self.block or not given:
            return
        n, k = len(given[0]), first // self.block
        full = self._group[SUMS][k : (first + n) // self.block]
        for at in range(0, n, self.block):
            end = min(at + self.block, n)
            if first + end == self.count.entries and end - at < self.block:
                expected = self.count.sums
            elif at // self.block < len(full):
                expected = int(full[at // self.block][0]), int(full[at // self.block][1])
            else:
                self._refuse(first + at, first + end)
            for values, sum_ in zip((stamps, data), expected, strict=True):
                if values is not None and _sum(values[at:end], 0) != sum_:
                    self._refuse(first + at, first + end)

    def _refuse(self, first: int, last: int) -> NoReturn:
        msg = f"entries {first} to {last} of {self._group.name[1:]} do not match their checksum"
        raise ValueError(msg)
