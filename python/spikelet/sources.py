"""Spike sources (populations without a state) and inputs that need no source population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, numbers, require

__all__ = [
    "CurrentInput",
    "NoiseInput",
    "PoissonInput",
    "PoissonSource",
    "RasterSource",
    "SpikeSource",
]


@dataclass(frozen=True, eq=False)
class SpikeSource:
    """Given spike trains.

    Parameters
    ----------
    times : array-like of float, [n_spikes]
        Stamps of the spikes [ms], ascending, on the grid of the network's dt; 0.0 is allowed, and a pair of time and
        id that stands twice counts twice.
    ids : array-like of int, [n_spikes]
        Which element spikes.
    snap : bool
        Round times to the nearest step. Without it a time off the grid by more than 1e-6 dt is an error.
    """

    times: Any
    ids: Any
    snap: bool = False

    def __post_init__(self) -> None:
        times = numbers("SpikeSource", "times", self.times, "ms").copy()
        ids = np.array(self.ids)
        if times.ndim != 1 or ids.shape != times.shape:
            fail(
                "SpikeSource",
                "times and ids",
                (times.shape, ids.shape),
                "must be one-dimensional and equally long",
            )
        if ids.size and ids.dtype.kind not in "iu":
            msg = f"SpikeSource: ids must be integers, got {ids.dtype}"
            raise TypeError(msg)
        require("SpikeSource", "times", times, ">= 0")
        if (np.diff(times) < 0).any():
            k = int(np.flatnonzero(np.diff(times) < 0)[0])
            fail(
                "SpikeSource",
                "times",
                f"{times[k]:g} before {times[k + 1]:g} at index {k}",
                "must ascend",
            )
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "ids", ids.astype(np.int64))

    def stamps(self, dt: float, n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Return stamps in steps, and ids checked against the population's size."""
        steps = self.times / dt
        if steps.size and steps[-1] > 2**53:
            fail("SpikeSource", "times", float(self.times[-1]), "must lie within 2^53 steps")
        stamps = np.rint(steps)
        off = np.abs(steps - stamps) > np.maximum(1e-6, 1e-12 * steps)
        if off.any() and not self.snap:
            bad = float(self.times[off][0])
            fail(
                "SpikeSource",
                "times",
                bad,
                f"must lie on the grid of dt = {dt:g} ms (snap=True rounds them)",
            )
        if self.ids.size and (self.ids.min() < 0 or self.ids.max() >= n):
            bad_id = int(self.ids[(self.ids < 0) | (self.ids >= n)][0])
            fail("SpikeSource", "ids", bad_id, f"must lie in 0 .. {n - 1}")
        return stamps.astype(np.int64), self.ids.astype(np.uint32)


@dataclass(frozen=True, eq=False)
class PoissonSource:
    """An independent Poisson train for each element, drawn from the network's seed.

    Parameters
    ----------
    rate : float or array-like, [n]
        Rate of each element [Hz]. `population.rate = ...` changes it between runs.

    Notes
    -----
    Counts are exact: two events in one step are two spikes.
    """

    rate: Any

    def __post_init__(self) -> None:
        rate = numbers("PoissonSource", "rate", self.rate, "Hz")
        require("PoissonSource", "rate", rate, ">= 0")
        object.__setattr__(self, "rate", rate if rate.ndim else float(rate))


@dataclass(frozen=True, eq=False)
class RasterSource:
    """Spikes given step by step; row k has the stamp ``(k + 1) dt`` after the source was added (or set).

    Parameters
    ----------
    raster : array-like, [n_steps, n]
        Number of spikes of each element in each step: 0, 1, True, or more. What `sl.encode` returns.
        `population.raster = ...` sets a new one, which starts then.
    """

    raster: Any

    def __post_init__(self) -> None:
        raster = np.asarray(self.raster)
        if raster.ndim != 2:
            fail("RasterSource", "raster", raster.shape, "must be [steps, elements]; its shape")
        if raster.dtype.kind not in "biu":
            if raster.dtype.kind != "f" or not np.array_equal(raster, np.rint(raster)):
                fail("RasterSource", "raster", raster.dtype, "must hold whole numbers of spikes")
            raster = raster.astype(np.int64)
        if raster.size and raster.min() < 0:
            fail("RasterSource", "raster", int(raster.min()), "must not be negative")
        object.__setattr__(self, "raster", raster)

    def stamps(self, start: int, n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Return stamps in steps counted from `start`, and ids."""
        if self.raster.shape[1] != n:
            fail("RasterSource", "raster", self.raster.shape, f"must have {n} columns; its shape")
        rows, columns = np.nonzero(self.raster)
        counts = self.raster[rows, columns].astype(np.int64)
        return np.repeat(start + rows + 1, counts).astype(np.int64), np.repeat(
            columns, counts
        ).astype(np.uint32)


@dataclass(frozen=True, eq=False)
class PoissonInput:
    """An independent Poisson train of events for each neuron; no synapses are stored.

    Parameters
    ----------
    rate : float or array-like, [n]
        All events a second that reach one neuron [Hz].
    weight : float or array-like, [n]
        Weight of an event in the unit of the model's synapses: pA (LIF, LIFAlpha, IF), mV (LIFDelta), nS (LIFCond).
        Its sign picks the receptor.
    """

    rate: Any
    weight: Any

    def __post_init__(self) -> None:
        rate = numbers("PoissonInput", "rate", self.rate, "Hz")
        require("PoissonInput", "rate", rate, ">= 0")
        object.__setattr__(self, "rate", rate)
        if not hasattr(self.weight, "magnitude"):  # the unit of a quantity depends on the target
            object.__setattr__(self, "weight", self.weight_in(""))

    def weight_in(self, unit: str) -> npt.NDArray[np.float64]:
        """Return the weight as plain numbers."""
        weight = numbers("PoissonInput", "weight", self.weight, unit)
        require("PoissonInput", "weight", weight, "finite")
        return weight


@dataclass(frozen=True, eq=False)
class CurrentInput:
    """A given current, added to I_e.

    Parameters
    ----------
    values : array-like, [n_steps] or [n_steps, n]
        Current [pA]; row k drives step k from the injection on, afterwards there is none.
    """

    values: Any

    def __post_init__(self) -> None:
        values = numbers("CurrentInput", "values", self.values, "pA", dimensions=2).copy()
        if values.ndim not in (1, 2):
            fail("CurrentInput", "values", values.shape, "must be [steps] or [steps, n]; its shape")
        if not np.isfinite(values).all():
            fail("CurrentInput", "values", values[~np.isfinite(values)][0], "must be finite")
        object.__setattr__(self, "values", values)


@dataclass(frozen=True, eq=False)
class NoiseInput:
    """A Gaussian current for each neuron, drawn anew every `every` ms and held in between; added to I_e.

    Parameters
    ----------
    mean, std : float or array-like, [n]
        Mean and standard deviation [pA].
    every : float, optional
        Time between draws [ms], a multiple of dt; by default each step.
    """

    mean: Any = 0.0
    std: Any = 1.0
    every: float | None = None

    def __post_init__(self) -> None:
        mean = numbers("NoiseInput", "mean", self.mean, "pA")
        require("NoiseInput", "mean", mean, "finite")
        std = numbers("NoiseInput", "std", self.std, "pA")
        require("NoiseInput", "std", std, ">= 0")
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)
