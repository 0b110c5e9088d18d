"""Traces of recorded states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spikelet._util.checks import fail
from spikelet.network.recorders import MultiStateRecorder, StateRecorder
from spikelet.neurons import NeuronModel
from spikelet.plot.figures import axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["trace"]


def trace(recorder: StateRecorder, *, ax: Axes | None = None, **style: Any) -> Axes:
    """Draw a recorded state against time, one line for each recorded element.

    Parameters
    ----------
    recorder : StateRecorder
        A recorder of a state, from `Network.record`.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.plot``: ``color``, ``linewidth``, ...

    Returns
    -------
    Axes
    """
    if not isinstance(recorder, StateRecorder):
        several = isinstance(recorder, MultiStateRecorder)
        hint = f', such as recorder["{recorder.names[0]}"]' if several else ""
        rule = f"must be the recorder of one state{hint}"
        fail("plot.trace", "recorder", recorder, rule, error=TypeError)
    ax = axes("plot.trace", ax)
    ax.plot(recorder.times, recorder.values, **{"linewidth": 1.0, **style})
    ax.set_xlabel("time (ms)")
    ax.set_ylabel(_label(recorder))
    return ax


def _label(recorder: StateRecorder) -> str:
    model = recorder.target.model
    unit = model.state(recorder.name).unit if isinstance(model, NeuronModel) else ""
    return f"{recorder.name} ({unit})" if unit else recorder.name
