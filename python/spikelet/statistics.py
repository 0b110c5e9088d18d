"""Statistics of spike trains: rates, regularity, synchrony and correlations.

All functions take a `SpikeRecorder`, a recording on disk or `Spikes` from elsewhere, and an interval
``start < time <= stop`` [ms], by default from 0 to now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import Float, fail, ids, integer, number, numbers, own, require, shown
from spikelet.recording.reading import RecordedSpikes, spike_trains

__all__ = ["Spikes", "correlations", "cvs", "histogram", "rates", "synchrony"]

_GRID = 1e-6  # share of a bin by which a time may be off, since times on the grid are rarely binary fractions


@dataclass(frozen=True, eq=False)
class Spikes:
    """Spikes from elsewhere, for example from a file or another simulator.

    Parameters
    ----------
    times : array-like, [n_spikes]
        Times [ms], in any order.
    ids : array-like of int, [n_spikes]
        Ids of the neurons, counted from 0.
    n : int
        Number of neurons, including silent ones.
    """

    times: Any
    ids: Any
    n: int

    def __post_init__(self) -> None:
        n = integer("Spikes", "n", self.n, 0)
        times = np.atleast_1d(numbers("Spikes", "times", self.times, "ms"))
        require("Spikes", "times", times, "finite")
        neurons = ids("Spikes", "ids", self.ids, n).astype(np.int64)
        if times.shape != neurons.shape:
            lengths = times.size, neurons.size
            fail("Spikes", "times and ids", lengths, "must be equally long", got="lengths")
        for name, value in (("times", own(times)), ("ids", own(neurons)), ("n", n)):
            object.__setattr__(self, name, value)


def rates(
    spikes: RecordedSpikes | Spikes, start: float = 0.0, stop: float | None = None
) -> NDArray[np.float64]:
    """Return the mean rate of each neuron [Hz].

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording or Spikes
        Spikes.
    start, stop : float
        The interval [ms].

    Returns
    -------
    array of float, [n]
    """
    part = _part("statistics.rates", spikes, start, stop)
    return np.asarray(np.bincount(part.ids, minlength=part.n) * (1e3 / part.length))


def cvs(
    spikes: RecordedSpikes | Spikes, start: float = 0.0, stop: float | None = None
) -> NDArray[np.float64]:
    """Return the coefficient of variation of each neuron's inter-spike intervals.

    It is the standard deviation of the intervals over their mean: 0 for a clock, 1 for a Poisson process.

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording or Spikes
        Spikes.
    start, stop : float
        The interval [ms].

    Returns
    -------
    array of float, [n]
        NaN for a neuron with fewer than two intervals.
    """
    part = _part("statistics.cvs", spikes, start, stop)
    order = np.lexsort((part.times, part.ids))
    neurons, times = part.ids[order], part.times[order]
    same = np.diff(neurons) == 0
    intervals, owner = np.diff(times)[same], neurons[1:][same]
    count = np.bincount(owner, minlength=part.n)
    mean = np.bincount(owner, intervals, part.n) / np.maximum(count, 1)
    variance = np.bincount(owner, (intervals - mean[owner]) ** 2, part.n) / np.maximum(count, 1)
    known = (count >= 2) & (mean > 0)
    result = np.full(part.n, np.nan)
    result[known] = np.sqrt(variance[known]) / mean[known]
    return result


def histogram(
    spikes: RecordedSpikes | Spikes,
    start: float = 0.0,
    stop: float | None = None,
    *,
    bin_size: float = 3.0,
) -> NDArray[np.int64]:
    """Return the number of spikes of all neurons in each bin.

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording or Spikes
        Spikes.
    start, stop : float
        The interval [ms]. The remainder after the last whole bin does not count.
    bin_size : float
        Bin k holds ``start + k bin_size < time <= start + (k + 1) bin_size`` [ms].

    Returns
    -------
    array of int, [bins]
    """
    part = _part("statistics.histogram", spikes, start, stop)
    index, bins = _binned("statistics.histogram", part, bin_size)
    return np.bincount(index[index < bins], minlength=bins)


def synchrony(
    spikes: RecordedSpikes | Spikes,
    start: float = 0.0,
    stop: float | None = None,
    *,
    bin_size: float = 3.0,
) -> float:
    """Return the variance of the population's spike counts over their mean.

    It is 1 for independent Poisson processes. This is the synchrony of Potjans & Diesmann, Cereb. Cortex 24 (2014). It
    grows with the number of neurons, so compare populations of the same size.

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording or Spikes
        Spikes.
    start, stop : float
        The interval [ms].
    bin_size : float
        Width of a bin [ms].

    Returns
    -------
    float
        Synchrony, or NaN if there are no spikes.
    """
    counts = histogram(spikes, start, stop, bin_size=bin_size)
    mean = counts.mean()
    return float(counts.var() / mean) if mean > 0 else float("nan")


def correlations(
    spikes: RecordedSpikes | Spikes,
    start: float = 0.0,
    stop: float | None = None,
    *,
    bin_size: float = 2.0,
    neurons: int = 200,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return Pearson's correlation of the spike counts of pairs of neurons.

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording or Spikes
        Spikes.
    start, stop : float
        The interval [ms].
    bin_size : float
        Width of a bin [ms].
    neurons : int
        Number of neurons drawn, or all of them if there are fewer. Every two of them make a pair.
    seed : int
        Random seed of the draw.

    Returns
    -------
    array of float, [pairs]
        Correlations of neuron 0 with 1, 2, ..., then of 1 with 2, ..., in the order of ids. A neuron whose count never
        changes, such as a silent one, has no correlation and is left out.
    """
    from scipy.sparse import csr_array  # noqa: PLC0415  # scipy is slow to import

    where = "statistics.correlations"
    neurons = integer(where, "neurons", neurons, 2)
    random = np.random.default_rng(integer(where, "seed", seed, 0))
    part = _part(where, spikes, start, stop)
    index, bins = _binned(where, part, bin_size)
    chosen = np.arange(part.n)
    if neurons < part.n:
        chosen = np.sort(random.choice(part.n, neurons, replace=False))
    row = np.full(part.n, -1)
    row[chosen] = np.arange(len(chosen))
    kept = (index < bins) & (row[part.ids] >= 0)
    ones = np.ones(np.count_nonzero(kept))
    shape = (len(chosen), bins)
    counts = csr_array((ones, (row[part.ids[kept]], index[kept])), shape=shape)
    mean = np.asarray(counts.sum(axis=1)) / bins
    covariance = (counts @ counts.T).toarray() / bins - np.outer(mean, mean)
    variance = np.diagonal(covariance)
    # A constant count may have a variance of a few rounding errors.
    active = np.flatnonzero(variance > 1e-9 * (1 + mean**2))
    sd = np.sqrt(variance[active])
    matrix = covariance[np.ix_(active, active)] / np.outer(sd, sd)
    return np.asarray(matrix[np.triu_indices(len(active), 1)])


