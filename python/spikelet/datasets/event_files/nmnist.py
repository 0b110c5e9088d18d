"""N-MNIST and N-Caltech101: events of 40 bits (Orchard et al., Front. Neurosci. 9:437, 2015)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.datasets.event_files.assembling import Assembler, Demands, Place
from spikelet.datasets.event_files.file import EventFile, column
from spikelet.datasets.event_files.formats import Format

_SIZE = 5  # bytes: x, y, then a bit of polarity and 23 of time, big-endian
_OVERFLOW = 240  # as y: no event, but time goes on by 2^13 us for it and all later ones
_TURN = 1 << 13


def read(file: EventFile, demands: Demands) -> NDArray[Any]:
    """Read all events; the format has no header, and its only check is the order of time."""
    assembler = Assembler(file, file.size // _SIZE, demands)
    turns = 0
    for offset, block in file.blocks(0, _SIZE):
        word = column(block, ">u4", 1).astype(np.uint32)  # y, p, t
        t = (word & 0x7FFFFF).astype(np.int64) + _TURN * turns
        x, y, p = block[:, 0], block[:, 1], (word >> 23) & 1
        kept = None
        if (over := y == _OVERFLOW).any():
            t += _TURN * np.cumsum(over)
            turns += int(np.count_nonzero(over))
            kept = np.flatnonzero(~over)
            t, x, y, p = t[kept], x[kept], y[kept], p[kept]
        assembler.add(t, x, y, p, Place(offset, _SIZE, kept))
    return assembler.events()


FORMAT = Format("nmnist", "N-MNIST and N-Caltech101", (".bin",), lambda _: False, read)
