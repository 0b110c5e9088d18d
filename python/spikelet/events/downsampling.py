"""Downsampling: fewer pixels, coarser times, and fewer events by integration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet._util.checks import fail, integer, named, numbers, scalar
from spikelet._util.memory import require_memory
from spikelet._util.spelling import spelled
from spikelet.events.arrays import DTYPE, Events, SensorSize, columns, native, sensor
from spikelet.events.slicing import time_bounds


@spelled
def downsample(
    events: Events,
    time_factor: float = 1,
    spatial_factor: float | tuple[float, float] = 1,
    sensor_size: SensorSize | None = None,
    target_size: tuple[int, int] | None = None,
) -> Events:
    """Multiply times and coordinates; no event is dropped.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    time_factor : float
        Factor of t; > 0. The result is cut to a whole number.
    spatial_factor : float or (float, float)
        Factor of x and y; > 0. ``0.5`` makes one pixel of four.
    sensor_size : (W, H, P), optional
        With `target_size`, gives the factors instead.
    target_size : (W, H), optional
        Size of the smaller sensor.

    Returns
    -------
    structured array [n]
        It has the type of `events`.

    Raises
    ------
    ValueError
        A factor that is not positive, a target without a sensor, or a value that its field cannot hold.
    """
    where = "events.downsample"
    in_time = scalar(where, "time_factor", time_factor, "finite and > 0")
    if target_size is not None:
        if sensor_size is None:
            fail(where, "sensor_size", None, "must be given with target_size")
        size, target = sensor(where, sensor_size), _target(where, target_size)
        factors = [new / old for new, old in zip(target, size, strict=False)]
    else:
        pair = numbers(where, "spatial_factor", spatial_factor)
        if pair.size not in (1, 2) or not (np.isfinite(pair) & (pair > 0)).all():
            rule = "must be a number > 0, or two, for x and y"
            fail(where, "spatial_factor", spatial_factor, rule)
        factors = [float(f) for f in np.broadcast_to(pair, 2)]
    read = columns(where, events, negative=True)
    out = native(events)
    names = events.dtype.names or ()
    with named(where):
        for name, factor in (("t", in_time), ("x", factors[0]), ("y", factors[1])):
            if name in names and factor != 1:
                _core.event_affine(read, name, factor, 0.0, out[name])
    return out


@spelled
def integrator_downsample(
    events: Events,
    sensor_size: SensorSize,
    target_size: tuple[int, int],
    dt: float,
    noise_threshold: int = 0,
) -> Events:
    """Downsample in space and time by pixels that add up ON minus OFF events, and fire.

    Parameters
    ----------
    events : structured array [n]
        Sorted by t.
    sensor_size : (W, H, 2)
        Size of the sensor [pixels].
    target_size : (W, H)
        Size of the smaller sensor; at most that of the sensor.
    dt : float
        Length of a frame [ms]; frames start with the first event, and an incomplete last one is left out.
    noise_threshold : int
        A pixel fires at the end of a frame if its sum is at least this (p = 1) or at most its negative (p = 0), and
        starts again at 0. At 0, every pixel fires twice where the sum is 0; 1 leaves those out.

    Returns
    -------
    structured array of `DTYPE`
        Sorted by frame; t is the start of the frame, counted from the first one [us], then p = 1 before 0, by row.

    Raises
    ------
    ValueError
        Events that are not sorted, before time 0 or outside the sensor; a result larger than the machine's memory.

    Notes
    -----
    Source: Ghosh et al., Insect-inspired spatio-temporal downsampling of event-based input, ICONS 2023.
    """
    where = "events.integrator_downsample"
    length = scalar(where, "dt", dt, "finite and > 0") * 1000
    frame, pixel, p, target = _integrated(
        where, events, sensor_size, target_size, length, noise_threshold
    )
    return _as_events(frame * length, pixel, p, target)


@spelled
def differentiator_downsample(
    events: Events,
    sensor_size: SensorSize,
    target_size: tuple[int, int],
    dt: float,
    differentiator_time_bins: int = 2,
    noise_threshold: int = 0,
) -> Events:
    """Downsample by integration, then keep only where activity rises from one frame to the next.

    Parameters
    ----------
    events, sensor_size, target_size, noise_threshold : see `integrator_downsample`
    dt : float
        Length of a frame [ms].
    differentiator_time_bins : int
        Steps of integration in a frame.

    Returns
    -------
    structured array of `DTYPE`
        One event where more of the steps of a frame fired than of those of the frame before; t is the start of the
        earlier frame, counted from the first [us].

    Notes
    -----
    Source: as for `integrator_downsample`.
    """
    where = "events.differentiator_downsample"
    bins = integer(where, "differentiator_time_bins", differentiator_time_bins, 1, 10**6)
    length = scalar(where, "dt", dt, "finite and > 0") * 1000
    fine = scalar(where, "dt", dt, "finite and > 0") / bins * 1000
    frame, pixel, p, target = _integrated(
        where, events, sensor_size, target_size, fine, noise_threshold
    )
    if not len(frame):
        return np.zeros(0, DTYPE)
    coarse = ((frame * fine) // length).astype(np.int64)
    cells = 2 * target[0] * target[1]
    number = int(coarse[-1]) + 1
    require_memory(where, (number, cells), 8, "give a longer dt")
    fired = np.bincount((coarse * (cells // 2) + pixel) * 2 + p, minlength=number * cells)
    step, at = np.nonzero(np.diff(fired.reshape(number, cells), axis=0) > 0)
    return _as_events(step * length, at // 2, at % 2, target)


def _integrated(
    where: str,
    events: Events,
    sensor_size: SensorSize,
    target_size: Any,
    length: float,
    threshold: Any,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint8], tuple[int, int]]:
    size, target = sensor(where, sensor_size), _target(where, target_size)
    if size[2] != 2:
        fail(
            where,
            "sensor_size",
            size,
            "must have 2 polarities, (width, height, 2): events count as +1 and -1",
        )
    if target[0] > size[0] or target[1] > size[1]:
        fail(where, "target_size", target, f"must be at most that of the sensor, {size[:2]}")
    least = integer(where, "noise_threshold", threshold, 0, 2**31 - 1)
    read = columns(where, events, ordered=True)
    item = 13 + DTYPE.itemsize
    result = (item, *target, 2) if least == 0 else (item,)  # at 0, every pixel fires in every frame
    first, last = time_bounds(where, read, events, length, 0.0, False, argument="dt", result=result)
    with named(where):
        return *_core.event_integrate(read, size, *target, first, last, least), target


def _target(where: str, target_size: Any) -> tuple[int, int]:
    try:
        parts = tuple(target_size)
    except TypeError:
        parts = ()
    if len(parts) != 2:
        fail(where, "target_size", target_size, "must be (width, height)", error=TypeError)
    width, height = (integer(where, "target_size", part, 1, 2**15) for part in parts)
    return width, height


def _as_events(
    t: NDArray[Any], pixel: NDArray[Any], p: NDArray[Any], target: tuple[int, int]
) -> Events:
    out = np.empty(len(t), DTYPE)
    out["t"] = t
    out["y"], out["x"] = np.divmod(pixel, target[0])
    out["p"] = p
    return out
