"""What Prophesee's EVT formats share: their header, and values that hold until the next word of their kind."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.prophesee import header


class Held:
    """A value that holds from its word on until the next one.

    Parameters
    ----------
    value : int
        Before the first word; -1 if there is none.
    """

    def __init__(self, value: int = -1) -> None:
        self._value = value

    def __call__(
        self, marks: NDArray[np.bool_], values: NDArray[Any], at: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the value at words of a block.

        Parameters
        ----------
        marks : bool array, [words]
            Which words set it.
        values : integer array
            What these set it to.
        at : integer array
            The words in question.
        """
        table = np.concatenate([[self._value], values.astype(np.int64)])
        self._value = int(table[-1])
        return np.asarray(table[np.cumsum(marks, dtype=np.int32)[at]])


def stated(head: bytes) -> str:
    """Return the version that a header states, "2.0" or "3.0" or another, or ""."""
    for line in head.split(b"\n"):
        if not line.startswith(b"% "):
            break
        name, _, value = line[2:].strip().decode("latin1").partition(" ")
        if name.lower() == "evt":
            return value.strip()
        if name.lower() == "format" and value.startswith("EVT"):
            digits = value[3:].partition(";")[0]
            return digits if "." in digits else f"{digits[:1]}.{digits[1:] or '0'}"
    return ""


def begin(file: EventFile, version: str) -> tuple[int, tuple[int, int] | None]:
    """Return where the words begin and the size of the sensor, after a check of the version."""
    found = stated(file.head())
    if found != version:
        file.refuse(0, "the header", f"must state EVT {version}", found or "no version")
    _, size, offset = header(file)
    return offset, size
