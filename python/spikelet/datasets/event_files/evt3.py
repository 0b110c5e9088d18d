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

__all__ = ["FORMAT"]

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
        marks = kind == _HIGH
        high = self._high(marks, self._unwrapped(low[marks]))
        marks |= kind == _LOW
        # The high bits change before the low ones do, which are 0 in between.
        lower = self._low(marks, np.where(kind[marks] == _LOW, low[marks], 0))
        t = (high << 12) | lower
        marks = kind == _Y
        y = self._y(marks, low[marks] & 0x7FF)

        single = np.flatnonzero((kind == _X) & (high >= 0))
        alone = (t[single], low[single] & 0x7FF, y[single], low[single] >> 11, single)
        if not ((kind >= _BASE) & (kind <= _VECTOR_8)).any():
            return alone
        return self._merged(alone, self._vectors(kind, low, t, y))

    def _vectors(
        self, kind: NDArray[Any], low: NDArray[Any], t: NDArray[Any], y: NDArray[Any]
    ) -> tuple[NDArray[Any], ...]:
        """Return the same of events in vectors, of up to 12 in a word."""
        vectors = (kind == _VECTOR_12) | (kind == _VECTOR_8)
        step = np.where(kind == _VECTOR_12, 12, 8) * vectors
        passed = self._passed + np.cumsum(step) - step  # before the word
        self._passed = int(passed[-1] + step[-1])
        marks = kind == _BASE
        x = self._base(marks, (low[marks] & 0x7FF) - passed[marks]) + passed
        p = self._polarity(marks, low[marks] >> 11)
        at = np.flatnonzero(vectors & (t >= 0))
        mask = np.where(kind[at] == _VECTOR_12, low[at], low[at] & 0xFF)
        which, bit = np.nonzero((mask[:, None] >> np.arange(12, dtype=np.uint16)) & 1)
        items = at[which]
        return t[items], x[items] + bit, y[items], p[items], items

    @staticmethod
    def _merged(a: tuple[NDArray[Any], ...], b: tuple[NDArray[Any], ...]) -> tuple[NDArray[Any], ...]:
        """Return all events in the order of their words."""
        joined = [np.concatenate(pair) for pair in zip(a, b, strict=True)]
        order = np.argsort(joined[-1], kind="stable")
        return tuple(column[order] for column in joined)


FORMAT = Format("evt3", "Prophesee RAW, EVT 3.0", (".raw",), lambda head: stated(head) == "3.0", read)
