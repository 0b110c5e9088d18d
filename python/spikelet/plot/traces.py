"""Traces of recorded states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, number
from spikelet.network.groups import UnionStateRecorder
from spikelet.network.population import positions_in
from spikelet.network.recorders import MultiStateRecorder, StateRecorder, WeightRecorder
from spikelet.neurons import NeuronModel
from spikelet.plot.figures import GRAY, axes, ink, styled
from spikelet.recording.reading import RecordedSamples, RecordedSpikes
from spikelet.spikes.spikes import Spikes, as_spikes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_THRESHOLDS = ("V_th", "V_peak")


def trace(
    recorder: RecordedSamples,
    *,
    spikes: RecordedSpikes | Spikes | None = None,
    threshold: bool | float = False,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw a recorded state against time, one line for each recorded element.

    Parameters
    ----------
    recorder : StateRecorder, StateRecording
        Samples of one state, from `Network.record` or `read_recording`.
    spikes : SpikeRecorder, SpikeRecording or Spikes, optional
        Spikes of the same population: those of the recorded elements are marks above the traces. Recorders may be those
        of a union that the population is part of, or of a part of the population.
    threshold : bool or float
        True draws a line at the threshold of the recorder's model, V_th or V_peak; a number draws a line at this value.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.plot``: ``color``, ``linewidth``, ...

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If ``threshold=True`` and the model has none, or different ones, or if the spikes are those of others.
    """
    where = "plot.trace"
    if not isinstance(recorder, RecordedSamples) or isinstance(recorder, WeightRecorder):
        rule = "must be the recorder of one state"
        if isinstance(recorder, MultiStateRecorder):
            rule += f', such as recorder["{recorder.names[0]}"]'
        elif isinstance(recorder, WeightRecorder):
            rule += "; plot.weight_history draws weights"
        fail(where, "recorder", recorder, rule, error=TypeError)
    level = _level(where, recorder, threshold)
    sent = None if spikes is None else as_spikes(spikes)
    if spikes is not None and sent is None:
        rule = "must be a SpikeRecorder, a recording or Spikes"
        fail(where, "spikes", spikes, rule, error=TypeError)
    times, values, labels = recorder.times, recorder.values, recorder.labels
    ids = np.zeros(0) if sent is None else _ids(where, recorder, spikes, sent)
    ax = axes(where, ax)
    lines = ax.plot(times, values, **styled("lines.Line2D", style, linewidth=1.0))
    if level is not None:
        ax.axhline(level, color=GRAY, linewidth=0.8, linestyle="--")
    if sent is not None and len(times):
        _marks(ax, sent, lines, ids)
    ax.set_xlabel("time (ms)")
    ax.set_ylabel(f"{labels.name} ({labels.unit})" if labels.unit else labels.name)
    return ax


def _ids(where: str, recorder: RecordedSamples, spikes: Any, sent: Spikes) -> npt.NDArray[Any]:
    """Return the id that each recorded element has among the spikes; -1 if it has none."""
    labels = recorder.labels
    rule = f"must be those of {labels.population}, whose traces these are"
    own, other = getattr(recorder, "target", None), getattr(spikes, "target", None)
    if own is not None and other is not None and own.network is other.network:
        # Ids of a population count within the whole, those of a union within the union.
        union = len(other.parts) > 1
        found = positions_in(other) if union else {other.index: np.arange(other.size)}
        each: tuple[Any, ...] = (recorder,)
        if isinstance(recorder, UnionStateRecorder):
            each = recorder.recorders
        if any(one.target.index not in found for one in each):
            fail(where, "spikes", spikes, rule)
        # With several ranks, a file has the columns of one.
        return np.concatenate([found[one.target.index][one.labels.columns["id"]] for one in each])
    names = labels.population, sent.name
    if names[0] != names[1] and any(" + " in name for name in names):
        fail(where, "spikes", sent, f"{rule}; of a union, give the recorder")
    return np.asarray(labels.columns.get("id", np.arange(recorder.values.shape[1])))


def _marks(ax: Axes, spikes: Spikes, lines: list[Any], elements: Any) -> None:
    """Draw the spikes of each line in its colour, in the upper margin of the axes."""
    one = len(lines) == 1
    for k, (element, line) in enumerate(zip(elements, lines, strict=True)):
        times = spikes.times[spikes.ids == element]
        height = 0.985 - 0.05 * k / max(1, len(lines) - 1)
        ax.plot(times, np.full(len(times), height), "|", markersize=6, transform=ax.get_xaxis_transform(),
                color=ink() if one else line.get_color())  # fmt: skip
    ax.margins(y=0.12)


def _level(where: str, recorder: Any, threshold: Any) -> float | None:
    if threshold is False or threshold is None:
        return None
    if threshold is not True:
        return float(number(where, "threshold", threshold, recorder.labels.unit))
    model = recorder.target.model if isinstance(recorder, StateRecorder) else None
    values: set[float] = set()
    if isinstance(model, NeuronModel):
        found = [name for name in _THRESHOLDS if name in model.parameters()]
        values = {float(v) for name in found[:1] for v in np.atleast_1d(getattr(model, name))}
    if len(values) != 1:
        rule = "must be a number: the recorder's model has no single V_th or V_peak"
        fail(where, "threshold", threshold, rule)
    return values.pop()
