"""A simulated event camera: changes in the brightness of single pixels, with their time and sign."""

from __future__ import annotations

import warnings
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, integer, number, require

__all__ = ["EVENT", "film", "to_frames"]

# Names and types are tonic's: x and y in pixels, t in microseconds, p True for brighter.
EVENT = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.bool_)])


def film(movies: NDArray[Any], threshold: float = 0.2) -> list[NDArray[Any]]:
    """Return the events that a camera records of movies.

    A pixel remembers the brightness at its last event. Whenever the brightness has changed by `threshold` since
    then, it sends an event: ON if it rose, OFF if it fell. Between frames, brightness changes linearly, as in
    ESIM (Rebecq, Gehrig & Scaramuzza, CoRL 2018), but it is brightness itself, not its logarithm.

    Parameters
    ----------
    movies : array, [B, frames, H, W]
        Brightness, one frame per millisecond.
    threshold : float
        Change of brightness that triggers an event; > 0.

    Returns
    -------
    list of structured arrays with the fields x, y, t [us], p
        One for each movie, sorted by t.
    """
    step = float(number("film", "threshold", threshold))
    require("film", "threshold", np.asarray(step), "finite and > 0")
    movies = np.asarray(movies, np.float64)
    if movies.ndim != 4 or movies.shape[1] < 1:
        fail("film", "movies", movies.shape, "must be [B, frames, H, W]", got="shape")
    known = movies[:, 0].copy()  # brightness at the last event
    found: list[tuple[NDArray[Any], ...]] = []
    for k in range(1, movies.shape[1]):
        before, now = movies[:, k - 1], movies[:, k]
        # Slightly more than the quotient, so that 0.6 / 0.2 gives 3.
        counts = np.trunc((now - known) / step * (1 + 1e-12)).astype(np.int64)
        b, y, x = np.nonzero(counts)
        while b.size:
            sign = np.sign(counts[b, y, x])
            known[b, y, x] += sign * step
            change = now[b, y, x] - before[b, y, x]
            passed = np.clip((known[b, y, x] - before[b, y, x]) / change, 0, 1)
            t = (1000 * (k - 1 + passed)).astype(np.int64)
            found.append((b, x, y, t, sign > 0))
            counts[b, y, x] -= sign
            more = counts[b, y, x] != 0
            b, y, x = b[more], y[more], x[more]
    columns = [np.concatenate(c) for c in zip(*found, strict=True)] or [np.zeros(0, np.int64)] * 5
    order = np.lexsort((columns[3], columns[0]))
    sample = columns[0][order]
    events = np.empty(len(order), EVENT)
    for name, column in zip(EVENT.names or (), columns[1:], strict=True):
        events[name] = column[order]
    ends = np.searchsorted(sample, np.arange(1, len(movies)))
    return np.split(events, ends)[: len(movies)]


def to_frames(
    events: NDArray[Any],
    steps: SupportsIndex,
    size: int | tuple[int, int],
    *,
    duration: float | None = None,
    counts: bool = False,
) -> NDArray[np.uint8]:
    """Bin events into time steps of equal length, as the input of a spiking network.

    .. deprecated:: 0.4
        Use `spikelet.events.to_bins`, whose bins have a length in us, or `spikelet.events.to_frame`.

    Parameters
    ----------
    events : structured array with the fields x, y, t [us], p
        Events, as from `moving_digits` or tonic's data sets.
    steps : int
        Number of time steps T.
    size : int or (height, width)
        Size of the sensor [pixels].
    duration : float, optional
        Length of all steps together [ms], from time 0; later events are dropped. By default it ends with the last
        event.
    counts : bool
        Return the number of events of each pixel instead of 0 or 1.

    Returns
    -------
    uint8 array, [T, 2, H, W]
        Channel 0 is OFF, 1 is ON. Counts saturate at 255.

    Raises
    ------
    ValueError
        An event lies outside the sensor, or before time 0.
    TypeError
        A field is missing.
    """
    where = "to_frames"
    msg = "datasets.to_frames is deprecated and will be removed in 0.6; use events.to_bins or events.to_frame"
    warnings.warn(msg, DeprecationWarning, stacklevel=2)
    total = integer(where, "steps", steps, 1)
    high, wide = (integer(where, "size", s, 1) for s in (size if np.ndim(size) else (size, size)))  # type: ignore[union-attr]  # np.ndim tells them apart
    fields = events.dtype.names or ()
    if missing := {"x", "y", "t", "p"}.difference(fields):
        msg = f"{where}: events must have the fields x, y, t and p; missing: {sorted(missing)}"
        raise TypeError(msg)
    x, y, t, p = (events[name].astype(np.int64) for name in ("x", "y", "t", "p"))
    for name, values, limit in (("x", x, wide), ("y", y, high), ("t", t, None), ("p", p, 2)):
        bad = values[(values < 0) | ((values >= limit) if limit is not None else False)]
        if bad.size:
            rule = ">= 0" if limit is None else f"in 0 .. {limit - 1}"
            fail(where, name, int(bad[0]), f"must be {rule}")
    last = (int(t.max()) + 1 if t.size else 1) if duration is None else None
    span = float(last) if last is not None else 1000 * float(number(where, "duration", duration))
    require(where, "duration", np.asarray(span), "> 0")
    step = np.floor(t * (total / span)).astype(np.int64)
    inside = step < total
    at = (((step * 2 + p) * high + y) * wide + x)[inside]
    frames = np.bincount(at, minlength=total * 2 * high * wide).reshape(total, 2, high, wide)
    return np.minimum(frames, 255 if counts else 1).astype(np.uint8)
