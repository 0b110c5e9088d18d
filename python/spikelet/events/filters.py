"""Filters: recordings without noise, without quick repetitions, or with fewer events."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet._util.checks import fail, integer, named, scalar
from spikelet._util.memory import require_memory
from spikelet._util.spelling import spelled
from spikelet.events.arrays import Events, columns, native

_FOR_EVER = 2**62


@spelled
def denoise(events: Events, filter_time: float = 10_000) -> Events:
    """Drop events without a recent event in a neighbouring pixel.

    An event stays if a pixel left, right, above or below had its last event less than `filter_time` before it: the
    background activity filter of Delbruck, Frame-free dynamic digital vision (2008).

    Parameters
    ----------
    events : structured array [n]
        Taken in the order of the array; sort them first if they are not sorted by t.
    filter_time : float
        The longest time to the neighbour's event, exclusive [us]; >= 0.

    Returns
    -------
    structured array
        The events that stay.

    Raises
    ------
    ValueError
        Coordinates or times below 0, or a `filter_time` that is negative or not a number.
    TypeError
        Not an event array.

    Notes
    -----
    As in tonic, each pixel starts as if it had had an event at time 0: events before `filter_time` stay if the pixel
    has a neighbour.
    """
    where = "events.denoise"
    limit = math.ceil(_duration(where, "filter_time", filter_time))
    read = columns(where, events, "txy")
    if not len(events):
        return native(events)
    return _core.event_take(events, _core.event_denoise(read, *_extent(where, read), limit))


@spelled
def refractory_filter(events: Events, delta: float) -> Events:
    """Drop events that follow another of the same pixel too quickly.

    Parameters
    ----------
    events : structured array [n]
        Taken in the order of the array; sort them first if they are not sorted by t.
    delta : float
        Refractory period [us]; an event stays if more time has passed since the event before it, dropped or not.

    Returns
    -------
    structured array
        The events that stay.

    Raises
    ------
    ValueError
        Coordinates or times below 0, or a `delta` that is negative or not a number.
    TypeError
        Not an event array.

    Notes
    -----
    As in tonic, polarities share the period, and the first event of a pixel is dropped if it is at time 0.
    """
    where = "events.refractory_filter"
    limit = math.floor(_duration(where, "delta", delta))
    read = columns(where, events, "txy")
    if not len(events):
        return native(events)
    return _core.event_take(events, _core.event_refractory(read, *_extent(where, read), limit))


@spelled
def decimate(events: Events, n: int) -> Events:
    """Keep every n-th event of each pixel.

    Parameters
    ----------
    events : structured array
        Taken in the order of the array.
    n : int
        Every n-th event of a pixel stays: the n-th, the 2n-th, ...

    Returns
    -------
    structured array
        The events that stay.
    """
    where = "events.decimate"
    number = integer(where, "n", n, 1, _FOR_EVER)
    read = columns(where, events, "xy")
    if not len(events):
        return native(events)
    return _core.event_take(events, _core.event_decimate(read, *_extent(where, read), number))


@spelled
def identify_hot_pixel(events: Events, hot_pixel_frequency: float) -> NDArray[np.int64]:
    """Find pixels that have more events than any scene causes.

    Parameters
    ----------
    events : structured array [n]
        Sorted by t.
    hot_pixel_frequency : float
        Events per second, averaged over the recording, above which a pixel is hot.

    Returns
    -------
    int64 array [k, 2]
        x and y of the hot pixels, for ``drop(events, coordinates=...)``.
    """
    where = "events.identify_hot_pixel"
    most = scalar(where, "hot_pixel_frequency", hot_pixel_frequency, "finite and >= 0")
    read = columns(where, events, "txy", ordered=True)
    if not len(events):
        return np.zeros((0, 2), np.int64)
    duration = int(events["t"][-1]) - int(events["t"][0])
    width, height = _extent(where, read)
    with named(where):
        counts = _core.event_frames(
            read, (width, height, 1), np.zeros(1, np.int64), np.array([len(events)]), "int32", 1
        )[0, 0]
    return np.argwhere(most * duration * 1e-6 < counts.T).astype(np.int64)


def _duration(where: str, argument: str, value: Any) -> float:
    duration = scalar(where, argument, value, ">= 0")
    return min(duration, float(_FOR_EVER))


def _extent(where: str, read: _core.EventColumns) -> tuple[int, int]:
    """Return the least width and height that hold all events."""
    (left, right), (top, bottom) = read.range("x"), read.range("y")
    for name, low in (("x", left), ("y", top)):
        if low < 0:
            fail(where, "events", low, "must not have coordinates below 0", got=f"{name} =")
    if (right + 3) * (bottom + 3) >= 2**31:
        rule = "must lie on a sensor of fewer than 2^31 pixels"
        fail(where, "events", (right, bottom), rule, got="the largest x and y")
    require_memory(
        where, (right + 3, bottom + 3), 8, "drop events with coordinates beyond the sensor"
    )
    return right + 1, bottom + 1
