"""Events as spikes of a network's elements, and back."""

from __future__ import annotations

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.spelling import spelled
from spikelet.events.arrays import DTYPE, Events, SensorSize, columns, one_polarity, sensor
from spikelet.spikes import Spikes


@spelled
def to_spikes(events: Events, sensor_size: SensorSize, *, name: str = "events") -> Spikes:
    """Return events as spikes, one element for each pixel and polarity.

    Parameters
    ----------
    events : structured array [n]
        In any order.
    sensor_size : (W, H, P)
        Size of the sensor [pixels] and number of polarities. With P = 1, all events must have the same polarity.
    name : str
        Name of the elements.

    Returns
    -------
    Spikes
        At t / 1000 [ms], of the elements (p H + y) W + x; their shape is (P, H, W). For a network,
        ``sl.SpikeSource(spikes, snap="up")`` delivers each in the first step that ends at or after it.

    Raises
    ------
    ValueError
        Events outside the sensor, or before time 0.
    """
    where = "events.to_spikes"
    width, height, polarities = sensor(where, sensor_size)
    read = columns(where, events)
    if polarities == 1:
        read = one_polarity(where, read, events)
    for field, limit in (("x", width), ("y", height), ("p", polarities)):
        low, high = read.range(field) if len(events) else (0, 0)
        if low < 0 or high >= limit:
            rule = f"must have {field} in 0 .. {limit - 1} (sensor_size)"
            fail(where, "events", low if low < 0 else high, rule, got=f"{field} =")
    ids = np.zeros(len(events), np.int64)
    if polarities > 1:
        ids += events["p"].astype(np.int64) * height
    if "y" in (events.dtype.names or ()):
        ids += events["y"].astype(np.int64)
    ids *= width
    ids += events["x"].astype(np.int64)
    return Spikes(events["t"] / 1000.0, ids, shape=(polarities, height, width), name=name)


@spelled
def from_spikes(spikes: Spikes, sensor_size: SensorSize | None = None) -> Events:
    """Return spikes as events: the inverse of `to_spikes`.

    Parameters
    ----------
    spikes : Spikes
        At times >= 0; they are rounded to us.
    sensor_size : (W, H, P), optional
        Size of the sensor [pixels] and number of polarities; by default from the shape (P, H, W) of the spikes, or one
        row if they have none.

    Returns
    -------
    structured array [n] of `DTYPE`
        Sorted by t.

    Raises
    ------
    ValueError
        A sensor with another number of cells than the spikes have elements, or too large for the fields; times before 0.
    """
    where = "events.from_spikes"
    if not isinstance(spikes, Spikes):
        fail(where, "spikes", type(spikes), "must be sl.Spikes", error=TypeError)
    if sensor_size is None:
        shape = (1, 1, *spikes.shape)[-3:] if len(spikes.shape) <= 3 else (1, 1, spikes.n)
        sensor_size = shape[::-1]
    width, height, polarities = sensor(where, sensor_size)
    if width * height * polarities != spikes.n:
        rule = f"must have as many cells as there are elements, {spikes.n}"
        fail(where, "sensor_size", (width, height, polarities), rule)
    if width > 2**15 or height > 2**15 or polarities > 2**7:
        rule = "must be at most (32768, 32768, 128), which the fields of an event hold"
        fail(where, "sensor_size", (width, height, polarities), rule)
    if len(spikes) and spikes.times[0] < 0:
        fail(where, "spikes", float(spikes.times[0]), "must not be before time 0", got="time")
    out = np.empty(len(spikes), DTYPE)
    out["t"] = np.rint(spikes.times * 1000.0)
    rest, out["x"] = np.divmod(spikes.ids, width)
    out["p"], out["y"] = np.divmod(rest, height)
    return out
