"""Curves of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from spikelet._util.checks import fail
from spikelet._util.spelling import spelled
from spikelet.plot.figures import BLUE, GRAY, RED, figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["training_curves"]


class Epoch(Protocol):
    """One pass over the data; see `spikelet.torch.Epoch`."""

    @property
    def epoch(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @property
    def accuracy(self) -> float: ...
    @property
    def test_accuracy(self) -> float | None: ...
    @property
    def spikes(self) -> float: ...


@spelled
def training_curves(history: Sequence[Epoch], *, figure: Figure | None = None) -> Figure:
    """Draw loss, accuracy and spikes of each epoch of a training.

    Parameters
    ----------
    history : list of Epoch
        What `spikelet.torch.fit` returned.
    figure : Figure, optional
        An empty Figure to draw on.

    Returns
    -------
    Figure
    """
    where = "plot.training_curves"
    if not isinstance(history, Sequence) or not history or not all(hasattr(e, "loss") for e in history):  # fmt: skip
        fail(where, "history", history, "must be the epochs of fit()", error=TypeError)
    figure = figure_of(where, figure, (10.0, 3.2))
    left, middle, right = figure.subplots(1, 3)
    epochs = [e.epoch for e in history]
    style: dict[str, Any] = {"marker": ".", "linewidth": 1.4}
    left.plot(epochs, [e.loss for e in history], color=BLUE, **style)
    left.set_ylabel("loss")
    middle.plot(epochs, [100 * e.accuracy for e in history], color=BLUE, label="training", **style)
    for name, color in (("validation", GRAY), ("test", RED)):
        found = [(e.epoch, getattr(e, f"{name}_accuracy", None)) for e in history]
        known = [(epoch, 100 * x) for epoch, x in found if x is not None]
        if known:
            middle.plot(*zip(*known, strict=True), color=color, label=name, **style)
            middle.legend(frameon=False)
    middle.set_ylabel("accuracy (%)")
    right.plot(epochs, [e.spikes for e in history], color=GRAY, **style)
    right.set_ylabel("spikes per neuron and sample")
    right.set_ylim(bottom=0.0)
    for panel in (left, middle, right):
        panel.set_xlabel("epoch")
        panel.xaxis.get_major_locator().set_params(integer=True)
    return figure
