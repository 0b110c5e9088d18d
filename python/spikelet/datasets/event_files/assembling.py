"""From decoded columns to one structured array: checked, in order of time, written once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet.datasets.event_files.file import EventFile
from spikelet.events import DTYPE

Unsorted: TypeAlias = Literal["error", "sort", "keep"]
Ints: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Demands:
    """What the user demands of the events of any format.

    Parameters
    ----------
    sensor_size : (width, height) or None
        Addresses outside are refused.
    unsorted : "error", "sort" or "keep"
        What happens if time goes backwards.
    """

    sensor_size: tuple[int, int] | None = None
    unsorted: Unsorted = "error"


@dataclass(frozen=True)
class Place:
    """Where in a file events are, for errors.

    Parameters
    ----------
    offset, stride : int
        The first item, and the distance between items [bytes].
    items : integer array, optional
        The item of each event, if not all items are events.
    """

    offset: int
    stride: int
    items: Ints | None = None

    def byte(self, index: int) -> int:
        """Return the byte of an event."""
        return self.offset + self.stride * (index if self.items is None else int(self.items[index]))


class Assembler:
    """Collects the events of a file in an array of their number, and checks them on the way.

    Parameters
    ----------
    file : EventFile
        Named in errors.
    n : int
        Room for as many events, which the file must be large enough to hold; it grows if there are more.
    demands : Demands
        Of the user.
    sensor_size : (width, height) or None
        What the file says of its sensor.
    """

    def __init__(
        self, file: EventFile, n: int, demands: Demands, sensor_size: tuple[int, int] | None = None
    ) -> None:
        self._file = file
        self._demands = demands
        sizes = [size for size in (sensor_size, demands.sensor_size) if size is not None]
        most = 2**15
        self._width = min([most, *(w for w, _ in sizes)])
        self._height = min([most, *(h for _, h in sizes)])
        self._events = np.empty(n, DTYPE)
        self._n = 0
        self._last = 0  # the latest time
        self._sorted = True

    def add(self, t: Ints, x: Ints, y: Ints, p: Ints, at: Place) -> None:
        """Append events.

        Parameters
        ----------
        t : integer array
            Times [us].
        x, y : integer arrays
            Addresses.
        p : array
            Polarity: 0 or 1.
        at : Place
            Where they are in the file.
        """
        n = len(t)
        if not n:
            return
        self._check(x, "x", self._width, at)
        self._check(y, "y", self._height, at)
        self._check_time(t, at)
        if self._n + n > len(self._events):
            self._events.resize(2 * (self._n + n), refcheck=False)
        part = self._events[self._n : self._n + n]
        part["t"], part["x"], part["y"], part["p"] = t, x, y, p
        self._n += n

    def _check(self, values: Ints, name: str, limit: int, at: Place) -> None:
        outside = values.max() >= limit or (values.dtype.kind == "i" and values.min() < 0)
        if outside:
            bad = int(np.flatnonzero((values < 0) | (values >= limit))[0])
            self._file.refuse(at.byte(bad), name, f"must lie in 0 .. {limit - 1}", int(values[bad]))

    def _check_time(self, t: Ints, at: Place) -> None:
        if t.dtype.kind == "i" and t.min() < 0:
            bad = int(np.flatnonzero(t < 0)[0])
            self._file.refuse(at.byte(bad), "t", "must be >= 0 us", int(t[bad]))
        if self._demands.unsorted != "keep" and (self._sorted or self._demands.unsorted == "error"):
            if t[0] < self._last:
                self._backwards(0, self._last, int(t[0]), at)
            elif (back := t[1:] < t[:-1]).any():
                bad = int(back.argmax()) + 1
                self._backwards(bad, int(t[bad - 1]), int(t[bad]), at)
        self._last = int(t[-1])

    def _backwards(self, index: int, before: int, t: int, at: Place) -> None:
        self._sorted = False
        if self._demands.unsorted == "error":
            rule = f'must not go backwards, after {before} us; to accept it, pass unsorted="sort" or "keep"'
            self._file.refuse(at.byte(index), "t", rule, t)

    def events(self) -> NDArray[Any]:
        """Return the events added so far."""
        events = self._events if self._n == len(self._events) else self._events[: self._n].copy()
        if not self._sorted:
            events = events[np.argsort(events["t"], kind="stable")]
        return events


class Unwrapped:
    """Times of a counter that starts again from 0 after its last value.

    A step back by more than half of the counter's range is taken for such a new start.

    Parameters
    ----------
    bits : int
        Width of the counter, at most 32.
    """

    def __init__(self, bits: int = 32) -> None:
        self._range = 1 << bits
        self._last: int | None = None  # of the counter
        self._begin = 0  # of the present turn

    def __call__(self, raw: Ints) -> NDArray[np.int64]:
        """Return the times of the counter's next values."""
        t = raw.astype(np.int64)
        if not len(t):
            return t
        half = self._range >> 1
        last = int(t[0]) if self._last is None else self._last
        self._last = int(t[-1])
        change = np.diff(t, prepend=last)
        if change.min() < -half or change.max() > half:
            t += self._range * np.cumsum((change < -half).astype(np.int64) - (change > half))
        t += self._begin
        self._begin = int(t[-1]) - self._last
        return t
