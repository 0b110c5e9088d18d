"""The synapses of a projection: who is connected to whom, weights and delays, and how weights change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import choice, fail, integer
from spikelet.network.projection import Projection
from spikelet.network.receptors import receptor_unit
from spikelet.neurons import NeuronModel
from spikelet.plot.figures import axes, ink, literal, styled
from spikelet.recording.reading import RecordedSamples

if TYPE_CHECKING:
    from matplotlib.axes import Axes

What = Literal["weights", "delays", "synapses"]


def connectivity(
    projection: Projection,
    *,
    what: What = "weights",
    cells: int = 400,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw a projection as a matrix: sources are rows, targets are columns.

    A large projection is drawn in cells of several neurons. Cells without a synapse stay empty.

    Parameters
    ----------
    projection : Projection
        What `Network.connect` returned.
    what : "weights", "delays" or "synapses"
        The mean weight, the mean delay [ms], or the number of the synapses of each cell.
    cells : int
        The most cells along an axis.
    ax : Axes, optional
        Axes to draw on; a colour bar is added beside them.
    **style
        For ``Axes.imshow``: ``cmap``, ``vmin``, ``vmax``, ...

    Returns
    -------
    Axes
    """
    where = "plot.connectivity"
    _check(where, projection)
    choice(where, "what", what, "weights", "delays", "synapses")
    cells = integer(where, "cells", cells, 1)
    sizes = [end.size for end in (projection.pre, projection.post)]
    wide = [max(1, -(-size // cells)) for size in sizes]
    shape = tuple(-(-size // w) for size, w in zip(sizes, wide, strict=True))
    flat = (projection.pre_ids // wide[0]) * shape[1] + projection.post_ids // wide[1]
    counts = np.bincount(flat, minlength=shape[0] * shape[1])
    if what == "synapses":
        image = np.where(counts, counts, np.nan)
    else:
        sums = np.bincount(flat, values_of(projection, what), shape[0] * shape[1])
        image = np.where(counts, sums / np.maximum(counts, 1), np.nan)
    ax = axes(where, ax)
    extent = (-0.5, shape[1] * wide[1] - 0.5, shape[0] * wide[0] - 0.5, -0.5)
    style = {"aspect": "auto", "interpolation": "nearest", "extent": extent, **style}
    own = "vmin" in style or "norm" in style
    if what == "weights" and not own and np.nanmin(image, initial=0.0) < 0 < np.nanmax(image, initial=0.0):  # fmt: skip
        most = float(np.nanmax(np.abs(image)))
        style = {"cmap": "RdBu_r", "vmin": -most, "vmax": most, **style}
    drawn = ax.imshow(image.reshape(shape), **style)
    ax.set_xlim(-0.5, sizes[1] - 0.5)
    ax.set_ylim(sizes[0] - 0.5, -0.5)
    ax.set_xlabel(f"target, {literal(projection.post.name)}")
    ax.set_ylabel(f"source, {literal(projection.pre.name)}")
    ax.figure.colorbar(drawn, ax=ax, label=label_of(projection, what))
    return ax


def synapse_distribution(
    projection: Projection,
    *,
    what: Literal["weights", "delays"] = "weights",
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw a histogram of the weights or delays of a projection.

    Parameters
    ----------
    projection : Projection
        What `Network.connect` returned.
    what : "weights" or "delays"
        What to count.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.hist``: ``bins``, ``color``, ...

    Returns
    -------
    Axes
    """
    where = "plot.synapse_distribution"
    _check(where, projection)
    choice(where, "what", what, "weights", "delays")
    values = values_of(projection, what)
    bins: Any = 50
    if what == "delays":  # delays are multiples of dt: other bins would be empty in between
        dt = projection.pre.network.dt
        least, most = (round(float(x) / dt) for x in (values.min(), values.max()))
        wide = max(1, -(-(most - least + 1) // 50))
        bins = (least - 0.5 + wide * np.arange((most - least) // wide + 2)) * dt
    ax = axes(where, ax)
    ax.hist(values, **{"bins": bins, "label": literal(f"{projection.pre.name} → {projection.post.name}"), **style})  # fmt: skip
    ax.set_xlabel(label_of(projection, what))
    ax.set_ylabel("synapses")
    return ax


def weight_history(
    recorder: RecordedSamples, *, lines: int = 20, ax: Axes | None = None, **style: Any
) -> Axes:
    """Draw how the weights of a projection change: single synapses, the mean, and the middle 80 %.

    Parameters
    ----------
    recorder : WeightRecorder or WeightRecording
        ``net.record(projection, "weights", every=...)``.
    lines : int
        Number of synapses drawn as lines, evenly spaced in canonical order; 0 draws only the mean and the band.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.plot`` of the single synapses.

    Returns
    -------
    Axes
    """
    where = "plot.weight_history"
    if not isinstance(recorder, RecordedSamples) or recorder.labels.name != "weights":
        rule = 'must be a recorder of weights: net.record(projection, "weights")'
        fail(where, "recorder", recorder, rule, error=TypeError)
    lines = integer(where, "lines", lines, 0)
    times, values, unit = recorder.times, recorder.values, recorder.labels.unit
    ax = axes(where, ax)
    if values.shape[1] and len(times):
        chosen = np.unique(np.linspace(0, values.shape[1] - 1, min(lines, values.shape[1])).round())
        if lines:
            own = styled("lines.Line2D", style, linewidth=0.6, alpha=0.5)
            ax.plot(times, values[:, chosen.astype(int)], **own)
        low, high = np.percentile(values, (10, 90), axis=1)
        ax.fill_between(times, low, high, color=ink(), alpha=0.15, linewidth=0.0, label="middle 80 %")  # fmt: skip
        ax.plot(times, values.mean(axis=1), color=ink(), linewidth=1.8, label="mean")
        ax.legend(frameon=False)
    ax.set_xlabel("time (ms)")
    ax.set_ylabel(f"weight ({unit})" if unit else "weight")
    return ax


def values_of(
    projection: Projection, what: Literal["weights", "delays"]
) -> npt.NDArray[np.float64]:
    """Return the weights or delays of all synapses."""
    return np.asarray(projection.weights if what == "weights" else projection.delays, np.float64)


def label_of(projection: Projection, what: What) -> str:
    """Return a label with the unit."""
    if what == "synapses":
        return "synapses"
    if what == "delays":
        return "delay (ms)"
    first = projection.blocks[0]
    model = first.post.model
    unit = receptor_unit(model, first.receptor) if isinstance(model, NeuronModel) else ""
    return f"weight ({unit})" if unit else "weight"


def _check(where: str, projection: Any) -> None:
    if not isinstance(projection, Projection) or not len(projection):
        rule = "must be a projection with synapses, from net.connect()"
        fail(where, "projection", projection, rule, error=TypeError)
