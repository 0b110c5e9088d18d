"""Checks of what spikes are made of."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import Float, fail, ids, integer, number, numbers, own, require, series
from spikelet.spikes.trains import MOST_IDS

__all__ = [
    "check_grid",
    "check_interval",
    "checked_elements",
    "finite",
    "in_order",
    "on_grid",
    "raster_spikes",
    "sorted_spikes",
]

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
        highest = [int(x.max()) for x in known if x.size and x.dtype.kind in "iu"]
        n = max(highest, default=-1) + 1
    size = integer("Spikes", "n", n, 0, MOST_IDS)
    dimensions = dimensions if shape is not None else (size,)
    if elements is None:
        return size, dimensions, None
    observed = ids("Spikes", "elements", elements, size).astype(np.int64)
    if len(np.unique(observed)) != len(observed):
        fail("Spikes", "elements", elements, "must not name an element twice")
    if np.array_equal(observed, np.arange(size)):
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
        known = np.zeros(n, np.bool_)
        known[elements] = True
        if not known[neurons].all():
            fail("Spikes", "ids", int(neurons[~known[neurons]][0]), "must be among the elements")
    found = in_order(plain, neurons)
    return own(found[0]), own(found[1])


def in_order(times: Float, neurons: Ints) -> tuple[Float, Ints]:
    """Return times and ids sorted by time, then id; as they are if they already were."""
    later = times[1:] > times[:-1]
    if not (later | ((times[1:] == times[:-1]) & (neurons[1:] >= neurons[:-1]))).all():
        order = np.lexsort((neurons, times))
        return times[order], neurons[order]
    return times, neurons


def check_interval(times: Float, start: float, stop: float | None) -> None:
    """Check that ascending times lie in an interval."""
    if stop is not None and stop < start:
        fail("Spikes", "stop", stop, f"must not be before start = {start:g} ms")
    if len(times) and (times[0] < start or (stop is not None and times[-1] > stop)):
        bad = float(times[0] if times[0] < start else times[-1])
        end = "" if stop is None else f" and <= stop = {stop:g} ms"
        fail("Spikes", "times", bad, f"must be >= start = {start:g} ms{end}")


def check_grid(times: Float, dt: float) -> None:
    """Check that times lie on a grid."""
    off = _off_grid(times, dt)
    if off.any():
        rule = f"must lie on the grid of dt = {dt:g} ms; leave dt out, or round them"
        fail("Spikes", "times", float(times[off][0]), rule)


def on_grid(times: Float, dt: float) -> bool:
    """Return whether all times lie on a grid."""
    return not _off_grid(times, dt).any()


def _off_grid(times: Float, dt: float) -> npt.NDArray[np.bool_]:
    steps = times / dt
    return np.abs(steps - np.rint(steps)) > np.maximum(1e-6, 1e-12 * np.abs(steps))


def raster_spikes(where: str, raster: Any) -> tuple[Ints, Ints, tuple[int, ...], int]:
    """Return the stamps in steps and the ids of a raster's spikes, the shape of its elements, and its length."""
    array = series(where, "raster", raster)
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.rint(array))
        if not whole.all():
            fail(where, "raster", array.dtype, "must hold whole numbers", got="dtype")
    if array.size and array.min() < 0:
        fail(where, "raster", array.min().item(), "must not be negative")
    rows, columns = np.nonzero(array.reshape(len(array), -1))
    counts = array.reshape(len(array), -1)[rows, columns].astype(np.int64)
    return np.repeat(rows + 1, counts), np.repeat(columns, counts), array.shape[1:], len(array)
