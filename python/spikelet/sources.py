"""Spike sources, which are populations without states, and inputs that need no source population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from spikelet._util.advice import advise
from spikelet._util.checks import fail, integer, numbers, own, read_only, require
from spikelet._util.grid import Snap, grid_steps, snap_rule
from spikelet.rates import ChangingRate

__all__ = [
    "CurrentInput",
    "NoiseInput",
    "PoissonInput",
    "PoissonSource",
    "RasterSource",
    "SpikeSource",
]

Numbers = npt.NDArray[np.float64]

_MOST_EVENTS = 2**18  # in a step; random streams hold no more draws
_MOST_SPIKES = 2**10  # in a step; each is delivered and recorded


def check_events(where: str, rate: Numbers, dt: float, *, as_spikes: bool = False) -> None:
    """Check that rates [Hz] bring no more events, or spikes, into a step [ms] than can be drawn."""
    most, what = (_MOST_SPIKES, "spikes") if as_spikes else (_MOST_EVENTS, "events")
    bad = rate * (dt * 1e-3) > most
    if bad.any():
        rule = f"must be at most {most / (dt * 1e-3):.4g} Hz, {most} {what} in a step of {dt:g} ms"
        more = "; a PoissonInput can have a higher rate" if as_spikes else ""
        fail(where, "rate", float(rate[bad][0]), rule + more)


@dataclass(frozen=True, eq=False)
class SpikeSource:
    """A source that replays given spike trains.

    Parameters
    ----------
    times : array-like of float, [n_spikes]
        Times of the spikes [ms], ascending, on the grid of the network's dt. 0.0 is allowed, and a repeated pair of
        time and id counts twice.
    ids : array-like of int, [n_spikes]
        Id of the element that fires each spike.
    snap : bool or "up"
        What to do with times off the grid. False: a time that is off by more than 1e-6 dt is an error. True: round to
        the nearest step. "up": round to the nearest microsecond and then up to a step, as NEST's spike_generator does
        with ``allow_offgrid_times``; dt must be a multiple of 0.001 ms.
    """

    times: Any
    ids: Any
    snap: Snap = False

    def __post_init__(self) -> None:
        times = numbers("SpikeSource", "times", self.times, "ms").copy()
        if np.ma.is_masked(self.ids):
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
            msg = f"SpikeSource: times must ascend, got {times[k]:g} before {times[k + 1]:g} at index {k}"
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
        if isinstance(trains, Mapping):
            pairs = list(trains.items())
        elif isinstance(trains, np.ndarray) or not np.iterable(trains) or isinstance(trains, str):
            rule = "must be a sequence of arrays, or a dict of them by id"
            fail("SpikeSource.from_trains", "trains", trains, rule, error=TypeError)
        else:
            pairs = list(enumerate(trains))
        times, ids = [np.empty(0)], [np.empty(0, np.int64)]
        for element, train in pairs:
            number = integer("SpikeSource.from_trains", "id", element, 0, 2**32 - 1)
            given = np.atleast_1d(numbers("SpikeSource.from_trains", f"train {number}", train, "ms"))
            times.append(given)
            ids.append(np.full(len(given), number, dtype=np.int64))
        all_times = np.concatenate(times)
        order = np.argsort(all_times, kind="stable")
        return cls(all_times[order], np.concatenate(ids)[order], snap)

    def stamps(self, dt: float, n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Return stamps in steps and ids, after a check of both."""
        stamps = grid_steps("SpikeSource", self.times, dt, self.snap)
        if self.ids.size and (self.ids.min() < 0 or self.ids.max() >= n):
            bad_id = int(self.ids[(self.ids < 0) | (self.ids >= n)][0])
            fail("SpikeSource", "ids", bad_id, f"must lie in 0 .. {n - 1}")
        return stamps, self.ids.astype(np.uint32)


def _advise_rate(where: str, rate: npt.NDArray[np.float64]) -> None:
    """Warn about rates that are plausible in kHz only."""
    most = float(rate.max(initial=0.0))
    if 0 < most < 0.1:
        problem = f"Hz is one event in {1 / most:.3g} s"
        advise(where, "rate", most, problem, f"did you mean {1000 * most:g} Hz ({most:g} kHz)?")


@dataclass(frozen=True, eq=False)
class PoissonSource:
    """A source that fires an independent Poisson process for each element.

    Parameters
    ----------
    rate : float or array-like, [n]
        Rate of each element [Hz]. `population.rate = ...` changes it between runs.

    Notes
    -----
    Counts follow the exact Poisson distribution: two events in one step are two spikes.
    """

    rate: Any = field(metadata={"unit": "Hz"})

    def __post_init__(self) -> None:
        if isinstance(self.rate, ChangingRate):
            rule = "must be numbers; a rate that changes with time is itself the model of a population"
            fail("PoissonSource", "rate", self.rate, rule, error=TypeError)
        rate = numbers("PoissonSource", "rate", self.rate, "Hz")
        require("PoissonSource", "rate", rate, ">= 0")
        _advise_rate("PoissonSource", rate)
        object.__setattr__(self, "rate", own(rate) if rate.ndim else float(rate))


