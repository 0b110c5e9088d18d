"""Changes of place, time and polarity: crops, flips, shifts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet._util.checks import choice, fail, integer, named, scalar
from spikelet._util.spelling import spelled
from spikelet.events.arrays import Events, SensorSize, columns, native, not_before_zero, raw, sensor
from spikelet.events.draws import Seed, probability, ranged, seed_of, uniform


@spelled
def crop(
    events: Events,
    sensor_size: SensorSize,
    target_size: int | tuple[int, int],
    *,
    at: str | tuple[int, int] = "random",
    seed: Seed = None,
) -> Events:
    """Keep the events of a window of the sensor, and count pixels from its corner.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    sensor_size : (W, H, P)
        Size of the sensor [pixels].
    target_size : int or (W, H)
        Size of the window, which is the sensor's size for the following functions.
    at : "random", "center" or (x, y)
        Where the window is: anywhere on the sensor with equal chances, in its middle, or with this corner. A window
        larger than the sensor is possible in the middle: events are moved.
    seed : int, numpy.random.Generator or None
        Random seed of the place; see `drop`.

    Returns
    -------
    structured array
        It has the type of `events`.

    Raises
    ------
    ValueError
        A window that is not on the sensor, or events that are not.
    """
    where = "events.crop"
    size = sensor(where, sensor_size)
    wanted = (target_size, target_size) if np.ndim(target_size) == 0 else tuple(target_size)  # type: ignore[arg-type]  # np.ndim tells them apart
    if len(wanted) != 2:
        fail(where, "target_size", target_size, "must be one number or (width, height)")
    target = [integer(where, "target_size", length, 1, 2**31 - 1) for length in wanted]
    corner = _corner(where, size, target, at, seed)
    read = columns(where, events, "xy")
    outside = np.ones((size[1], size[0]), bool)
    left, top = (max(place, 0) for place in corner)
    outside[top : max(corner[1] + target[1], 0), left : max(corner[0] + target[0], 0)] = False
    with named(where):
        out = native(_core.event_take(events, _core.event_drop_pixels(read, outside)))
        rest = columns(where, out, "xy")
        for name, place in zip("xy", corner, strict=True):
            if place and name in (events.dtype.names or ()):
                _core.event_affine(rest, name, 1.0, -float(place), out[name])
    return out


def _corner(
    where: str, size: tuple[int, int, int], target: list[int], at: Any, seed: Seed
) -> list[int]:
    if isinstance(at, str):
        choice(where, "at", at, "random", "center")
        if at == "center":
            return [(old - new) // 2 for old, new in zip(size, target, strict=False)]
        if target[0] > size[0] or target[1] > size[1]:
            fail(
                where,
                "target_size",
                tuple(target),
                f"must be at most that of the sensor, {size[:2]}",
            )
        number = seed_of(where, seed)
        return [
            int(uniform(number, k) * (size[k] - target[k] + 1)) for k in range(2)
        ]  # uniform is below 1
    try:
        corner = [integer(where, "at", part, 0, 2**31 - 1) for part in at]
    except TypeError:
        corner = []
    if len(corner) != 2:
        fail(where, "at", at, 'must be "random", "center" or (x, y)', error=TypeError)
    if corner[0] + target[0] > size[0] or corner[1] + target[1] > size[1]:
        fail(where, "at", at, f"must leave room for the window on the sensor, {size[:2]}")
    return corner


@spelled
def crop_time(events: Events, min: float = 0, max: float | None = None) -> Events:  # noqa: A002  # tonic's names
    """Keep the events with ``min <= t <= max``.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    min, max : float
        The limits [us]; without `max`, the last event.

    Returns
    -------
    structured array
        A copy.
    """
    where = "events.crop_time"
    low = scalar(where, "min", min, "finite")
    high = float("inf") if max is None else scalar(where, "max", max, "finite")
    if high < low:
        fail(where, "max", max, f"must not be below min = {min}")
    read = columns(where, events, "t", negative=True)
    return _core.event_take(events, _core.event_within(read, "t", low, high, True))


@spelled
def flip(
    events: Events,
    sensor_size: SensorSize | None = None,
    axis: str = "lr",
    p: float = 1.0,
    *,
    seed: Seed = None,
) -> Events:
    """Mirror a recording, or swap its polarities.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    sensor_size : (W, H, P)
        Size of the sensor [pixels]; not needed for the polarity.
    axis : "lr", "ud" or "polarity"
        Left and right, up and down, or brighter (1) and darker (0).
    p : float
        Probability to do it; by default it is certain.
    seed : int, numpy.random.Generator or None
        Random seed of the decision; see `drop`.

    Returns
    -------
    structured array [n]
        A copy.

    Raises
    ------
    ValueError
        Events outside the sensor.
    """
    where = "events.flip"
    choice(where, "axis", axis, "lr", "ud", "polarity")
    number = seed_of(where, seed)
    chance = probability(where, "p", p, number)
    name = {"lr": "x", "ud": "y", "polarity": "p"}[axis]
    limit = 1
    if axis != "polarity":
        if sensor_size is None:
            fail(where, "sensor_size", None, f'must be given for axis = "{axis}"')
        limit = sensor(where, sensor_size)["xy".index(name)] - 1
    read = columns(where, events, name)
    out = native(events)
    if not len(events) or name not in (events.dtype.names or ()):
        return out
    low, high = read.range(name)
    if low < 0 or high > limit:
        rule = f"must have {name} in 0 .. {limit}"
        fail(where, "events", low if low < 0 else high, rule, got=f"{name} =")
    if uniform(number, 0) < chance:
        with named(where):
            _core.event_affine(read, name, -1.0, float(limit), out[name])
    return out


@spelled
def merge_polarities(events: Events) -> Events:
    """Set all polarities to 0; the sensor's size then has P = 1.

    Parameters
    ----------
    events : structured array [n]
        In any order.

    Returns
    -------
    structured array [n]
        A copy.
    """
    columns("events.merge_polarities", events, "p")
    out = native(events)
    out["p"] = 0
    return out


@spelled
def time_alignment(events: Events) -> Events:
    """Shift times so that the earliest event is at 0.

    Parameters
    ----------
    events : structured array [n]
        In any order, at any time.

    Returns
    -------
    structured array [n]
        A copy.

    Raises
    ------
    ValueError
        The recording is longer than its field t can hold.
    """
    where = "events.time_alignment"
    read = columns(where, events, "t", negative=True)
    out = native(events)
    if len(events):
        first, last = read.range("t")
        most = 1 if out["t"].dtype.kind == "b" else int(np.iinfo(out["t"].dtype).max)
        if last - first > most:
            fail(
                where,
                "events",
                last - first,
                f"must be at most {most} us long, which the field t can hold",
                got="a length of",
            )
        out["t"] -= out["t"].dtype.type(first)
    return out


@spelled
def time_reversal(
    events: Events, p: float = 1.0, flip_polarities: bool = True, *, seed: Seed = None
) -> Events:
    """Play a recording backwards: times become ``max(t) - t``, and what became brighter becomes darker.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    p : float
        Probability to do it; by default it is certain.
    flip_polarities : bool
        Swap the polarities, too.
    seed : int, numpy.random.Generator or None
        Random seed of the decision; see `drop`.

    Returns
    -------
    structured array [n]
        A copy, in reverse order.
    """
    where = "events.time_reversal"
    number = seed_of(where, seed)
    chance = probability(where, "p", p, number)
    read = columns(where, events, "tp", negative=True)
    if not len(events):
        return native(events)
    first, last = read.range("t")
    not_before_zero(where, first)
    if not uniform(number, 0) < chance:
        return native(events)
    out = native(events[::-1])
    backwards = columns(where, out, "tp")
    with named(where):
        _core.event_affine(backwards, "t", -1.0, float(last), out["t"])
        if flip_polarities:
            low, high = read.range("p")
            if low < 0 or high > 1:
                rule = "must have p in 0 .. 1"
                fail(where, "events", low if low < 0 else high, rule, got="p =")
            _core.event_affine(backwards, "p", -1.0, 1.0, out["p"])
    return out


@spelled
def time_skew(
    events: Events,
    coefficient: float | tuple[float, float],
    offset: float | tuple[float, float] = 0,
    *,
    seed: Seed = None,
) -> Events:
    """Stretch and shift times: ``t coefficient + offset``, cut to a whole number.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    coefficient : float or (low, high)
        Factor > 0, or a range in which it is drawn.
    offset : float or (low, high)
        What is added afterwards [us], or a range.
    seed : int, numpy.random.Generator or None
        Random seed of the draws; see `drop`.

    Returns
    -------
    structured array [n]
        A copy.

    Raises
    ------
    ValueError
        A factor that is not positive, or a time that would be below 0 or too large for its field.
    """
    where = "events.time_skew"
    number = seed_of(where, seed)
    factor = ranged(where, "coefficient", coefficient, number, 0)
    added = ranged(where, "offset", offset, number, 1)
    if factor <= 0:
        fail(where, "coefficient", coefficient, "must be > 0")
    read = columns(where, events, "t", negative=True)
    out = native(events)
    if len(events):
        earliest = read.range("t")[0]
        not_before_zero(where, earliest)
        first = earliest * factor + added
        if first < 0:
            fail(
                where,
                "offset",
                added,
                f"must not shift the first event before time 0, to {first:g} us",
            )
        with named(where):
            _core.event_affine(read, "t", factor, added, out["t"])
    return out


def sorted_by_time(events: Events) -> Events:
    """Return events sorted by t; equal times keep their order."""
    order: NDArray[np.intp] = np.argsort(events["t"], kind="stable")
    return raw(events)[order].view(events.dtype)
