"""Pictures of spikes, potentials and weights, with matplotlib.

Each function draws on the Axes it is given, or on a new one, and returns it; all else (titles,
limits, saving) is matplotlib's business. Needs ``pip install 'spikelet[plot]'``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from spikelet import statistics
from spikelet._util.checks import fail, integer, number, require
from spikelet.network.recorders import SpikeRecorder, StateRecorder
from spikelet.plot.figures import axes, pyplot
from spikelet.recording.reading import RecordedSpikes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["activity", "feature_maps", "raster", "receptive_fields", "trace"]

_UNITS = {"V_m": "mV", "theta": "mV", "g_ex": "nS", "g_in": "nS"}


def raster(
    spikes: RecordedSpikes | ArrayLike,
    ids: ArrayLike | None = None,
    *,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw each spike as a dot, time to the right, ids upwards.

    Parameters
    ----------
    spikes : SpikeRecorder, SpikeRecording or array-like, [n_spikes]
        What `Network.record` or `read_recording` returned, or the times of the spikes [ms].
    ids : array-like, [n_spikes]
        Who spiked; only with times.
    ax : Axes, optional
        Where to draw.
    **style
        For ``Axes.scatter``: ``s`` (size), ``c`` (colours), ``marker``, ...

    Returns
    -------
    Axes
    """
    if isinstance(spikes, RecordedSpikes):
        if ids is not None:
            fail("plot.raster", "ids", ids, "must not be given with a recorder, which has its own")
        times, rows = spikes.times, spikes.ids
    elif ids is None:
        fail("plot.raster", "ids", ids, "must be given with times")
    else:
        times, rows = np.asarray(spikes, np.float64), np.asarray(ids)
        if times.ndim != 1 or rows.shape != times.shape:
            shapes = (times.shape, rows.shape)
            fail("plot.raster", "times and ids", shapes, "must be one-dimensional and equally long")
    ax = axes(ax)
    if "c" not in style:
        style.setdefault("color", "black")
    ax.scatter(times, rows, **{"s": 4.0, "linewidths": 0.0, **style})
    ax.set_xlabel("time (ms)")
    ax.set_ylabel("id")
    return ax


def trace(recorder: StateRecorder, *, ax: Axes | None = None, **style: Any) -> Axes:
    """Draw a recorded state over time, one line for each element recorded.

    Parameters
    ----------
    recorder : StateRecorder
        What `Network.record` returned.
    ax : Axes, optional
        Where to draw.
    **style
        For ``Axes.plot``: ``color``, ``linewidth``, ...

    Returns
    -------
    Axes
    """
    if not isinstance(recorder, StateRecorder):
        msg = f"plot.trace: recorder must be a StateRecorder, got {recorder!r}"
        raise TypeError(msg)
    ax = axes(ax)
    ax.plot(recorder.times, recorder.values, **{"linewidth": 1.0, **style})
    ax.set_xlabel("time (ms)")
    ax.set_ylabel(f"{recorder.name} ({_UNITS.get(recorder.name, 'pA')})")
    return ax


def receptive_fields(
    weights: ArrayLike,
    shape: tuple[int, int],
    *,
    ax: Axes | None = None,
    columns: int | None = None,
    **style: Any,
) -> Axes:
    """Draw the weights onto each neuron as a small picture, all of them side by side.

    Parameters
    ----------
    weights : array-like, [height * width, n_neurons]
        From pixels to neurons; ``projection.weights.reshape(len(pixels), -1)`` of an all-to-all
        projection.
    shape : (height, width)
        Of one picture.
    ax : Axes, optional
        Where to draw.
    columns : int, optional
        Pictures in a row; by default about as many as rows.
    **style
        For ``Axes.imshow``: ``cmap``, ``vmin``, ``vmax``, ...

    Returns
    -------
    Axes
    """
    fields = np.asarray(weights, np.float64)
    height, width = shape
    if fields.ndim != 2 or fields.shape[0] != height * width:
        rule = f"must be [{height * width}, n_neurons] for pictures of {height} x {width}; shape"
        fail("plot.receptive_fields", "weights", fields.shape, rule)
    n = fields.shape[1]
    columns = max(1, math.ceil(math.sqrt(n)) if columns is None else columns)
    rows = max(1, math.ceil(n / columns))
    tiles = np.full((rows * columns, height + 1, width + 1), np.nan)  # NaN: the gaps, not drawn
    tiles[:n, :height, :width] = fields.T.reshape(n, height, width)
    mosaic = tiles.reshape(rows, columns, height + 1, width + 1).swapaxes(1, 2)
    ax = axes(ax)
    image = mosaic.reshape(rows * (height + 1), -1)[:-1, :-1]
    ax.imshow(image, **{"cmap": "magma", "interpolation": "nearest", **style})
    ax.set_axis_off()
    return ax


