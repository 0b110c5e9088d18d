"""Random changes: jitter, lost events and noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import _core
from spikelet._util.checks import fail, named, scalar
from spikelet._util.memory import require_memory
from spikelet._util.spelling import spelled
from spikelet.events.arrays import (
    Events,
    SensorSize,
    columns,
    native,
    not_before_zero,
    raw,
    sensor,
)
from spikelet.events.changes import sorted_by_time
from spikelet.events.draws import NOISE, Seed, probability, ranged, seed_of, uniform

_X, _Y, _T = 1, 2, 3  # streams of random numbers


@spelled
def jitter(
    events: Events,
    sensor_size: SensorSize | None = None,
    var_x: float = 0,
    var_y: float = 0,
    sigma_xy: float = 0,
    std: float = 0,
    *,
    clip_outliers: bool = True,
    clip_negative: bool = True,
    sort_timestamps: bool = True,
    seed: Seed = None,
) -> Events:
    """Move events by normal random numbers, rounded to pixels and us.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    sensor_size : (W, H, P), optional
        Size of the sensor [pixels]; needed to move them in space.
    var_x, var_y : float
        Variances of the shifts of x and y [pixels squared].
    sigma_xy : float
        Their covariance.
    std : float
        Standard deviation of the shifts of t [us].
    clip_outliers : bool
        Drop events that leave the sensor, which raise an error in other functions.
    clip_negative : bool
        Drop events that would be before time 0, which raise an error in other functions.
    sort_timestamps : bool
        Sort the events by t if times change; functions that slice time need it.
    seed : int, numpy.random.Generator or None
        See `drop`.

    Returns
    -------
    structured array
        A copy.

    Raises
    ------
    ValueError
        Negative variances, a covariance that they do not allow, or a value that its field cannot hold.
    """
    where = "events.jitter"
    a, b = (scalar(where, n, v, "finite and >= 0") for n, v in (("var_x", var_x), ("var_y", var_y)))
    c = scalar(where, "sigma_xy", sigma_xy, "finite")
    if c * c > a * b * (1 + 1e-12):
        fail(where, "sigma_xy", c, "must satisfy sigma_xy^2 <= var_x var_y, as a covariance does")
    spread = scalar(where, "std", std, "finite and >= 0")
    number = seed_of(where, seed)
    in_space = a > 0 or b > 0
    if in_space and sensor_size is None:
        fail(where, "sensor_size", None, "must be given with var_x and var_y")
    read = columns(where, events, "xyt" if in_space else "t", negative=not spread)
    out, keep = native(events), np.ones(len(events), bool)
    names = events.dtype.names or ()
    with named(where):
        if in_space and sensor_size is not None:
            size = sensor(where, sensor_size)
            first = _core.event_normals(number, _X, len(events))
            along = c / math.sqrt(a) if a else 0.0
            rest = math.sqrt(max(b - along * along, 0.0))
            second = along * first
            if rest and "y" in names:
                own = _core.event_normals(number, _Y, len(events))
                own *= rest
                second += own
            first *= math.sqrt(a)
            for name, shifts, limit in (("x", first, size[0]), ("y", second, size[1])):
                if name in names:
                    low, high = (0.0, float(limit)) if clip_outliers else (-math.inf, math.inf)
                    _core.event_shift(read, name, shifts, low, high, out[name], keep)
        if spread:
            shifts = _core.event_normals(number, _T, len(events))
            shifts *= spread
            low = 0.0 if clip_negative else -math.inf
            _core.event_shift(read, "t", shifts, low, math.inf, out["t"], keep)
    out = out if keep.all() else _core.event_take(out, keep)
    return sorted_by_time(out) if spread and sort_timestamps else out


_WAYS = (
    "drop_probability", "duration_ratio", "area_ratio", "coordinates", "pixel_probability",
)  # fmt: skip


@spelled
def drop(
    events: Events,
    drop_probability: float | tuple[float, float] | None = None,
    duration_ratio: float | tuple[float, float] | None = None,
    area_ratio: float | tuple[float, float] | None = None,
    coordinates: ArrayLike | None = None,
    pixel_probability: float | None = None,
    *,
    sensor_size: SensorSize | None = None,
    seed: Seed = None,
) -> Events:
    """Drop events: at random, of an interval, of an area, or of single pixels.

    Give exactly one of the first five arguments.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    drop_probability : float or (low, high)
        Fraction of the events to drop, in [0, 1], rounded to a whole number of events; all events have equal chances.
    duration_ratio : float or (low, high)
        Part of the time from 0 to the last event; an interval of this length, at a random time, is dropped.
    area_ratio : float or (low, high)
        Part of the width and of the height of the sensor; a box of this size, at a random place, is dropped.
    coordinates : integers [k, 2]
        x and y of pixels; all of their events are dropped.
    pixel_probability : float
        Probability of each pixel to lose its events.
    sensor_size : (W, H, P), optional
        Size of the sensor [pixels]; needed for `area_ratio` and `pixel_probability`.
    seed : int, numpy.random.Generator or None
        An integer gives the same result each time. A generator gives a new integer at each call, as a pipeline needs.
        None takes one from the system. Results do not depend on the number of threads.

    Returns
    -------
    structured array
        The events that stay.

    Raises
    ------
    ValueError
        None or two of the ways; a part outside [0, 1]; events outside the sensor.
    """
    where = "events.drop"
    ways = (drop_probability, duration_ratio, area_ratio, coordinates, pixel_probability)
    if sum(way is not None for way in ways) != 1:
        given = [name for name, way in zip(_WAYS, ways, strict=True) if way is not None]
        rule = f"must be given, one of {', '.join(_WAYS)}"
        fail(where, "exactly one way to drop", ", ".join(given) or "none", rule)
    number = seed_of(where, seed)
    if drop_probability is not None:
        part = probability(where, "drop_probability", drop_probability, number)
        columns(where, events, "")
        keep = _core.event_drop(number, int(part * len(events) + 0.5), len(events))
    elif duration_ratio is not None:
        keep = _outside_interval(where, events, duration_ratio, number)
    elif coordinates is not None:
        keep = _not_at(where, events, coordinates)
    else:
        if sensor_size is None:
            fail(where, "sensor_size", None, "must be given for this way to drop")
        size = sensor(where, sensor_size)
        read = columns(where, events, "xy")
        if area_ratio is not None:
            dropped = _box(where, size, area_ratio, number)
        else:
            chance = probability(where, "pixel_probability", pixel_probability, number)
            drawn = _core.event_uniforms(number, NOISE, size[0] * size[1])
            dropped = (drawn < chance).reshape(size[1], size[0])
        with named(where):
            keep = _core.event_drop_pixels(read, dropped)
    return _core.event_take(events, keep)


def _outside_interval(where: str, events: Events, ratio: Any, seed: int) -> NDArray[np.bool_]:
    part = probability(where, "duration_ratio", ratio, seed, 0)
    read = columns(where, events, "t", negative=True)
    first, last = read.range("t") if len(events) else (0, 0)
    not_before_zero(where, first)
    length = last * part
    start = uniform(seed, 1) * (last - length)
    return _core.event_within(read, "t", start, start + length, False)


def _box(where: str, size: tuple[int, int, int], ratio: Any, seed: int) -> NDArray[np.bool_]:
    part = probability(where, "area_ratio", ratio, seed, 0)
    width, height = int(size[0] * part), int(size[1] * part)
    x, y = (
        int(uniform(seed, k + 1) * (whole - cut + 1))
        for k, (whole, cut) in enumerate(zip(size, (width, height), strict=False))
    )
    dropped = np.zeros((size[1], size[0]), bool)
    dropped[y : y + height, x : x + width] = True
    return dropped


def _not_at(where: str, events: Events, coordinates: ArrayLike) -> NDArray[np.bool_]:
    pixels = np.asarray(coordinates)
    if pixels.size == 0:
        pixels = np.zeros((0, 2), np.int64)
    if pixels.ndim != 2 or pixels.shape[1] != 2 or pixels.dtype.kind not in "iu":
        rule = "must be integers [k, 2]: the x and y of k pixels"
        fail(where, "coordinates", pixels, rule, error=TypeError)
    read = columns(where, events, "xy")
    if not len(events):
        return np.ones(0, bool)
    width, height = (read.range(name)[1] + 1 for name in "xy")
    width, height, _ = sensor(where, (max(width, 1), max(height, 1), 1))
    require_memory(where, (width, height), 1, "drop events with coordinates beyond the sensor")
    inside = ((pixels >= 0) & (pixels < (width, height))).all(axis=1)
    dropped = np.zeros((height, width), bool)
    dropped[pixels[inside, 1], pixels[inside, 0]] = True
    with named(where):
        return _core.event_drop_pixels(read, dropped)


@spelled
def event_drop(events: Events, sensor_size: SensorSize, *, seed: Seed = None) -> Events:
    """Drop nothing, an interval, an area, or events at random: one of the four, with equal chances.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    sensor_size : (W, H, P)
        Size of the sensor [pixels].
    seed : int, numpy.random.Generator or None
        See `drop`.

    Returns
    -------
    structured array
        The events that stay.

    Notes
    -----
    Source: Gu et al., EventDrop: data augmentation for event-based learning, IJCAI 2021: ratios are 0.1 .. 0.9 of
    time and of events, and 0.05 .. 0.25 of the area.
    """
    where = "events.event_drop"
    sensor(where, sensor_size)
    columns(where, events)
    number = seed_of(where, seed)
    way, level = int(4 * uniform(number, 0)), uniform(number, 1)
    ratio = (1 + int(9 * level)) / 10
    follow = int(uniform(number, 2) * 2**52)
    if way == 0:
        return native(events)
    if way == 1:
        return drop(events, duration_ratio=ratio, seed=follow)
    if way == 2:
        ratio = (1 + int(5 * level)) / 20
        return drop(events, area_ratio=ratio, sensor_size=sensor_size, seed=follow)
    return drop(events, ratio, seed=follow)


@spelled
def uniform_noise(
    events: Events, sensor_size: SensorSize, n: int | tuple[int, int], *, seed: Seed = None
) -> Events:
    """Add events at random places, with random polarities, between the first and the last event.

    Parameters
    ----------
    events : structured array [m]
        In any order. A recording without events stays as it is.
    sensor_size : (W, H, P)
        Size of the sensor [pixels] and number of polarities.
    n : int or (low, high)
        Number of events to add, or a range in which it is drawn.
    seed : int, numpy.random.Generator or None
        See `drop`.

    Returns
    -------
    structured array [m + n]
        Sorted by t; fields other than t, x, y and p are 0 in what is added.

    Raises
    ------
    ValueError
        A negative number, or coordinates that a field cannot hold.
    """
    where = "events.uniform_noise"
    size = sensor(where, sensor_size)
    seeded = seed_of(where, seed)
    wanted = ranged(where, "n", n, seeded)
    if wanted < 0 or (np.ndim(n) == 0 and not wanted.is_integer()):
        fail(where, "n", n, "must be a whole number >= 0")
    number = int(wanted)
    read = columns(where, events, negative=True)
    require_memory(where, (number,), events.dtype.itemsize + 16, "add fewer events")
    if not len(events):
        return native(events)
    low, high = read.range("t")
    not_before_zero(where, low)
    noise = np.zeros(number, events.dtype.newbyteorder("="))
    spans = {"t": (low, high - low + 1), "x": (0, size[0]), "y": (0, size[1]), "p": (0, size[2])}
    for k, (name, (start, length)) in enumerate(spans.items()):
        if name in (events.dtype.names or ()):
            kind = events.dtype[name]
            if kind.kind in "iu" and start + length - 1 > np.iinfo(kind).max:
                fail(where, "sensor_size", size, f"must be one that the field {name} can hold")
            noise[name] = start + (_core.event_uniforms(seeded, NOISE + k, number) * length).astype(
                np.int64
            )
    both = np.concatenate((raw(native(events)), raw(noise)))
    return sorted_by_time(both.view(noise.dtype))
