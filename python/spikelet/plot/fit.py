"""Data and fit, and the course of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikelet._util.checks import fail
from spikelet.fitting.result import FitResult
from spikelet.plot.figures import BLUE, RED, figure_of, ink

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST = 6  # sweeps


def fit(result: FitResult, *, figure: Figure | None = None) -> Figure:
    """Draw the recording and the best candidate's response, sweep by sweep, and below them the least loss so far.

    The data is in the colour of text, the fit in blue. Spikes are marks above the potentials: those of the data in the upper
    row, those of the fit in the lower one. The first six sweeps are drawn.

    Parameters
    ----------
    result : FitResult
        What `spikelet.fit` returned. The response is computed again.
    figure : Figure, optional
        Figure to draw on.

    Returns
    -------
    Figure
    """
    if not isinstance(result, FitResult):
        fail("plot.fit", "result", result, "must be what spikelet.fit returned", error=TypeError)
    data, found = result.recording.responses, result.responses
    sweeps = min(result.recording.sweeps, _MOST)
    figure = figure_of("plot.fit", figure, (7.0, 1.5 * sweeps + 2.0))
    *panels, below = figure.subplots(sweeps + 1, 1)
    for sweep, ax in enumerate(panels):
        for which, color, height in ((data, ink(), 0.97), (found, BLUE, 0.9)):
            if which.V_m is not None and data.V_m is not None:
                times = (np.arange(len(which.V_m)) + 1) * which.dt
                ax.plot(times, which.V_m[:, sweep, 0], color=color, linewidth=1.0)
            sent = which.times()[:, sweep, 0]
            sent = sent[np.isfinite(sent)]
            marks: Any = {"color": color, "markersize": 5, "transform": ax.get_xaxis_transform()}
            ax.plot(sent, np.full(len(sent), height), "|", **marks)
        ax.margins(y=0.25)
        ax.set_xlim(0.0, data.duration)
        ax.set_ylabel("V_m (mV)" if data.V_m is not None else "spikes")
        if sweep < sweeps - 1:
            ax.set_xticklabels([])
        if data.V_m is None:
            ax.set_yticks([])
    panels[-1].set_xlabel("time (ms)")
    below.plot(np.arange(1, len(result.losses) + 1), result.history, color=RED, linewidth=1.0)
    below.set_xlabel("candidates")
    below.set_ylabel("least loss")
    if np.isfinite(result.history).any() and result.loss > 0:
        below.set_yscale("log")
    return figure
