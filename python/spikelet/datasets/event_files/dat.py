"""Prophesee's DAT, versions 1 and 2 (N-Cars, GEN1): a time and an address of 32 bits each, little-endian."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.datasets.event_files.assembling import Assembler, Demands, Place, Unwrapped
from spikelet.datasets.event_files.file import EventFile, column
from spikelet.datasets.event_files.formats import Format
from spikelet.datasets.event_files.prophesee import header

_SIZE = 8
_TYPES = (0x00, 0x0C, 0x28)  # events of pixels: with the old name, CD, and of the first cameras
# Of each version: the bits of x and of y, and where the polarity is.
_LAYOUTS = {"1": ((0, 0x1FF), (9, 0xFF), 17), "2": ((0, 0x3FFF), (14, 0x3FFF), 28)}


def read(file: EventFile, demands: Demands) -> NDArray[Any]:
    """Read all events."""
    values, size, begin = header(file)
    version = values.get("version", "1")
    if version not in _LAYOUTS or not values:
        file.refuse(0, "the header", "must state the version 1 or 2", version if values else "none")
    kind, itemsize = file.read(begin, 2, "the type and size of events")
    if kind not in _TYPES or itemsize != _SIZE:
        rule = f"must be of a type in {_TYPES} (changes of pixels) and have {_SIZE} bytes"
        file.refuse(begin, "events", rule, f"type {kind}, {itemsize} bytes")
    begin += 2
    (xs, xm), (ys, ym), ps = _LAYOUTS[version]
    assembler = Assembler(file, (file.size - begin) // _SIZE, demands, size)
    unwrapped = Unwrapped()
    for offset, block in file.blocks(begin, _SIZE):
        t = unwrapped(column(block, "<u4", 0))
        word = column(block, "<u4", 4).astype(np.uint32)
        assembler.add(
            t, (word >> xs) & xm, (word >> ys) & ym, (word >> ps) & 1, Place(offset, _SIZE)
        )
    return assembler.events()


def _magic(head: bytes) -> bool:
    return head.startswith(b"% ") and b"% Data file containing" in head


FORMAT = Format("dat", "Prophesee DAT", (".dat",), _magic, read)
