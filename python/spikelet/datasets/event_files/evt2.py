"""Prophesee's RAW files, EVT 2.0: words of 32 bits, little-endian.

After Prophesee's "EVT 2.0 format". What stands before the first time is dropped, as by Prophesee's own reader.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.datasets.event_files.assembling import Assembler, Demands, Place, Unwrapped
from spikelet.datasets.event_files.evt import Held, begin, stated
from spikelet.datasets.event_files.file import EventFile, column
from spikelet.datasets.event_files.formats import Format

_SIZE = 4
_ON, _TIME_HIGH = 1, 8


def read(file: EventFile, demands: Demands) -> NDArray[Any]:
    """Read the events of pixels."""
    first, size = begin(file, "2.0")
    assembler = Assembler(file, (file.size - first) // _SIZE, demands, size)
    unwrapped, held = Unwrapped(28), Held()
    for offset, block in file.blocks(first, _SIZE):
        word = column(block, "<u4", 0).astype(np.uint32)
        kind = word >> 28
        marks = kind == _TIME_HIGH
        kept = np.flatnonzero(kind <= _ON)
        high = held(marks, unwrapped(word[marks] & 0xFFFFFFF), kept)
        if not (known := high >= 0).all():
            kept, high = kept[known], high[known]
        kind, word = kind[kept], word[kept]
        t = (high << 6) | ((word >> 22) & 0x3F)
        assembler.add(t, (word >> 11) & 0x7FF, word & 0x7FF, kind, Place(offset, _SIZE, kept))
    return assembler.events()


FORMAT = Format(
    "evt2", "Prophesee RAW, EVT 2.0", (".raw",), lambda head: stated(head) == "2.0", read
)
