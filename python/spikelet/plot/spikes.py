"""Raster plots, and the activity of a whole network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from spikelet import statistics
from spikelet._util.checks import fail, integer, number, numbers, require
from spikelet._util.spelling import spelled
from spikelet.plot.figures import (
    BLUE,
    GRAY,
    RED,
    axes,
    color,
    extra_of,
    figure_of,
    ink,
    literal,
    styled,
)
from spikelet.plot.populations import (
    Named,
    SpikesOf,
    bin_width,
    interval,
    named_spikes,
    overlap,
    require_observed,
)
from spikelet.spikes.binning import number_of_bins
from spikelet.spikes.spikes import Spikes, as_spikes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def raster(
    spikes: SpikesOf | ArrayLike,
    ids: ArrayLike | None = None,
    *,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw each spike as a dot: time on the horizontal axis, elements on the vertical one.

    Several populations are stacked, the first on top, each in its colour and with its name.

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording, Spikes, list or dict of them, or array-like, [n_spikes]
        What `Network.record` or `read_recording` returned, spikes from elsewhere, several of these, by name or not, or
        the times of the spikes [ms].
    ids : array-like, [n_spikes]
        The element that sent each spike; required with times only.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.scatter``: ``s`` (size), ``c`` (colours), ``marker``, ...

    Returns
    -------
    Axes
    """
    where = "plot.raster"
    style = _of_dots(style)
    if isinstance(spikes, Mapping) or _are_several(spikes):
        if ids is not None:
            fail(where, "ids", ids, _OWN_IDS)
        return _stacked(named_spikes(where, "spikes", spikes), ax, style)
    found = as_spikes(spikes)
    if found is not None:
        if ids is not None:
            fail(where, "ids", ids, _OWN_IDS)
        times, rows = found.times, np.asarray(found.ids, np.float64)
    elif not _are_numbers(spikes):
        rule = "must be a recorder of spikes, Spikes, a list or dict of them, or times with ids"
        fail(where, "spikes", spikes, rule, error=TypeError)
    elif ids is None:
        fail(where, "ids", ids, "must be given with times")
    else:
        times, rows = numbers(where, "times", spikes, "", 2), numbers(where, "ids", ids, "", 2)
        if times.ndim != 1 or rows.shape != times.shape:
            shapes = (times.shape, rows.shape)
            fail(where, "times and ids", shapes, "must be one-dimensional and equally long")
    ax = axes(where, ax)
    if "c" not in style:
        style.setdefault("color", ink())
    _dots(ax, times, rows, style)
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("id")
    ticks = ax.yaxis.get_major_locator()
    if isinstance(ticks, extra_of("matplotlib.ticker").MaxNLocator):  # not a user's own
        ticks.set_params(integer=True)
    return ax


