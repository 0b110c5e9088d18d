"""Pictures that follow a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from spikelet._util.checks import fail, interval, number, require, steps_of
from spikelet._util.spelling import spelled
from spikelet.network.network import Network
from spikelet.network.recorders import SpikeRecorder, StateRecorder, WeightRecorder
from spikelet.plot.figures import figure_of, pyplot
from spikelet.plot.populations import SpikesOf, named_spikes
from spikelet.plot.spikes import raster_and_rates
from spikelet.plot.synapses import weight_history
from spikelet.plot.traces import trace
from spikelet.recording.reading import RecordedSamples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawn: TypeAlias = SpikesOf | RecordedSamples | Callable[["Figure"], Any]


@spelled
def live(
    net: Network,
    duration: float,
    what: Drawn,
    *,
    every: float | None = None,
    window: float | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Run a network and draw what it does meanwhile: in a notebook, or in a window of matplotlib.

    The run is cut into pieces, which does not change its result. Ctrl-C ends it as it ends `Network.run`.

    Parameters
    ----------
    net : Network
        The network.
    duration : float
        Model time [ms], a multiple of dt.
    what : recorder of spikes, list or dict of them, recorder of a state or of weights, or callable
        What to draw: spikes by `raster_and_rates`, a state by `trace`, weights by `weight_history`, or whatever a
        function draws on the empty Figure that it is given. Recorders must be of this network.
    every : float, optional
        Model time between pictures [ms], a multiple of dt; by default a twentieth of the run.
    window : float, optional
        Model time to show before the present [ms]; by default all.
    figure : Figure, optional
        A Figure to draw on, which is cleared.

    Returns
    -------
    Figure
        The last picture.

    Examples
    --------
    >>> import spikelet as sl
    >>> net = sl.Network(seed=1)
    >>> neurons = net.population(20, sl.LIF(I_e=450.0))
    >>> spikes = net.record(neurons, "spikes")
    >>> figure = sl.plot.live(net, 100.0, spikes, every=20.0)
    >>> net.t
    100.0
    """
    where = "plot.live"
    if not isinstance(net, Network):
        fail(where, "net", net, "must be a Network", error=TypeError)
    _, steps = steps_of(where, "duration", duration, net.dt)
    piece = max(1, steps // 20) if every is None else interval(where, every, net.dt)
    length = None
    if window is not None:
        length = number(where, "window", window, "ms")
        require(where, "window", length, "> 0")
    draw = _drawing(where, what, net, None if length is None else float(length))
    figure = figure_of(where, figure, (8.0, 5.0))
    screen = _Screen(figure)
    done = 0
    try:
        while done < steps:
            now = min(piece, steps - done)
            net.run(now * net.dt)
            done += now
            figure.clear()
            draw(figure)
            screen.show()
    finally:
        screen.close()
    return figure


def _drawing(where: str, what: Any, net: Network, window: float | None) -> Callable[[Figure], Any]:
    def start() -> float:
        return 0.0 if window is None else max(0.0, net.t - window)

    if isinstance(what, RecordedSamples):
        _require_own(where, what, net)
        picture = weight_history if isinstance(what, WeightRecorder) else trace

        def samples(figure: Figure) -> None:
            ax = picture(what, ax=figure.subplots())
            ax.set_xlim(start(), net.t)

        return samples
    if callable(what) and not isinstance(what, Mapping):
        return what  # type: ignore[no-any-return]  # it takes a Figure
    named_spikes(where, "what", what)
    several = list(what.values()) if isinstance(what, Mapping) else what
    for one in several if isinstance(several, list | tuple) else [several]:
        _require_own(where, one, net)

    def spikes(figure: Figure) -> None:
        raster_and_rates(what, start(), net.t, figure=figure)

    return spikes


def _require_own(where: str, recorder: Any, net: Network) -> None:
    made = isinstance(recorder, SpikeRecorder | StateRecorder | WeightRecorder)
    if made and recorder.network is not net:
        fail(where, "what", recorder, "must be a recorder of net, from net.record()")


class _Screen:
    """Where a figure is seen: a cell of a notebook, a window, or nowhere until it is saved."""

    def __init__(self, figure: Figure) -> None:
        self._figure = figure
        self._cell: Any = None
        shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
        self._notebook = shell is not None and hasattr(shell, "kernel")

    def show(self) -> None:
        if not self._notebook:
            if pyplot().isinteractive():
                self._figure.canvas.draw_idle()
                self._figure.canvas.flush_events()
            return
        if self._cell is None:
            self._cell = sys.modules["IPython.display"].display(self._figure, display_id=True)
        else:
            self._cell.update(self._figure)

    def close(self) -> None:
        if self._notebook:  # else the cell would show the figure again, at its end
            pyplot().close(self._figure)
