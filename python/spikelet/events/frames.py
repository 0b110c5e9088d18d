"""Frames and rasters: events counted in windows of time, or of a number of events."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spikelet import _core
from spikelet._util.checks import fail, integer, named, scalar
from spikelet._util.memory import require_memory
from spikelet._util.spelling import spelled
from spikelet.events.arrays import (
    Events,
    SensorSize,
    columns,
    one_polarity,
    sensor,
    type_name,
)
from spikelet.events.slicing import (
    count_bounds,
    event_bin_bounds,
    time_bin_bounds,
    time_bounds,
)

_COUNTS = ("uint8", "int16", "int32", "float32")


_WAYS = ("time_window", "event_count", "n_time_bins", "n_event_bins")


@spelled
def to_frame(
    events: Events,
    sensor_size: SensorSize | None,
    time_window: float | None = None,
    event_count: int | None = None,
    n_time_bins: int | None = None,
    n_event_bins: int | None = None,
    overlap: float = 0.0,
    include_incomplete: bool = False,
    start_time: float | None = None,
    end_time: float | None = None,
    *,
    dtype: DTypeLike = np.int16,
    threads: int = 1,
) -> NDArray[Any]:
    """Count events in slices of a recording: one frame a slice.

    Give exactly one of `time_window`, `event_count`, `n_time_bins` and `n_event_bins`.

    Parameters
    ----------
    events : structured array [n]
        Sorted by t if the slices are of time. Without a field y, frames have no axis H.
    sensor_size : (W, H, P) or None
        Size of the sensor [pixels] and number of polarities. With P = 1, all events must have the same polarity.
        None takes the least size that holds the events: it differs between recordings.
    time_window : float
        Length of a slice [us], see `slice_by_time`.
    event_count : int
        Events in a slice, see `slice_by_count`.
    n_time_bins : int
        Number of slices of equal length, see `slice_by_time_bins`.
    n_event_bins : int
        Number of slices with equally many events, see `slice_by_event_bins`.
    overlap : float
        Overlap of slices: in us for `time_window`, in events for `event_count`, otherwise as a fraction of a bin.
    include_incomplete : bool
        Keep a last slice that the end of the recording truncates; for `time_window` and `event_count`.
    start_time, end_time : float, optional
        Where slices of `time_window` start and end [us]: by default the first and the last event.
    dtype : uint8, int16, int32 or float32
        Type of the counts; integers stop at their greatest value.
    threads : int
        They share the frames; the counts stay the same.

    Returns
    -------
    array [T, P, H, W]
        For ``n_time_bins`` and ``n_event_bins``, T is their value, also for a recording without events.

    Raises
    ------
    ValueError
        None or two of the four ways to slice; events that are not sorted, before time 0 or outside the sensor; a
        result larger than the machine's memory.
    TypeError
        Not an event array.
    """
    where = "events.to_frame"
    ways = (time_window, event_count, n_time_bins, n_event_bins)
    if sum(way is not None for way in ways) != 1:
        given = [name for name, way in zip(_WAYS, ways, strict=True) if way is not None]
        rule = f"must be given, one of {', '.join(_WAYS)}"
        fail(where, "exactly one way to slice", ", ".join(given) or "none", rule)
    kind, itemsize = type_name(where, dtype, *_COUNTS)
    timed = time_window is not None or n_time_bins is not None
    read = columns(where, events, ordered=timed, negative=start_time is not None)
    size = _size(where, read, events, sensor_size)
    made = (itemsize, *size)
    if time_window is not None:
        bounds = time_bounds(
            where, read, events, time_window, overlap, include_incomplete, start_time, end_time,
            result=made,
        )  # fmt: skip
    elif start_time is not None or end_time is not None:
        fail(where, "start_time, end_time", (start_time, end_time), "need time_window")
    elif event_count is not None:
        bounds = count_bounds(where, events, event_count, overlap, include_incomplete, made)
    elif n_time_bins is not None:
        bounds = time_bin_bounds(where, read, events, n_time_bins, overlap, "n_time_bins", made)
    else:
        bounds = event_bin_bounds(where, events, n_event_bins, overlap, "n_event_bins", made)
    if size[2] == 1:
        read = one_polarity(where, read, events)
    with named(where):
        frames: NDArray[Any] = _core.event_frames(
            read, size, *bounds, kind, integer(where, "threads", threads, 1, 1024)
        )
    return frames if "y" in (events.dtype.names or ()) else frames[:, :, 0]


@spelled
def to_bins(
    events: Events,
    sensor_size: SensorSize,
    time_window: float,
    n_bins: int | None = None,
    *,
    start_time: float = 0.0,
    dtype: DTypeLike = np.uint8,
) -> NDArray[Any]:
    """Count events on a fixed grid of time: the raster that a network takes, one row a step.

    Unlike the frames of `to_frame`, the bins do not depend on the first event, so that step k is the same time in
    each recording.

    Parameters
    ----------
    events : structured array [n]
        In any order. Those outside the bins are left out.
    sensor_size : (W, H, P)
        Size of the sensor [pixels] and number of polarities. With P = 1, all events must have the same polarity.
    time_window : float
        Length of a bin [us]; 1000 for a network with steps of 1 ms.
    n_bins : int, optional
        Number of bins T; by default, the last event is in the last bin.
    start_time : float
        Where bin 0 starts [us].
    dtype : uint8, int16, int32 or float32
        Type of the counts; integers stop at their greatest value.

    Returns
    -------
    array [T, P * H * W]
        Element (p * H + y) * W + x counts the events of a pixel; ``.reshape(T, P, H, W)`` gives frames.

    Raises
    ------
    ValueError
        Events outside the sensor or before time 0, or a result larger than the machine's memory.
    TypeError
        Not an event array.
    """
    where = "events.to_bins"
    kind, itemsize = type_name(where, dtype, *_COUNTS)
    size = sensor(where, sensor_size)
    window = scalar(where, "time_window", time_window, "finite and > 0")
    start = scalar(where, "start_time", start_time, "finite")
    read = columns(where, events, negative=start < 0)
    if n_bins is None:
        last = read.range("t")[1] if len(events) else 0
        number = max(np.floor((last - start) / window) + 1, 1.0)
    else:
        number = float(integer(where, "n_bins", n_bins, 1))
    require_memory(where, (number, *size), itemsize, "give a longer time_window or fewer n_bins")
    if size[2] == 1:
        read = one_polarity(where, read, events)
    with named(where):
        return _core.event_bins(read, size, start, window, int(number), kind)


@spelled
def to_bina_rep(
    event_frames: NDArray[Any], n_frames: int = 1, n_bits: int = 8
) -> NDArray[np.float32]:
    """Join binary frames to numbers of several bits (Barchid et al. 2022, Bina-Rep, arXiv:2202.13662).

    Parameters
    ----------
    event_frames : array [n_frames * n_bits, P, H, W]
        From `to_frame`; an element counts as 1 if it is greater than 0.
    n_frames : int
        Number of frames T of the result.
    n_bits : int
        Bits of a number, 2 .. 24: the first frame is its highest bit.

    Returns
    -------
    float32 array [n_frames, P, H, W]
        Numbers in [0, 1]: the bits over ``2**n_bits - 1``.

    Raises
    ------
    ValueError
        The number of frames is not ``n_frames * n_bits``.
    """
    where = "events.to_bina_rep"
    number, bits = integer(where, "n_frames", n_frames, 1), integer(where, "n_bits", n_bits, 2, 24)
    frames = np.asarray(event_frames)
    if frames.ndim != 4 or len(frames) != number * bits:
        fail(
            where, "event_frames", frames.shape, f"must be [{number * bits}, P, H, W]", got="shape"
        )
    out = np.zeros((number, *frames.shape[1:]), np.float32)
    for bit in frames.reshape(number, bits, *frames.shape[1:]).swapaxes(0, 1):
        out *= 2
        out += bit > 0
    return np.divide(out, np.float32(2**bits - 1), out=out)


def _size(
    where: str, read: _core.EventColumns, events: Events, sensor_size: SensorSize | None
) -> tuple[int, int, int]:
    """Return the size of the sensor, given or found."""
    if sensor_size is not None:
        return sensor(where, sensor_size)
    if not len(events):
        fail(where, "sensor_size", None, "must be given where there are no events")
    names = events.dtype.names or ()
    width, height = (read.range(name)[1] + 1 if name in names else 1 for name in ("x", "y"))
    return sensor(where, (width, height, len(np.unique(events["p"]))))
