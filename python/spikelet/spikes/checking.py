"""Checks of what spikes are made of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import (
    Float,
    check_all,
    fail,
    ids,
    integer,
    number,
    numbers,
    own,
    read_only,
    require,
    series,
)
from spikelet.spikes.trains import MOST_IDS

Ints = npt.NDArray[np.int64]


def finite(argument: str, value: Any) -> float:
    """Return a finite time [ms]."""
    array = number("Spikes", argument, value, "ms")
    require("Spikes", argument, array, "finite")
    return float(array)


def checked_elements(
    n: SupportsIndex | None, shape: Any, elements: Any, given: Any
) -> tuple[int, tuple[int, ...], Ints | None]:
    """Return the number of elements, their shape, and those observed unless these are all."""
    if shape is not None:
        sides = shape if isinstance(shape, (tuple, list)) else (shape,)
        dimensions = tuple(integer("Spikes", "shape", side, 0) for side in sides)
        if n is not None and integer("Spikes", "n", n, 0) != math.prod(dimensions):
            fail("Spikes", "n", n, f"must be the number of elements of the shape {dimensions}")
        n = math.prod(dimensions)
    if n is None:
        known = [np.asarray(x) for x in (given, elements) if x is not None]
        whole = [x for x in known if x.size and x.dtype.kind in "iu"]
        for x in whole:
            if x.min() < 0 or x.max() >= MOST_IDS:
                bad = int(x.min() if x.min() < 0 else x.max())
                fail("Spikes", "ids", bad, f"must lie in 0 .. {MOST_IDS - 1}")
        n = max((int(x.max()) for x in whole), default=-1) + 1
    size = integer("Spikes", "n", n, 0, MOST_IDS)
    dimensions = dimensions if shape is not None else (size,)
    if elements is None:
        return size, dimensions, None
    observed = ids("Spikes", "elements", elements, size).astype(np.int64)
    if len(np.unique(observed)) != len(observed):
        fail("Spikes", "elements", elements, "must not name an element twice")
    if len(observed) == size and np.array_equal(observed, np.arange(size)):
        return size, dimensions, None
    return size, (len(observed),), own(observed)


def sorted_spikes(times: Any, given: Any, n: int, elements: Ints | None) -> tuple[Float, Ints]:
    """Return checked times and ids, sorted by time, then id."""
    plain = np.atleast_1d(numbers("Spikes", "times", times, "ms"))
    require("Spikes", "times", plain, "finite")
    neurons = ids("Spikes", "ids", given, n).astype(np.int64)
    if plain.shape != neurons.shape:
        lengths = plain.size, neurons.size
        fail("Spikes", "times and ids", lengths, "must be equally long", got="lengths")
    if elements is not None:
        known = np.isin(neurons, elements)
        if not known.all():
            fail("Spikes", "ids", int(neurons[~known][0]), "must be among the elements")
    found = in_order(plain + 0.0, neurons)  # a copy, without -0.0
    return read_only(found[0]), read_only(found[1])


def in_order(times: Float, neurons: Ints) -> tuple[Float, Ints]:
    """Return times and ids sorted by time, then id; as they are if they already were."""
    if _ascending(times, neurons):
        return times, neurons
    order = np.argsort(times)
    times, neurons = times[order], neurons[order]
    if _ascending(times, neurons):
        return times, neurons
    # Sorting numbers takes half the time of lexsort: number of the time, then id.
    key = np.zeros(len(times), np.int64)
    np.cumsum(times[1:] != times[:-1], out=key[1:])
    n = int(neurons.max()) + 1
    key *= n
    key += neurons
    key.sort()
    key %= n
    return times, key


def _ascending(times: Float, neurons: Ints) -> bool:
    for piece in _pieces(len(times) - 1):
        before, after = times[piece], times[piece.start + 1 : piece.stop + 1]
        ids, next_ids = neurons[piece], neurons[piece.start + 1 : piece.stop + 1]
        if not ((after > before) | ((after == before) & (next_ids >= ids))).all():
            return False
    return True


def _pieces(n: int) -> Iterator[slice]:
    """Yield parts of n entries that fit into a cache; new memory takes longer than the work on it."""
    for start in range(0, n, 1 << 14):
        yield slice(start, min(start + (1 << 14), n))


def interval_of(times: Float, start: Any, stop: Any, near: float) -> tuple[float, float | None]:
    """Return the interval of observation, after a check that ascending times lie in it.

    Parameters
    ----------
    times : array of float, [n_spikes]
    start, stop : float, optional
        As they were given [ms].
    near : float
        By how much an end may miss a spike, which it then reaches [ms]: 18 * 0.3 is less than 5.4.
    """
    begin = None if start is None else finite("start", start)
    end = None if stop is None else finite("stop", stop)
    if not len(times):
        begin = 0.0 if begin is None else begin
    else:
        first, last = float(times[0]), float(times[-1])
        if begin is None:
            begin = min(0.0, first)
        elif 0 < begin - first <= near:
            begin = first
        if end is not None and 0 < last - end <= near:
            end = last
    _check_interval(times, begin, end)
    return begin, end


def _check_interval(times: Float, start: float, stop: float | None) -> None:
    if stop is not None and stop < start:
        fail("Spikes", "stop", stop, f"must not be before start = {start:g} ms")
    if len(times) and (times[0] < start or (stop is not None and times[-1] > stop)):
        bad = float(times[0] if times[0] < start else times[-1])
        end = "" if stop is None else f" and <= stop = {_exact(stop)} ms"
        fail("Spikes", "times", bad, f"must be >= start = {_exact(start)} ms{end}")


def _exact(time: float) -> str:
    """Return a time in the fewest digits that tell it from all others."""
    return f"{time:g}" if float(f"{time:g}") == time else repr(time)


def check_grid(times: Float, dt: float) -> None:
    """Check that times lie on a grid."""
    bad = _first_off_grid(times, dt)
    if bad is not None:
        rule = f"must lie on the grid of dt = {dt:g} ms; leave dt out, or round them"
        fail("Spikes", "times", bad, rule)


def on_grid(times: Float, dt: float) -> bool:
    """Return whether all times lie on a grid."""
    return _first_off_grid(times, dt) is None


def _first_off_grid(times: Float, dt: float) -> float | None:
    for piece in _pieces(len(times)):
        steps = times[piece] / dt
        off = np.abs(steps - np.rint(steps)) > np.maximum(1e-6, 1e-12 * np.abs(steps))
        if off.any():
            return float(times[piece][off][0])
    return None


def raster_spikes(where: str, raster: Any) -> tuple[Ints, Ints, tuple[int, ...], int]:
    """Return the stamps in steps and the ids of a raster's spikes, the shape of its elements, and its length."""
    array = series(where, "raster", raster)
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.rint(array))
        check_all(where, "raster", array, whole, "must hold whole numbers")
    if array.size and array.min() < 0:
        fail(where, "raster", array.min().item(), "must not be negative")
    rows, columns = np.nonzero(array.reshape(len(array), -1))
    counts = array.reshape(len(array), -1)[rows, columns].astype(np.int64)
    return np.repeat(rows + 1, counts), np.repeat(columns, counts), array.shape[1:], len(array)
