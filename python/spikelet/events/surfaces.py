"""Dense views of time within a recording: time surfaces and voxel grids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from spikelet import _core
from spikelet._util.checks import choice, fail, integer, named, scalar
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
from spikelet.events.slicing import time_bounds

_REALS = ("float32", "float64")


@spelled
def time_surface(
    events: Events,
    sensor_size: SensorSize,
    dt: float,
    tau: float,
    overlap: float = 0,
    include_incomplete: bool = False,
    *,
    dtype: DTypeLike = np.float32,
    threads: int = 1,
) -> NDArray[Any]:
    """Show at regular times how long ago each pixel had its last event, as ``exp(-age / tau)``.

    Parameters
    ----------
    events : structured array [n]
        Sorted by t.
    sensor_size : (W, H, P)
        Size of the sensor [pixels] and number of polarities.
    dt : float
        Length of a slice [us], see `slice_by_time`; each slice ends with a surface.
    tau : float
        Time constant of the decay [us]; > 0.
    overlap : float
        By how much the slices overlap [us]: surfaces are ``dt - overlap`` apart.
    include_incomplete : bool
        Add the surface of a last slice that the end of the recording truncates.
    dtype : float32 or float64
        Type of the result.
    threads : int
        They share the pixels; the result stays the same.

    Returns
    -------
    array [T, P, H, W]
        In [0, 1], 0 where there was no event yet.

    Raises
    ------
    ValueError
        Events that are not sorted, before time 0 or outside the sensor; a result larger than the machine's memory.
    TypeError
        Not an event array.

    Notes
    -----
    Source: Lagorce et al., HOTS: a hierarchy of event-based time-surfaces for pattern recognition, IEEE TPAMI 39
    (2017). Surfaces show the whole sensor, not the neighbourhood of an event.
    """
    where = "events.time_surface"
    size = sensor(where, sensor_size)
    kind, itemsize = type_name(where, dtype, *_REALS)
    window = scalar(where, "dt", dt, "finite and > 0")
    decay = scalar(where, "tau", tau, "finite and > 0")
    read = columns(where, events, ordered=True, core_orders=True)
    _, last = time_bounds(
        where,
        read,
        events,
        window,
        overlap,
        include_incomplete,
        argument="dt",
        result=(itemsize, *size),
    )
    if size[2] == 1:
        read = one_polarity(where, read, events)
    start = float(events["t"][0]) if len(events) else 0.0
    stride = window - float(overlap)
    with named(where):
        return _core.event_surfaces(
            read, size, last, start + window, stride, decay, kind, _threads(where, threads)
        )


@spelled
def averaged_time_surface(
    events: Events,
    sensor_size: SensorSize,
    cell_size: int = 10,
    surface_size: int = 5,
    time_window: float = 1e3,
    tau: float = 100,
    decay: str = "exp",
    *,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Average, over each cell of the sensor, what preceded its events in their neighbourhood.

    Parameters
    ----------
    events : structured array [n]
        Sorted by t.
    sensor_size : (W, H, P)
        Size of the sensor [pixels] and number of polarities.
    cell_size : int
        Side of the square cells [pixels]. An event sees those of its own cell and polarity.
    surface_size : int
        Side of the neighbourhood of an event [pixels]; odd, at most `cell_size`.
    time_window : float
        How far an event looks back [us].
    tau : float
        Time constant of the decay [us].
    decay : "exp" or "lin"
        ``exp(-age / tau)`` or ``1 - age / (3 tau)``.
    threads : int
        They share the cells; the result stays the same.

    Returns
    -------
    float32 array [cells, P, surface_size, surface_size]
        Cells in rows from the top left.

    Notes
    -----
    Source: Sironi et al., HATS: histograms of averaged time surfaces for robust event-based object classification,
    CVPR 2018.
    """
    where = "events.averaged_time_surface"
    size = sensor(where, sensor_size)
    cell = integer(where, "cell_size", cell_size, 1, 2**31 - 1)
    side = integer(where, "surface_size", surface_size, 1)
    if side % 2 == 0 or side > cell:
        fail(where, "surface_size", side, f"must be odd, and at most cell_size = {cell}")
    window = scalar(where, "time_window", time_window, "finite and >= 0")
    constant = scalar(where, "tau", tau, "finite and > 0")
    choice(where, "decay", decay, "exp", "lin")
    read = columns(where, events, ordered=True)
    if size[2] == 1:
        read = one_polarity(where, read, events)
    across, down = (-(-length // cell) for length in size[:2])
    require_memory(where, (across * down, size[2], side, side), 4, "give a larger cell_size")
    with named(where):
        return _core.event_averaged_surfaces(
            read, size, cell, side, window, constant, decay == "lin", _threads(where, threads)
        )


@spelled
def voxel_grid(
    events: Events,
    sensor_size: SensorSize,
    n_time_bins: int = 10,
    *,
    dtype: DTypeLike = np.float32,
    threads: int = 1,
) -> NDArray[Any]:
    """Spread polarities over bins of time, each event over the two that are nearest.

    Parameters
    ----------
    events : structured array [n]
        Sorted by t.
    sensor_size : (W, H, 2)
        Size of the sensor [pixels]; there must be two polarities.
    n_time_bins : int
        Number of bins B.
    dtype : float32 or float64
        Type of the result.
    threads : int
        They share the bins; the result stays the same.

    Returns
    -------
    array [B, 1, H, W]
        At ``s = B (t - t_first) / (t_last - t_first)``, an event adds 1 - frac(s) to bin floor(s) and frac(s) to the
        next, with the sign + for p = 1 and - for p = 0. Contributions beyond the last bin, such as that of the last
        event, are left out. If all events are at one time, they are in bin 0.

    Raises
    ------
    ValueError
        Events that are not sorted, before time 0 or outside the sensor; a result larger than the machine's memory.
    TypeError
        Not an event array.

    Notes
    -----
    Source: Zhu et al., Unsupervised event-based learning of optical flow, depth, and egomotion, CVPR 2019; scaled by B,
    not B - 1, as in tonic.
    """
    where = "events.voxel_grid"
    size = sensor(where, sensor_size)
    if size[2] != 2:
        fail(
            where,
            "sensor_size",
            size,
            "must have 2 polarities, (width, height, 2): events count as +1 and -1",
        )
    kind, itemsize = type_name(where, dtype, *_REALS)
    number = integer(where, "n_time_bins", n_time_bins, 1, 2**31 - 2)
    require_memory(where, (number, *size[:2]), itemsize, "give fewer n_time_bins")
    if (number + 2) * size[0] * size[1] >= 2**31:
        fail(where, "n_time_bins", number, "must give fewer than 2^31 voxels")
    read = columns(where, events, ordered=True, core_orders=True)
    with named(where):
        return _core.event_voxels(read, size, number, kind, _threads(where, threads))


def _threads(where: str, threads: Any) -> int:
    return integer(where, "threads", threads, 1, 1024)
