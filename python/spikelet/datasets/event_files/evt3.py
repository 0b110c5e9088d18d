"""Prophesee's RAW files, EVT 3.0: words of 16 bits, little-endian, which change a state or send events.

After Prophesee's "EVT 3.0 format". What stands before the first time is dropped, as by Prophesee's own reader.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.datasets.event_files.assembling import Assembler, Demands, Place, Unwrapped
from spikelet.datasets.event_files.evt import Held, begin, stated
from spikelet.datasets.event_files.file import EventFile, column
from spikelet.datasets.event_files.formats import Format

_SIZE = 2
_Y, _X, _BASE, _VECTOR_12, _VECTOR_8, _LOW, _HIGH = 0, 2, 3, 4, 5, 6, 8


def read(file: EventFile, demands: Demands) -> NDArray[Any]:
    """Read the events of pixels."""
    first, size = begin(file, "3.0")
    assembler = Assembler(file, (file.size - first) // _SIZE, demands, size)
    decoder = _Decoder()
    for offset, block in file.blocks(first, _SIZE):
        t, x, y, p, items = decoder(column(block, "<u2", 0))
        assembler.add(t, x, y, p, Place(offset, _SIZE, items))
    return assembler.events()


class _Decoder:
    """The state of the camera's encoder: time, row, and where a vector of columns begins."""

    def __init__(self) -> None:
        self._unwrapped = Unwrapped(12)
        self._high, self._low, self._y = Held(), Held(0), Held(0)
        self._base, self._polarity = Held(0), Held(0)
        self._passed = 0  # columns that vectors have passed

    def __call__(self, word: NDArray[np.uint16]) -> tuple[NDArray[Any], ...]:
        """Return t, x, y and p of the events of a block of words, and the word of each."""
        kind, low = word >> 12, word & 0xFFF
        at = np.flatnonzero((kind == _X) | (kind == _VECTOR_12) | (kind == _VECTOR_8))
        marks = kind == _HIGH
        high = self._high(marks, self._unwrapped(low[marks]), at)
        marks |= kind == _LOW
        # The high bits change before the low ones do, which are 0 in between.
        t = (high << 12) | self._low(marks, np.where(kind[marks] == _LOW, low[marks], 0), at)
        marks = kind == _Y
        y = self._y(marks, low[marks] & 0x7FF, at)
        marks = kind == _BASE
        if not marks.any() and (kind[at] == _X).all():
            x, p, items = low[at] & 0x7FF, low[at] >> 11, at
        else:
            which, x, p = self._vectors(kind, low, marks, at)
            t, y, items = t[which], y[which], at[which]
        if (known := t >= 0).all():
            return t, x, y, p, items
        return t[known], x[known], y[known], p[known], items[known]

    def _vectors(
        self, kind: NDArray[Any], low: NDArray[Any], marks: NDArray[np.bool_], at: NDArray[np.int64]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Return the word, x and p of each event; a word of a vector has up to 12, a single event is a vector of one."""
        kind_at, low_at = kind[at], low[at]
        single = kind_at == _X
        steps = np.select([single, kind_at == _VECTOR_12], [0, 12], 8)
        passed = self._passed + np.concatenate([[0], np.cumsum(steps)])  # before each word
        self._passed = int(passed[-1])
        before = passed[np.searchsorted(at, np.flatnonzero(marks))]
        base = self._base(marks, (low[marks] & 0x7FF) - before, at) + passed[:-1]
        x = np.where(single, low_at & 0x7FF, base)
        p = np.where(single, low_at >> 11, self._polarity(marks, low[marks] >> 11, at))
        mask = np.where(kind_at == _VECTOR_12, low_at, low_at & 0xFF)
        mask[single] = 1
        which, bit = np.nonzero((mask[:, None] >> np.arange(12, dtype=np.uint16)) & 1)
        return which, x[which] + bit, p[which]


FORMAT = Format(
    "evt3", "Prophesee RAW, EVT 3.0", (".raw",), lambda head: stated(head) == "3.0", read
)