def rate_histogram(
    spikes: SpikesOf,
    start: float | None = None,
    stop: float | None = None,
    *,
    bin_size: float | None = None,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw the rate of each population over time: spikes in a bin, per neuron and second.

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording, Spikes, or list or dict of them
        Spikes of one or several populations.
    start, stop : float, optional
        The interval [ms]; by default all that was observed.
    bin_size : float, optional
        Width of a bin [ms]; by default 5, or the interval if it is shorter. A remainder after the last whole bin is not
        drawn, so a population that was observed for less than one bin is not drawn at all.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.stairs``: ``color``, ``fill``, ...

    Returns
    -------
    Axes
    """
    where = "plot.rate_histogram"
    found = named_spikes(where, "spikes", spikes)
    begin, end = interval(where, found, start, stop)
    width = bin_width(where, bin_size, end - begin, default=5.0)
    ax = axes(where, ax)
    _rates(ax, found, begin, end, width, style)
    if len(found) > 1:
        ax.legend(frameon=False)
    return ax


def raster_and_rates(
    spikes: SpikesOf,
    start: float | None = None,
    stop: float | None = None,
    *,
    bin_size: float | None = None,
    figure: Figure | None = None,
    **style: Any,
) -> Figure:
    """Draw a raster, and under it the rate of each population on the same axis of time.

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording, Spikes, or list or dict of them
        Spikes of one or several populations.
    start, stop : float, optional
        The interval [ms]; by default all that was observed.
    bin_size : float, optional
        Width of a bin of the rates [ms]; by default 5, or the interval if it is shorter.
    figure : Figure, optional
        An empty Figure to draw on.
    **style
        As for `raster`.

    Returns
    -------
    Figure
    """
    where = "plot.raster_and_rates"
    found = named_spikes(where, "spikes", spikes)
    begin, end = interval(where, found, start, stop)
    width = bin_width(where, bin_size, end - begin, default=5.0)
    figure = figure_of(where, figure, (8.0, 5.0))
    dots, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shown = [Named(name, _between(one, begin, end)) for name, one in found]
    _stacked(shown, dots, _of_dots(style))
    _rates(below, found, begin, end, width, {})  # the raster has the names
    dots.set_xlabel("")
    dots.set_xlim(begin, end)
    return figure


_OWN_IDS = "must not be given with a recorder or Spikes, which have their own"


def _rates(
    ax: Axes, found: Sequence[Named], start: float, stop: float, width: float, style: dict[str, Any]
) -> None:
    """Draw the rate of each population; that of one observed for less than a bin is an empty curve."""
    for k, (name, one) in enumerate(found):
        # Spikes of a part of the interval have bins of their own, from their start on.
        first, last = overlap(one, start, stop)
        counts = np.zeros(0, np.int64)
        if number_of_bins(last - first, width, whole=True) >= 1:
            counts = statistics.histogram(one, first, last, bin_size=width)
        edges = first + width * np.arange(len(counts) + 1)
        rates = counts * (1e3 / (width * max(1, len(one.elements))))
        shade = color(k) if len(found) > 1 else ink()
        own = styled("patches.StepPatch", style, color=shade, label=literal(name))
        ax.stairs(rates, edges, **own)
    ax.set(xlabel="time (ms)", ylabel="rate (Hz)", xlim=(start, stop))
    ax.set_ylim(bottom=0.0)


def _between(spikes: Spikes, start: float, stop: float) -> Spikes:
    """Return the spikes of an interval [ms], none if they were observed at other times."""
    first, last = overlap(spikes, start, stop)
    if first > last:
        return Spikes([], [], spikes.n, elements=spikes.elements, name=spikes.name)
    return spikes.between(first, last)


def _are_numbers(value: Any) -> bool:
    """Return whether a value is an array of numbers; numpy raises for others, such as a population or uneven lists."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return False
    return array.ndim > 0 and array.dtype != object


def _are_several(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(as_spikes(one) is not None for one in value)


def _of_dots(style: Mapping[str, Any]) -> dict[str, Any]:
    """Return a user's style of dots with defaults: no edges, unless a marker such as "|" consists of nothing else."""
    given = style.get("marker")
    marker = extra_of("matplotlib.markers").MarkerStyle("o" if given is None else given)
    width = 0.0 if marker.is_filled() else _STROKE
    return styled("collections.PathCollection", style, s=4.0, linewidth=width)


_STROKE = 0.8  # width of a marker without an area [points]


def _dots(ax: Axes, times: Any, rows: Any, style: dict[str, Any]) -> None:
    # A vector file of many dots is large and slow to show; its axes and text stay vectors.
    ax.scatter(times, rows, **{"rasterized": len(times) > _MOST_VECTORS, **style})


_MOST_VECTORS = 20_000


def _stacked(found: Sequence[Named], ax: Axes | None, style: dict[str, Any]) -> Axes:
    """Draw populations one below the other."""
    ax = axes("plot.raster", ax)
    centers, top = [], 0
    for k, (_, spikes) in enumerate(found):
        own = {} if "c" in style else {"color": color(k) if len(found) > 1 else ink()}
        _dots(ax, spikes.times, top + spikes.columns(), {**own, **style})
        centers.append(top + (len(spikes.elements) - 1) / 2)
        top += len(spikes.elements)
        if k < len(found) - 1:
            ax.axhline(top - 0.5, color=GRAY, linewidth=0.5)
    ax.set_yticks(centers, [f"{literal(name)}\n({len(s.elements)})" for name, s in found])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(max(top, 1) - 0.5, -0.5)
    ax.set_xlabel("time (ms)")
    return ax


@spelled
def activity(
    recorders: SpikesOf,
    start: float = 0.0,
    stop: float | None = None,
    *,
    window: float = 500.0,
    neurons: int = 4000,
    colors: Sequence[Any] = (BLUE, RED),
    figure: Figure | None = None,
) -> Figure:
    """Draw the activity of populations: a raster, and next to it rates, irregularity and synchrony.

    The layout is that of Potjans & Diesmann (2014), Fig. 6: a raster with the first population on top; box
    plots of the neurons' rates (quartiles with the median, a line for the middle 90 %, a dot for the mean);
    the mean CV of inter-spike intervals; and the variance of the population's spike counts in bins of 3 ms,
    divided by their mean.

    Parameters
    ----------
    recorders : SpikeRecorder, SpikeRecording, Spikes, or list or dict of them
        Spikes of one or several populations, such as the dict that `Microcircuit.record` returns.
    start, stop : float
        The interval of the statistics [ms]; by default from 0 to the current time.
    window : float
        Length of the last part of the interval, which the raster shows [ms].
    neurons : int
        Number of neurons in the raster: the same share of each population, or all if there are fewer.
    colors : sequence
        Colours of the populations, used in turn.
    figure : Figure, optional
        An empty Figure to draw on.

    Returns
    -------
    Figure
    """
    where = "plot.activity"
    named = named_spikes(where, "recorders", recorders)
    require_observed(where, named)
    found = [spikes for _, spikes in named]
    if not isinstance(colors, Sequence) or not colors:
        fail(where, "colors", colors, "must be a sequence of colours")
    require(where, "window", number(where, "window", window, "ms"), "> 0")
    total = sum(len(spikes.elements) for spikes in found)
    share = min(1.0, integer(where, "neurons", neurons, 1) / max(total, 1))
    if stop is None:
        stop = max((s.stop for s in found if s.stop is not None), default=None)
    if stop is None:
        fail(where, "stop", stop, "must be given with Spikes whose end is unknown")
    start, stop = (
        float(number(where, name, x, "ms")) for name, x in (("start", start), ("stop", stop))
    )
    if not stop > start:
        fail(where, "stop", stop, f"must be after start = {start:g} ms")
    # What was not observed, or too briefly, has no statistics.
    lengths = [last - first for first, last in (overlap(s, start, stop) for s in found)]
    each = list(zip(found, lengths, strict=True))
    rates = [statistics.rates(r, start, stop) if t > 0 else np.zeros(0) for r, t in each]

    figure = figure_of(where, figure, (11.0, 5.0))
    dots, *panels = figure.subplots(1, 4, width_ratios=(3, 1, 1, 1))
    centers, top = [], 0
    for k, spikes in enumerate(found):
        shown = max(1, round(share * len(spikes.elements)))
        times, rows = spikes.times, spikes.columns()
        drawn = (rows < shown) & (times > max(start, stop - window)) & (times <= stop)
        raster(times[drawn], top + rows[drawn], ax=dots, s=1.0, color=colors[k % len(colors)])
        centers.append(top + shown / 2)
        top += shown
    dots.set(xlim=(max(start, stop - window), stop), ylim=(top, 0), ylabel="", yticks=centers)
    names = [literal(name) for name, _ in named]
    dots.set_yticklabels(names)

    boxes, irregular, together = panels
    place = np.arange(len(found))
    shades = [colors[k % len(colors)] for k in range(len(found))]
    low, first, middle, third, high = np.array(
        [np.percentile(r, (5, 25, 50, 75, 95)) if r.size else [np.nan] * 5 for r in rates]
    ).T
    boxes.hlines(place, low, high, color=ink(), linewidth=1.0, zorder=0.5)
    boxes.barh(place, third - first, left=first, color=shades)
    boxes.vlines(middle, place - 0.4, place + 0.4, color=figure.get_facecolor())
    boxes.plot([r.mean() if r.size else np.nan for r in rates], place, ".", color=ink())
    cvs = [statistics.cvs(r, start, stop) if t > 0 else np.zeros(0) for r, t in each]
    known = [cv[np.isfinite(cv)] for cv in cvs]
    irregular.barh(place, [cv.mean() if cv.size else np.nan for cv in known], color=shades)
    together.barh(
        place,
        [statistics.synchrony(r, start, stop) if t >= 3.0 else np.nan for r, t in each],
        color=shades,
    )
    labels = ("rate (Hz)", "CV of intervals", "synchrony")
    for panel, label in zip(panels, labels, strict=True):
        panel.set(xlabel=label, yticks=place, ylim=(len(found) - 0.5, -0.5))
        panel.set_yticklabels(names if panel is boxes else [])
    return figure
