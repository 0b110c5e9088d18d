"""A simulated event camera: changes in the brightness of single pixels, with their time and sign."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, number, require

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
