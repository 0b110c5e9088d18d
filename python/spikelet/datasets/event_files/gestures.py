"""DVS128-Gesture: recordings of many gestures, with a table of where each begins and ends (Amir et al., CVPR 2017)."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from spikelet._util.spelling import spelled
from spikelet.datasets.event_files import aedat3
from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.reading import demands

GESTURES = (
    "hand clapping", "right hand wave", "left hand wave", "right arm clockwise", "right arm counterclockwise",
    "left arm clockwise", "left arm counterclockwise", "arm roll", "air drums", "air guitar", "other gestures",
)  # fmt: skip
SENSOR_SIZE = (128, 128)
_WHERE = "datasets.read_gestures"
_NAMES = ("class", "startTime_usec", "endTime_usec")
_LONGEST = 1 << 20  # bytes of a table


@spelled
def read_gestures(
    aedat: str | os.PathLike[str], labels: str | os.PathLike[str]
) -> list[tuple[NDArray[Any], int]]:
    """Read the labelled parts of a recording of DVS128-Gesture.

    Parameters
    ----------
    aedat : path
        ``user01_fluorescent.aedat``, for example.
    labels : path
        ``user01_fluorescent_labels.csv``.

    Returns
    -------
    list of (events, label)
        t counts from the beginning of the part [us]; label is in 0 .. 10, one less than in the table;
        ``spikelet.datasets.GESTURES`` has the names.

    Raises
    ------
    FileNotFoundError
        A file is missing.
    ValueError
        A file is damaged; the error names it, the byte or the line, and the rule.
    """
    table = read_table(labels)
    parts = read_spans(aedat, [span for _, span in table])
    return [(events, label) for events, (label, _) in zip(parts, table, strict=True)]


def read_spans(aedat: str | os.PathLike[str], spans: list[tuple[int, int]]) -> list[NDArray[Any]]:
    """Read parts of a recording, of which only the packets that hold them are read."""
    with EventFile(aedat, _WHERE) as file:
        parts = aedat3.read_between(file, spans, demands(_WHERE, SENSOR_SIZE, "error"))
    for events, (start, _) in zip(parts, spans, strict=True):
        events["t"] -= start
    return parts


def read_table(path: str | os.PathLike[str]) -> list[tuple[int, tuple[int, int]]]:
    """Return the label and the span [us] of each part."""
    with EventFile(path, _WHERE) as file:
        if file.size > _LONGEST:
            file.refuse(0, "the table", f"must have at most {_LONGEST} bytes", file.size)
        text = file.read(0, file.size).decode("latin1")
        rows = list(csv.reader(text.splitlines()))
        if not rows or tuple(name.strip() for name in rows[0]) != _NAMES:
            file.refuse(
                0,
                "the table",
                f"must begin with the line {','.join(_NAMES)}",
                rows[0] if rows else "nothing",
            )
        return [_part(row, k, file.refuse) for k, row in enumerate(rows[1:], 2) if row]


def _part(row: list[str], line: int, refuse: Callable[..., Any]) -> tuple[int, tuple[int, int]]:
    try:
        kind, start, stop = (int(value) for value in row)
    except ValueError:
        kind = start = stop = -1
    if not (1 <= kind <= len(GESTURES) and 0 <= start <= stop < 2**62):
        rule = f"must be a class in 1 .. {len(GESTURES)} and times 0 <= start <= end"
        refuse(0, f"line {line} of the table", rule, row)
    return kind - 1, (start, stop)
