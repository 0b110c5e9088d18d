"""AEDAT 2.0, the format of jAER: an address and a time of 32 bits each, big-endian, after a header of text.

Addresses are those of jAER's classes `DVS128`, `DavisBaseCamera` and of iniVation's "AEDAT file formats". jAER counts rows
from the bottom and columns from the right of the image; here row 0 is the top and column 0 the left, as in all other formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice
from spikelet.datasets.event_files.assembling import Assembler, Demands, Place, Unwrapped
from spikelet.datasets.event_files.file import EventFile, column
from spikelet.datasets.event_files.formats import Format

_SIZE = 8


@dataclass(frozen=True)
class Camera:
    """What the bits of an address mean.

    Parameters
    ----------
    width, height : int
        Of the sensor [pixels].
    x, y, p : (shift, mask)
        Where the column, row and polarity are.
    on : int
        The bit of polarity of an event that is brighter.
    other : int
        Bits that are set in what is no event of a pixel: samples of frames and motion, external triggers.
    """

    width: int
    height: int
    x: tuple[int, int]
    y: tuple[int, int]
    p: tuple[int, int]
    on: int
    other: int


CAMERAS = {
    "dvs128": Camera(128, 128, (1, 0x7F), (8, 0x7F), (0, 1), 0, 0x8000),
    "davis240": Camera(240, 180, (12, 0x3FF), (22, 0x1FF), (11, 1), 1, 0x80000400),
    "davis346": Camera(346, 260, (12, 0x3FF), (22, 0x1FF), (11, 1), 1, 0x80000400),
}


def read(file: EventFile, demands: Demands, camera: str | None = None) -> NDArray[Any]:
    """Read the events of pixels."""
    if camera is not None:
        choice(file.where, "camera", camera, *CAMERAS)
    lines, begin = file.header(b"#", b"#End Of ASCII Header")
    if not lines or not lines[0].startswith("#!AER-DAT2."):
        rule = 'must begin with "#!AER-DAT2.0"'
        file.refuse(0, "the header", rule, lines[0][:40] if lines else file.head(12))
    map_ = CAMERAS[camera or _camera(file, lines)]
    assembler = Assembler(file, (file.size - begin) // _SIZE, demands, (map_.width, map_.height))
    unwrapped = Unwrapped()
    for offset, block in file.blocks(begin, _SIZE):
        address = column(block, ">u4", 0).astype(np.uint32)
        t = unwrapped(column(block, ">u4", 4).astype(np.uint32))
        kept = None
        if (other := (address & np.uint32(map_.other)) != 0).any():
            kept = np.flatnonzero(~other)
            address, t = address[kept], t[kept]
        x, y, p = (((address >> s) & m).astype(np.int32) for s, m in (map_.x, map_.y, map_.p))
        p = p if map_.on else 1 - p
        x, y = map_.width - 1 - x, map_.height - 1 - y
        assembler.add(t, x, y, p, Place(offset, _SIZE, kept))
    return assembler.events()


def _camera(file: EventFile, lines: list[str]) -> str:
    """Return the camera that the header names."""
    chip = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("# AEChip:")), ""
    )
    name = chip.rpartition(".")[2].lower()
    found = [camera for camera in CAMERAS if name.startswith(camera)]
    if not found:
        rule = f"must name a camera of {', '.join(CAMERAS)} as AEChip; if it is one, pass camera="
        file.refuse(0, "the header", rule, chip or "none")
    return found[0]


FORMAT = Format(
    "aedat2",
    "AEDAT 2.0",
    (".aedat", ".aedat2"),
    lambda head: head.startswith(b"#!AER-DAT2."),
    read,
    ("camera",),
)
