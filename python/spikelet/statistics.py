"""Statistics of spike trains: rates, regularity, synchrony and correlations.

All functions take a `SpikeRecorder`, a recording on disk or `Spikes` from elsewhere, and an interval
``start < time <= stop`` [ms], by default all: from 0 to now, or from the start to the stop of `Spikes`. An interval is
limited to the time in which the neurons were observed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import Float, fail, integer, number, require, shown
from spikelet._util.grid import slack
from spikelet._util.spelling import offer, spelled
from spikelet.recording.reading import RecordedSpikes
from spikelet.spikes.binning import bin_of, number_of_bins
from spikelet.spikes.spikes import Spikes, as_spikes
from spikelet.spikes.trains import grouping

__all__ = ["Spikes", "correlations", "cvs", "histogram", "rates", "synchrony"]

offer(__name__, __all__)


@spelled
def rates(
    spikes: RecordedSpikes | Spikes, start: float | None = None, stop: float | None = None
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


@spelled
def cvs(
    spikes: RecordedSpikes | Spikes, start: float | None = None, stop: float | None = None
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
    order = grouping(part.ids, part.n)  # times ascend
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


@spelled
def histogram(
    spikes: RecordedSpikes | Spikes,
    start: float | None = None,
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
    return _histogram("statistics.histogram", spikes, start, stop, bin_size)


@spelled
def synchrony(
    spikes: RecordedSpikes | Spikes,
    start: float | None = None,
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
    counts = _histogram("statistics.synchrony", spikes, start, stop, bin_size)
    mean = counts.mean()
    return float(counts.var() / mean) if mean > 0 else float("nan")


@spelled
def correlations(
    spikes: RecordedSpikes | Spikes,
    start: float | None = None,
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
    chosen = np.arange(part.n)
    if neurons < part.n:
        chosen = np.sort(random.choice(part.n, neurons, replace=False))
    row = np.full(part.n, -1)
    row[chosen] = np.arange(len(chosen))
    own = row[part.ids] >= 0
    part = replace(part, times=part.times[own], ids=row[part.ids[own]])
    index, bins = _binned(where, part, bin_size)
    kept = index < bins
    ones = np.ones(np.count_nonzero(kept))
    shape = (len(chosen), bins)
    counts = csr_array((ones, (part.ids[kept], index[kept])), shape=shape)
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


def _part(where: str, spikes: Any, start: float | None, stop: float | None) -> _Part:
    found = as_spikes(spikes)
    if found is None:
        msg = f"{where}: spikes must be a SpikeRecorder or Spikes, got {shown(spikes)}"
        raise TypeError(msg)
    if stop is None and found.stop is None:
        fail(where, "stop", stop, "must be given with Spikes whose end is unknown")
    begin = number(where, "start", found.start if start is None else start, "ms")
    end = number(where, "stop", found.stop if stop is None else stop, "ms")
    require(where, "start", begin, "finite")
    require(where, "stop", end, "finite")
    if found.stop is not None and not found.stop > found.start:
        rule = "must have been observed for some time: run the network after net.record()"
        fail(where, "spikes", f"{found.start:g} ms to {found.stop:g} ms", rule, got="those of")
    begin = np.maximum(begin, found.start)
    end = end if found.stop is None else np.minimum(end, found.stop)
    if not end > begin:
        fail(where, "stop", float(end), f"must be after start = {float(begin):g} ms")
    near = slack(found.dt)
    first = (
        0 if begin <= found.start + near else np.searchsorted(found.times, begin + near, "right")
    )
    part = slice(first, np.searchsorted(found.times, end + near, "right"))
    times, columns = found.times[part], found.columns()[part]
    return _Part(times, columns, len(found.elements), float(begin), float(end - begin))


def _histogram(
    where: str, spikes: Any, start: float | None, stop: float | None, bin_size: float
) -> NDArray[np.int64]:
    part = _part(where, spikes, start, stop)
    index, bins = _binned(where, part, bin_size)
    return np.bincount(index[index < bins], minlength=bins)


def _binned(where: str, part: _Part, bin_size: float) -> tuple[NDArray[np.int64], int]:
    """Return the bin of each spike, and the number of whole bins."""
    width = number(where, "bin_size", bin_size, "ms")
    require(where, "bin_size", width, "> 0")
    bins = number_of_bins(part.length, float(width), whole=True)
    if bins < 1:
        fail(where, "bin_size", float(width), f"must be at most the interval, {part.length:g} ms")
    return bin_of(part.times, part.start, float(width)), bins