@dataclass(frozen=True, eq=False)
class RasterSource:
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
        if np.ma.is_masked(self.raster):
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
        if raster.dtype.kind not in "biu" and (
            raster.dtype.kind != "f" or not np.array_equal(raster, np.rint(raster))
        ):
            fail("RasterSource", "raster", raster.dtype, "must hold whole numbers", got="dtype")
        if raster.size and raster.min() < 0:
            fail("RasterSource", "raster", raster.min().item(), "must not be negative")
        if raster.size and raster.max() > _MOST_EVENTS:  # before a conversion could wrap
            rule = f"must hold at most {_MOST_EVENTS} spikes of an element in a step"
            fail("RasterSource", "raster", float(raster.max()), rule)
        if raster.dtype.kind == "f":
            raster = raster.astype(np.int64)
        object.__setattr__(self, "raster", read_only(raster))

    def stamps(self, start: int, n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Return stamps in steps, given the step at which the raster starts, and ids."""
        if self.raster.shape[1] != n:
            fail("RasterSource", "raster", self.raster.shape, f"must have {n} columns", got="shape")
        rows, columns = np.nonzero(self.raster)
        counts = self.raster[rows, columns].astype(np.int64)
        return np.repeat(start + rows + 1, counts).astype(np.int64), np.repeat(
            columns, counts
        ).astype(np.uint32)


@dataclass(frozen=True, eq=False)
class PoissonInput:
    """An independent Poisson process of synaptic events for each neuron, without stored synapses.

    Parameters
    ----------
    rate : float or array-like, [n], SinusoidalPoisson or InhomogeneousPoisson
        Total rate of events that reach a neuron [Hz], or how it changes with time.
    weight : float or array-like, [n]
        Weight of an event in the unit of the model's synapses: pA (LIF, LIFAlpha, IF), mV (LIFDelta), nS (LIFCond).
        Its sign picks the receptor.
    """

    rate: Any
    weight: Any

    def __post_init__(self) -> None:
        if not isinstance(self.rate, ChangingRate):
            rate = numbers("PoissonInput", "rate", self.rate, "Hz")
            require("PoissonInput", "rate", rate, ">= 0")
            _advise_rate("PoissonInput", rate)
            object.__setattr__(self, "rate", own(rate))
        if not hasattr(self.weight, "magnitude"):  # the unit of a quantity depends on the target
            object.__setattr__(self, "weight", own(self.weight_in("")))

    def weight_in(self, unit: str) -> npt.NDArray[np.float64]:
        """Return the weight as plain numbers in a unit."""
        weight = numbers("PoissonInput", "weight", self.weight, unit)
        require("PoissonInput", "weight", weight, "finite")
        return np.asarray(own(weight))


@dataclass(frozen=True, eq=False)
class CurrentInput:
    """A given current, which is added to I_e.

    Parameters
    ----------
    values : array-like, [n_steps] or [n_steps, n]
        Current [pA]. Row k drives step k, counted from the injection; after the last row the current is 0.
    """

    values: Any

    def __post_init__(self) -> None:
        values = numbers("CurrentInput", "values", self.values, "pA", dimensions=2)
        if values.ndim not in (1, 2):
            fail(
                "CurrentInput", "values", values.shape, "must be [steps] or [steps, n]", got="shape"
            )
        if not np.isfinite(values).all():
            fail("CurrentInput", "values", values[~np.isfinite(values)][0], "must be finite")
        object.__setattr__(self, "values", own(values))


@dataclass(frozen=True, eq=False)
class NoiseInput:
    """A Gaussian noise current for each neuron, which is added to I_e.

    Parameters
    ----------
    mean, std : float or array-like, [n]
        Mean and standard deviation [pA].
    every : float, optional
        Interval [ms], a multiple of dt, at which a new value is drawn and then held; by default each step.
    """

    mean: Any = 0.0
    std: Any = 1.0
    every: float | None = None

    def __post_init__(self) -> None:
        mean = numbers("NoiseInput", "mean", self.mean, "pA")
        require("NoiseInput", "mean", mean, "finite")
        std = numbers("NoiseInput", "std", self.std, "pA")
        require("NoiseInput", "std", std, ">= 0")
        object.__setattr__(self, "mean", own(mean))
        object.__setattr__(self, "std", own(std))