@dataclass(frozen=True)
class _Part:
    """Spikes of an interval; ids count from 0 to n - 1."""

    times: Float
    ids: NDArray[np.int64]
    n: int
    start: float
    length: float


def _part(where: str, spikes: Any, start: float, stop: float | None) -> _Part:
    if isinstance(spikes, RecordedSpikes):
        trains = spike_trains(spikes)
        times, neurons, n = trains.times, trains.elements, trains.n
        stop = trains.now if stop is None else stop
        limits = trains.limits
    elif isinstance(spikes, Spikes):
        times, neurons, n, limits = spikes.times, spikes.ids, spikes.n, (0.0, np.inf)
        if stop is None:
            fail(where, "stop", stop, "must be given with Spikes, which have no present time")
    else:
        msg = f"{where}: spikes must be a SpikeRecorder or Spikes, got {shown(spikes)}"
        raise TypeError(msg)
    begin, end = number(where, "start", start, "ms"), number(where, "stop", stop, "ms")
    require(where, "start", begin, "finite")
    require(where, "stop", end, "finite")
    if limits[0] > 0:
        begin = np.maximum(begin, limits[0])
    end = np.minimum(end, limits[1])
    if not end > begin:
        fail(where, "stop", float(end), f"must be after start = {float(begin):g} ms")
    kept = (times > begin) & (times <= end)
    if begin <= 0:  # time 0 counts from 0, as in SpikeRecorder.counts
        kept |= (times == 0) & (times >= begin)
    return _Part(times[kept], neurons[kept], n, float(begin), float(end - begin))


def _binned(where: str, part: _Part, bin_size: float) -> tuple[NDArray[np.int64], int]:
    """Return the bin of each spike, and the number of whole bins."""
    width = number(where, "bin_size", bin_size, "ms")
    require(where, "bin_size", width, "> 0")
    bins = int(part.length / float(width) + _GRID)
    if bins < 1:
        fail(where, "bin_size", float(width), f"must be at most the interval, {part.length:g} ms")
    place = (part.times - part.start) / float(width)
    index = np.ceil(place - _GRID).astype(np.int64) - 1
    return np.maximum(index, 0), bins
