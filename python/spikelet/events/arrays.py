"""Event arrays: their type, how to make one, and how functions read and check them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import _core
from spikelet._util.checks import fail, integer
from spikelet._util.spelling import spelled

__all__ = ["DTYPE", "Events", "SensorSize", "columns", "event_array", "native", "sensor"]
__all__ += ["not_before_zero", "one_polarity", "raw", "type_name"]

DTYPE = np.dtype([("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", np.int8)])
"""Fields of an event: time t [us], column x, row y (0 for sound), polarity p (1: brighter, 0: darker)."""

Events: TypeAlias = NDArray[np.void]
SensorSize: TypeAlias = Sequence[int]

_MOST_CELLS = 2**31 - 1


@spelled
def event_array(
    t: ArrayLike, x: ArrayLike, y: ArrayLike | None = None, p: ArrayLike | None = None
) -> Events:
    """Make an event array from columns.

    Parameters
    ----------
    t : integers [n]
        Times [us].
    x, y : integers [n]
        Columns and rows; without y, 0.
    p : integers or bool [n], optional
        Polarities, 0 or 1; by default 0.

    Returns
    -------
    structured array [n] of `DTYPE`

    Raises
    ------
    ValueError
        Columns of different lengths, or a value that the field cannot hold.
    TypeError
        Values that are not integers.
    """
    given = {"t": t, "x": x, "y": y, "p": p}
    plain = {name: _integers(name, v) for name, v in given.items() if v is not None}
    n = len(plain["t"])
    out = np.zeros(n, DTYPE)
    for name, values in plain.items():
        if len(values) != n:
            fail("event_array", name, len(values), f"must have {n} values as t has", got="length")
        limits = np.iinfo(DTYPE[name])
        low, high = (0, 1) if name == "p" else (limits.min, limits.max)
        if n and (values.min() < low or values.max() > high):
            bad = values[(values < low) | (values > high)][0]
            fail("event_array", name, int(bad), f"must lie in {low} .. {high}")
        out[name] = values
    return out


def _integers(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return a column of integers, given any that hold whole numbers."""
    array = np.asarray(values)
    if array.ndim != 1:
        fail("event_array", name, array.shape, "must have one dimension", got="shape")
    if array.size and array.dtype.kind not in "iub":
        fail(
            "event_array", name, array.dtype, "must hold integers", got="the dtype", error=TypeError
        )
    return array.astype(np.int64) if array.dtype.kind not in "iu" else array


def columns(
    where: str,
    events: Any,
    fields: str = "txyp",
    *,
    ordered: bool = False,
    core_orders: bool = False,
    negative: bool = False,
) -> _core.EventColumns:
    """Return the fields of an event array for the core, which reads them in place.

    Parameters
    ----------
    where : str
        The function that errors name.
    events : structured array
        Any order and integer types of the fields; p may be bool; y may be missing (0).
    fields : str
        What the function reads. The others need not exist.
    ordered : bool
        Require times that do not decrease.
    core_orders : bool
        Leave that to the core, which checks them as it reads them; here, only the first and the last.
    negative : bool
        Allow times before 0.

    Raises
    ------
    TypeError
        Not a structured array, a field is missing, or its type is not an integer.
    ValueError
        More than one dimension, or times against `ordered` or `negative`.
    """
    names = getattr(getattr(events, "dtype", None), "names", None)
    if not isinstance(events, np.ndarray) or not names:
        rule = "must be a structured array with the fields t, x, y and p (see events.event_array)"
        fail(where, "events", type(events), rule, error=TypeError)
    if events.dtype.hasobject:
        fail(where, "events", events.dtype, "must hold numbers", got="the dtype", error=TypeError)
    if isinstance(events, np.ma.MaskedArray):
        fail(where, "events", type(events), "must not be masked (take its .data)", error=TypeError)
    if events.ndim != 1:
        fail(where, "events", events.shape, "must have one dimension", got="shape")
    read: dict[str, NDArray[Any] | None] = {}
    for name in "txyp":
        if name not in fields or (name == "y" and "y" not in names):
            read[name] = None
        elif name not in names:
            fail(
                where,
                "events",
                names,
                f'must have the field "{name}"',
                got="the fields",
                error=TypeError,
            )
        else:
            read[name] = _column(where, name, events[name])
    found = _core.EventColumns(
        np.zeros(len(events), np.int8) if read["t"] is None else read["t"],
        read["x"], read["y"], read["p"],
    )  # fmt: skip
    if "t" in fields and len(events):
        if ordered and not core_orders and (k := found.first_unsorted()) < len(events):
            rule = 'must be sorted by t (np.sort(events, order="t", kind="stable") sorts them)'
            got = f"t = {events['t'][k]} after {events['t'][k - 1]} at event"
            fail(where, "events", k, rule, got=got)
        if ordered and int(events["t"][-1]) >= 2**52:
            fail(where, "events", int(events["t"][-1]), "must have times below 2^52 us", got="t =")
        if not negative:
            not_before_zero(where, int(events["t"][0]) if ordered else found.range("t")[0])
    return found


def not_before_zero(where: str, first: int) -> None:
    """Check the earliest time of a recording."""
    if first < 0:
        rule = "must not have times before 0 (events.time_alignment moves the first to 0)"
        fail(where, "events", first, rule, got="t =")


def _column(where: str, name: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return a field as native integers; those of a usual file are not copied."""
    if values.dtype.kind not in "iub" or values.dtype.subdtype is not None:
        rule = f"must hold integers in the field {name} (convert it with astype)"
        fail(where, "events", values.dtype, rule, got="the dtype", error=TypeError)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def one_polarity(where: str, read: _core.EventColumns, events: Events) -> _core.EventColumns:
    """Return columns without p for a sensor with P = 1; all events must have the same polarity, whichever it is."""
    if len(events):
        low, high = read.range("p")
        if low != high:
            rule = "must have one polarity for a sensor with P = 1 (events.merge_polarities)"
            fail(where, "events", (low, high), rule, got="p =")
    return columns(where, events, "txy", negative=True)


def native(events: Events) -> Events:
    """Return a copy whose fields the core can write to: of the same types, in the machine's byte order."""
    if events.dtype.isnative:
        whole = raw(events)
        if whole.flags.c_contiguous:
            return whole.copy().view(events.dtype)
        copy: Events = _core.event_take(whole, np.ones(len(whole), bool))
        return copy.view(events.dtype)
    return events.astype(events.dtype.newbyteorder("="))


def raw(events: Events) -> NDArray[Any]:
    """Return a view of whole events as bytes, which numpy copies at once and not field by field."""
    return np.asarray(events).view(np.dtype((np.void, events.dtype.itemsize)))


def sensor(where: str, sensor_size: Any) -> tuple[int, int, int]:
    """Return (W, H, P), each at least 1 and together fewer than 2^31 cells."""
    try:
        parts = tuple(sensor_size)
    except TypeError:
        parts = ()
    if len(parts) != 3:
        fail(
            where,
            "sensor_size",
            sensor_size,
            "must be (width, height, polarities)",
            error=TypeError,
        )
    width, height, polarities = (integer(where, "sensor_size", part, 1) for part in parts)
    if width * height * polarities > _MOST_CELLS:
        fail(where, "sensor_size", (width, height, polarities), "must have fewer than 2^31 cells")
    return width, height, polarities


def type_name(where: str, dtype: Any, *names: str) -> tuple[str, int]:
    """Return the name and size of a dtype, which must be one of a function's own."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(np.void)
    for name in names:
        if found == name:
            return name, found.itemsize
    return fail(where, "dtype", dtype, f"must be one of {', '.join(names)}", error=TypeError)