def feature_maps(weights: ArrayLike, *, ax: Axes | None = None, **style: Any) -> Axes:
    """Draw what the maps of a first convolutional layer look for, side by side.

    Parameters
    ----------
    weights : array-like, [kernel, kernel, 2, maps]
        From on- and off-centre cells; ``model.weights[0]`` of a `ConvSTDP`. Drawn is on minus off,
        bright where the map waits for light.
    ax : Axes, optional
        Where to draw.
    **style
        As for `receptive_fields`.

    Returns
    -------
    Axes
    """
    kernels = np.asarray(weights, np.float64)
    if kernels.ndim != 4 or kernels.shape[2] != 2:
        fail(
            "plot.feature_maps",
            "weights",
            kernels.shape,
            "must be [kernel, kernel, 2, maps]; shape",
        )
    height, width, _, maps = kernels.shape
    contrast = (kernels[:, :, 0] - kernels[:, :, 1]).reshape(height * width, maps)
    style = {"cmap": "gray", "vmin": -1.0, "vmax": 1.0, **style}
    return receptive_fields(contrast, (height, width), ax=ax, **style)


def activity(
    recorders: Mapping[str, SpikeRecorder],
    start: float = 0.0,
    stop: float | None = None,
    *,
    window: float = 500.0,
    neurons: int = 4000,
    colours: Sequence[Any] = ("#2f5d8a", "#c8553d"),
    figure: Figure | None = None,
) -> Figure:
    """Draw what populations do: spikes, and rates, irregularity and synchrony beside them.

    As in Potjans & Diesmann (2014), Fig. 6: a raster with the first population on top; boxes of the
    neurons' rates (quartiles with the median, a line for the middle 90 %, a dot for the mean); the
    mean CV of inter-spike intervals; variance over mean of the population's spike counts in 3 ms.

    Parameters
    ----------
    recorders : dict of str to SpikeRecorder
        By the name of the population; what `Microcircuit.record` returns.
    start, stop : float
        The interval of the statistics [ms], by default from 0 to now.
    window : float
        The raster shows its last part [ms].
    neurons : int
        The raster shows so many in all, the same share of each population, or all if there are fewer.
    colours : sequence
        Of the populations, in turn.
    figure : Figure, optional
        Where to draw; it should be empty.

    Returns
    -------
    Figure
    """
    where = "plot.activity"
    if not recorders or not all(isinstance(r, SpikeRecorder) for r in recorders.values()):
        msg = f"{where}: recorders must be a dict of SpikeRecorders, got {recorders!r}"
        raise TypeError(msg)
    require(where, "window", number(where, "window", window, "ms"), "> 0")
    total = sum(len(r.target) for r in recorders.values())
    share = min(1.0, integer(where, "neurons", neurons, 1) / max(total, 1))
    if stop is None:
        stop = next(iter(recorders.values())).network.t
    rates = [statistics.rates(r, start, stop) for r in recorders.values()]

    figure = (
        pyplot().figure(figsize=(11.0, 5.0), layout="constrained") if figure is None else figure
    )
    dots, *panels = figure.subplots(1, 4, width_ratios=(3, 1, 1, 1))
    centres, top = [], 0
    for k, recorder in enumerate(recorders.values()):
        ids = np.full(recorder.target.size, -1)
        shown = max(1, round(share * len(recorder.target)))
        ids[recorder.target.ids[:shown]] = np.arange(shown)
        times, rows = recorder.times, ids[recorder.ids]
        drawn = (rows >= 0) & (times > max(start, stop - window)) & (times <= stop)
        raster(times[drawn], top + rows[drawn], ax=dots, s=1.0, color=colours[k % len(colours)])
        centres.append(top + shown / 2)
        top += shown
    dots.set(xlim=(max(start, stop - window), stop), ylim=(top, 0), ylabel="", yticks=centres)
    dots.set_yticklabels(recorders)

    boxes, irregular, together = panels
    place = np.arange(len(recorders))
    shades = [colours[k % len(colours)] for k in range(len(recorders))]
    low, first, middle, third, high = np.array(
        [np.percentile(r, (5, 25, 50, 75, 95)) if r.size else [np.nan] * 5 for r in rates]
    ).T
    boxes.hlines(place, low, high, color="black", linewidth=1.0, zorder=0.5)
    boxes.barh(place, third - first, left=first, color=shades)
    boxes.vlines(middle, place - 0.4, place + 0.4, color="white")
    boxes.plot([r.mean() if r.size else np.nan for r in rates], place, ".", color="black")
    cvs = [statistics.cvs(r, start, stop) for r in recorders.values()]
    known = [cv[np.isfinite(cv)] for cv in cvs]
    irregular.barh(place, [cv.mean() if cv.size else np.nan for cv in known], color=shades)
    together.barh(
        place, [statistics.synchrony(r, start, stop) for r in recorders.values()], color=shades
    )
    labels = ("rate (Hz)", "CV of intervals", "synchrony")
    for panel, label in zip(panels, labels, strict=True):
        panel.set(xlabel=label, yticks=place, ylim=(len(recorders) - 0.5, -0.5))
        panel.set_yticklabels(recorders if panel is boxes else [])
    return figure
