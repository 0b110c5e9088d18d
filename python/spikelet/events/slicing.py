"""Where to cut a recording: windows of time, or of a number of events."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet._util.checks import fail, integer, scalar
from spikelet._util.memory import require_memory
from spikelet._util.spelling import spelled
from spikelet.events.arrays import Events, columns

Bounds: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
# Bytes of an element, and the shape of what is made of a window: it must fit before windows are counted.
Result: TypeAlias = tuple[int, ...]


@spelled
def slice_by_time(
    events: Events,
    time_window: float,
    overlap: float = 0.0,
    include_incomplete: bool = False,
    start_time: float | None = None,
    end_time: float | None = None,
) -> list[Events]:
    """Cut a recording into windows of equal length.

    Parameters
    ----------
    events : structured array [n]
        Sorted by t.
    time_window : float
        Length of a window [us]; > 0.
    overlap : float
        How far a window reaches into the next [us]; in [0, time_window).
    include_incomplete : bool
        Keep the last window if the recording ends within it.
    start_time, end_time : float, optional
        Where the first window starts, and what the last one must not pass [us]. By default the first and the last
        event.

    Returns
    -------
    list of structured arrays
        Views of `events`. There is at least one, even if the recording is shorter than a window.

    Raises
    ------
    ValueError
        Events that are not sorted, or a window against the rules above.
    """
    where = "events.slice_by_time"
    read = columns(where, events, "t", ordered=True, negative=True)
    return _cut(
        events,
        time_bounds(
            where, read, events, time_window, overlap, include_incomplete, start_time, end_time
        ),
    )


@spelled
def slice_by_time_bins(events: Events, bin_count: int, overlap: float = 0.0) -> list[Events]:
    """Cut a recording into a number of windows of equal length.

    Parameters
    ----------
    events : structured array [n]
        Sorted by t.
    bin_count : int
        Number of windows. Each is a whole number of us; what remains at the end, and an event at the end of the
        last window, are left out.
    overlap : float
        By what part of its length a window grows; in [0, 1).

    Returns
    -------
    list of structured arrays
        Views of `events`.
    """
    where = "events.slice_by_time_bins"
    read = columns(where, events, "t", ordered=True, negative=True)
    return _cut(events, time_bin_bounds(where, read, events, bin_count, overlap, "bin_count"))


@spelled
def slice_by_count(
    events: Events, event_count: int, overlap: int = 0, include_incomplete: bool = False
) -> list[Events]:
    """Cut a recording into windows of an equal number of events.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    event_count : int
        Events in a window; a shorter recording is one window.
    overlap : int
        Events that a window shares with the next; in [0, event_count).
    include_incomplete : bool
        Keep a last window with fewer events.

    Returns
    -------
    list of structured arrays
        Views of `events`.
    """
    where = "events.slice_by_count"
    columns(where, events, "")
    return _cut(events, count_bounds(where, events, event_count, overlap, include_incomplete))


@spelled
def slice_by_event_bins(events: Events, bin_count: int, overlap: float = 0.0) -> list[Events]:
    """Cut a recording into a number of windows with equal numbers of events.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    bin_count : int
        Number of windows; the remainder of n / bin_count at the end is left out.
    overlap : float
        By what part a window grows; in [0, 1).

    Returns
    -------
    list of structured arrays
        Views of `events`.
    """
    where = "events.slice_by_event_bins"
    columns(where, events, "")
    return _cut(events, event_bin_bounds(where, events, bin_count, overlap, "bin_count"))


def _cut(events: Events, bounds: Bounds) -> list[Events]:
    return [events[a:b] for a, b in zip(*(x.tolist() for x in bounds), strict=True)]


def time_bounds(
    where: str,
    read: _core.EventColumns,
    events: Events,
    time_window: Any,
    overlap: Any,
    include_incomplete: bool,
    start_time: Any = None,
    end_time: Any = None,
    *,
    argument: str = "time_window",
    result: Result = (16,),
) -> Bounds:
    """Return where windows of equal length begin and end; `result` is what is made for each."""
    window = scalar(where, argument, time_window, "finite and > 0")
    shared = scalar(where, "overlap", overlap, "finite and >= 0")
    if shared >= window:
        fail(where, "overlap", overlap, f"must be less than {argument} = {time_window}")
    stride = window - shared
    first = int(events["t"][0]) if len(events) else 0
    last = int(events["t"][-1]) if len(events) else 0
    start = (
        float(first) if start_time is None else scalar(where, "start_time", start_time, "finite")
    )
    end = float(last) if end_time is None else scalar(where, "end_time", end_time, "finite")
    if end < start and (start_time is not None or end_time is not None):
        fail(where, "end_time", end, f"must not be before the start at {start:g}")
    steps = (end - start - window) / stride
    number = max((np.ceil(steps) if include_incomplete else np.floor(steps)) + 1, 1.0)
    require_memory(where, (number, *result[1:]), result[0], f"give a longer {argument}")
    starts = np.arange(int(number)) * stride + start
    return read.search(starts), read.search(starts + window)


def time_bin_bounds(
    where: str,
    read: _core.EventColumns,
    events: Events,
    count: Any,
    overlap: Any,
    argument: str,
    result: Result = (16,),
) -> Bounds:
    """Return where a number of windows of equal length begin and end."""
    number = integer(where, argument, count, 1)
    part = _part(where, overlap)
    require_memory(where, (number, *result[1:]), result[0], f"give fewer {argument}")
    first = int(events["t"][0]) if len(events) else 0
    last = int(events["t"][-1]) if len(events) else 0
    window = (last - first) // number * (1 + part)
    starts = np.arange(number) * (window * (1 - part)) + float(first)
    return read.search(starts), read.search(starts + window)


def count_bounds(
    where: str,
    events: Events,
    event_count: Any,
    overlap: Any,
    include_incomplete: bool,
    result: Result = (16,),
) -> Bounds:
    """Return where windows of an equal number of events begin and end."""
    count = integer(where, "event_count", event_count, 1)
    shared = scalar(where, "overlap", overlap, "finite and >= 0")
    if not shared.is_integer() or shared >= count:
        rule = f"must be a whole number of events, less than event_count = {count}"
        fail(where, "overlap", overlap, rule)
    stride = count - int(shared)
    length = min(count, len(events))
    left = len(events) - length
    number = (math.ceil(left / stride) if include_incomplete else left // stride) + 1
    require_memory(where, (number, *result[1:]), result[0], "give a larger event_count")
    first = np.arange(number, dtype=np.int64) * stride
    return first, np.minimum(first + length, len(events))


def event_bin_bounds(
    where: str, events: Events, count: Any, overlap: Any, argument: str, result: Result = (16,)
) -> Bounds:
    """Return where a number of windows with equal numbers of events begin and end."""
    number = integer(where, argument, count, 1)
    part = _part(where, overlap)
    require_memory(where, (number, *result[1:]), result[0], f"give fewer {argument}")
    length = int(len(events) // number * (1 + part))
    first = np.arange(number, dtype=np.int64) * int(length * (1 - part))
    return np.minimum(first, len(events)), np.minimum(first + length, len(events))


def _part(where: str, overlap: Any) -> float:
    part = scalar(where, "overlap", overlap, "finite and >= 0")
    if part >= 1:
        fail(where, "overlap", overlap, "must be less than 1, as it is a part of a bin")
    return part
