"""Rates and correlations of populations as distributions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet import statistics
from spikelet._util.checks import integer
from spikelet.plot.figures import axes, color, literal, styled
from spikelet.plot.populations import SpikesOf, bin_width, interval, named_spikes, overlap
from spikelet.spikes.binning import number_of_bins

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def rate_distribution(
    spikes: SpikesOf,
    start: float | None = None,
    stop: float | None = None,
    *,
    bins: int = 30,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw how the rates of neurons are distributed in each population.

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording, Spikes, or list or dict of them
        Spikes of one or several populations.
    start, stop : float, optional
        The interval [ms]; by default all that was observed.
    bins : int
        The most bins, the same for all populations.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.stairs``.

    Returns
    -------
    Axes
    """
    where = "plot.rate_distribution"
    found = named_spikes(where, "spikes", spikes)
    begin, end = interval(where, found, start, stop)
    values = []
    for name, one in found:
        first, last = overlap(one, begin, end)
        own = statistics.rates(one, first, last) if last > first else np.zeros(0)
        values.append((name, own))
    edges = rate_edges([v for _, v in values], end - begin, integer(where, "bins", bins, 1))
    ax = _shares(where, values, edges, ax, style)
    ax.set_xlabel("rate (Hz)")
    ax.set_ylabel("share of neurons")
    return ax


def correlation_distribution(
    spikes: SpikesOf,
    start: float | None = None,
    stop: float | None = None,
    *,
    bin_size: float | None = None,
    neurons: int = 200,
    bins: int = 50,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw how the correlations of pairs of neurons are distributed in each population.

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording, Spikes, or list or dict of them
        Spikes of one or several populations.
    start, stop : float, optional
        The interval [ms]; by default all that was observed.
    bin_size : float, optional
        Width of a bin in which spikes are counted [ms]; by default 2, or the interval if it is shorter.
    neurons : int
        Number of neurons drawn from each population; see `spikelet.statistics.correlations`.
    bins : int
        Number of bins, the same for all populations.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.stairs``.

    Returns
    -------
    Axes
    """
    where = "plot.correlation_distribution"
    found = named_spikes(where, "spikes", spikes)
    begin, end = interval(where, found, start, stop)
    width = bin_width(where, bin_size, end - begin, default=2.0)
    values = []
    for name, one in found:
        first, last = overlap(one, begin, end)
        own = np.zeros(0)
        if number_of_bins(last - first, width, whole=True) >= 1:
            own = statistics.correlations(one, first, last, bin_size=width, neurons=neurons)
        values.append((name, own))
    known = [v for _, v in values if v.size]
    bins = integer(where, "bins", bins, 1)
    edges = np.histogram_bin_edges(np.concatenate(known) if known else np.zeros(1), bins)
    ax = _shares(where, values, edges, ax, style)
    ax.set_xlabel(f"correlation of counts in {width:g} ms")
    ax.set_ylabel("share of pairs")
    return ax


def rate_edges(
    rates: Sequence[npt.NDArray[np.float64]], length: float, bins: int
) -> npt.NDArray[np.float64]:
    """Return edges of at most `bins` bins of rates over an interval of a length [ms].

    A rate is a whole number of spikes over the interval: narrower bins would be empty in between.
    """
    least = 1e3 / length
    most = max((float(r.max(initial=0.0)) for r in rates), default=0.0) / least
    wide = max(1, math.ceil((most + 1) / bins))
    return np.asarray((np.arange(math.ceil((most + 1) / wide) + 1) * wide - 0.5) * least)


def _shares(
    where: str, values: list[tuple[str, Any]], edges: Any, ax: Axes | None, style: dict[str, Any]
) -> Axes:
    """Draw histograms over the same bins, each of sum 1, and a line at each mean."""
    ax = axes(where, ax)
    for k, (name, found) in enumerate(values):
        counts = np.histogram(found, edges)[0] / max(1, found.size)
        own = styled("patches.StepPatch", style, color=color(k), label=literal(name), linewidth=1.3)
        ax.stairs(counts, edges, **own)
        if found.size:
            ax.axvline(found.mean(), color=color(k), linewidth=0.8, linestyle=":")
    ax.set_ylim(bottom=0.0)
    if len(values) > 1:
        ax.legend(frameon=False)
    return ax
