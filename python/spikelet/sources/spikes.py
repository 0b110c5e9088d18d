"""Sources that replay given spikes: trains and rasters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import check_all, fail, is_masked, numbers, read_only, require
from spikelet._util.described import Described
from spikelet._util.grid import Snap, grid_steps, snap_rule
from spikelet.spikes.spikes import as_spikes
from spikelet.spikes.trains import joined

_MOST_EVENTS = 2**18  # of an element in a step


@dataclass(frozen=True, eq=False)
class SpikeSource(Described):
    """A source that replays given spike trains.

    Parameters
    ----------
    times : array-like of float, [n_spikes], or Spikes
        Times of the spikes [ms], ascending, on the grid of the network's dt; or `Spikes`, or a recorder or recording of
        spikes. 0.0 is allowed, and a repeated pair of time and id counts twice.
    ids : array-like of int, [n_spikes]
        Id of the element that fires each spike; not with Spikes, which have their own.
    snap : bool or "up"
        What to do with times off the grid. False: a time that is off by more than 1e-6 dt is an error. True: round to
        the nearest step. "up": round to the nearest microsecond and then up to a step, as NEST's spike_generator does
        with ``allow_offgrid_times``; dt must be a multiple of 0.001 ms.
    """

    times: Any
    ids: Any = None
    snap: Snap = False

    def __post_init__(self) -> None:
        spikes = as_spikes(self.times)
        if spikes is not None:
            if self.ids is not None:
                fail(
                    "SpikeSource",
                    "ids",
                    self.ids,
                    "must not be given with spikes, which have their own; to set new spikes, pass ids=None",
                )
            object.__setattr__(self, "times", spikes.times)
            object.__setattr__(self, "ids", spikes.ids)
        elif self.ids is None:
            rule = "must be given with times; from_trains takes a list of the times of each element"
            fail("SpikeSource", "ids", None, rule, error=TypeError)
        times = numbers("SpikeSource", "times", self.times, "ms").copy()
        if is_masked(self.ids):
            fail("SpikeSource", "ids", self.ids, "must have no masked elements", error=TypeError)
        ids = np.array(self.ids)
        if times.ndim != 1 or ids.shape != times.shape:
            shapes = times.shape, ids.shape
            rule = "must be one-dimensional and equally long"
            fail("SpikeSource", "times and ids", shapes, rule, got="shapes")
        if ids.size and ids.dtype.kind not in "iu":
            msg = f"SpikeSource: ids must be integers, got {ids.dtype}"
            raise TypeError(msg)
        require("SpikeSource", "times", times, ">= 0")
        if (np.diff(times) < 0).any():
            k = int(np.flatnonzero(np.diff(times) < 0)[0])
            way_out = "sort them together with the ids, or use from_trains"
            msg = f"SpikeSource: times must ascend ({way_out}), got {times[k]:g} before {times[k + 1]:g} at index {k}"
            raise ValueError(msg)
        object.__setattr__(self, "snap", snap_rule("SpikeSource", self.snap))
        object.__setattr__(self, "times", read_only(times))
        object.__setattr__(self, "ids", read_only(ids.astype(np.int64)))

    @classmethod
    def from_trains(cls, trains: Any, *, snap: Snap = False) -> Self:
        """Return a source that replays one train for each element.

        Parameters
        ----------
        trains : sequence of array-like, or mapping of int to array-like
            The times of each element [ms], in any order: the trains of elements 0, 1, ..., or by id. An element that has
            none is silent.
        snap : bool or "up"
            What to do with times off the grid, as in the constructor.
        """
        times, ids, _ = joined("SpikeSource.from_trains", trains)
        order = np.argsort(times, kind="stable")
        return cls(times[order], ids[order], snap)

    def stamps(self, dt: float, n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Return stamps in steps and ids, after a check of both."""
        stamps = grid_steps("SpikeSource", self.times, dt, self.snap)
        if self.ids.size and (self.ids.min() < 0 or self.ids.max() >= n):
            bad_id = int(self.ids[(self.ids < 0) | (self.ids >= n)][0])
            fail("SpikeSource", "ids", bad_id, f"must lie in 0 .. {n - 1}")
        return stamps, self.ids.astype(np.uint32)


@dataclass(frozen=True, eq=False)
class RasterSource(Described):
    """A source that replays spikes given step by step.

    Row k has the stamp ``(k + 1) dt``, counted from the time at which the source was added or set.

    Parameters
    ----------
    raster : array-like, [n_steps, n]
        Number of spikes of each element in each step, such as the arrays that `sl.encode` returns.
        `population.raster = ...` sets a new raster, which starts at that time.
    """

    raster: Any

    def __post_init__(self) -> None:
        if is_masked(self.raster):
            fail(
                "RasterSource",
                "raster",
                self.raster,
                "must have no masked elements",
                error=TypeError,
            )
        raster = np.array(self.raster)
        if raster.ndim != 2:
            fail("RasterSource", "raster", raster.shape, "must be [steps, elements]", got="shape")
        if raster.dtype.kind not in "biuf":
            fail("RasterSource", "raster", raster.dtype, "must hold whole numbers", got="dtype")
        if raster.dtype.kind == "f":
            whole = np.isfinite(raster) & (raster == np.rint(raster))
            check_all("RasterSource", "raster", raster, whole, "must hold whole numbers")
        if raster.size and raster.min() < 0:
            fail("RasterSource", "raster", raster.min().item(), "must not be negative")
        if raster.size and raster.max() > _MOST_EVENTS:  # before a conversion could wrap
            rule = f"must hold at most {_MOST_EVENTS} spikes of an element in a step"
            fail("RasterSource", "raster", float(raster.max()), rule)
        if raster.dtype.kind == "f":
            raster = raster.astype(np.int64)
        object.__setattr__(self, "raster", read_only(raster))

    def spikes(self, n: int) -> int:  # noqa: ARG002  # as of other sources
        """Return the number of spikes of all elements, whose number must be n."""
        return int(self.raster.sum(dtype=np.float64))

    def stamps(self, start: int, n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Return stamps in steps, given the step at which the raster starts, and ids."""
        if self.raster.shape[1] != n:
            fail("RasterSource", "raster", self.raster.shape, f"must have {n} columns", got="shape")
        rows, columns = np.nonzero(self.raster)
        counts = self.raster[rows, columns].astype(np.int64)
        return np.repeat(start + rows + 1, counts).astype(np.int64), np.repeat(
            columns, counts
        ).astype(np.uint32)
