"""Plots of layered models: the losses of a conversion, and accuracy against its costs.

The protocols say what each function draws; the results of `spikelet.conversion` have these attributes, and so may any
other object. Each function returns the Axes or Figure that it drew on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail
from spikelet._util.spelling import spelled
from spikelet.plot.figures import BLUE, GREY, RED, axes, figure_of, ink, literal, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "accuracy_curve",
    "coding_tradeoff",
    "conversion_report",
    "frontier",
    "hybrid_search",
    "layer_rates",
    "response_times",
]


class ReportedLayer(Protocol):
    """A layer of a report; see `spikelet.conversion.LayerReport`."""

    @property
    def name(self) -> str: ...
    @property
    def error(self) -> float: ...
    @property
    def activity(self) -> float: ...
    @property
    def rate(self) -> float | None: ...
    @property
    def silenced(self) -> float | None: ...
    @property
    def saturated(self) -> float | None: ...
    @property
    def threshold(self) -> tuple[float, float, float] | None: ...
    @property
    def vanishing(self) -> bool: ...


class Tried(Protocol):
    """Networks and what they lose and cost; see `spikelet.conversion.Frontier`."""

    @property
    def points(self) -> Sequence[Any]: ...
    @property
    def integer_loss(self) -> float: ...
    @property
    def integer_energy(self) -> float: ...


class Report(Protocol):
    """A comparison by layer; see `spikelet.conversion.ConversionReport`."""

    @property
    def layers(self) -> Sequence[ReportedLayer]: ...


class Curve(Protocol):
    """Accuracy against the number of steps; see `spikelet.conversion.AccuracyCurve`."""

    @property
    def steps(self) -> NDArray[np.int64]: ...
    @property
    def quality(self) -> NDArray[np.float64]: ...
    @property
    def accuracy(self) -> NDArray[np.float64] | None: ...
    @property
    def spikes(self) -> NDArray[np.float64] | None: ...
    @property
    def energy_nj(self) -> NDArray[np.float64] | None: ...
    @property
    def ann_accuracy(self) -> float | None: ...


class Curves(Protocol):
    """Several curves by name; see `spikelet.conversion.Comparison`."""

    @property
    def curves(self) -> Mapping[str, Curve]: ...


class SplitCandidate(Protocol):
    """One way to split a network; see `spikelet.conversion.Candidate`."""

    @property
    def split(self) -> str | None: ...
    @property
    def loss(self) -> float: ...
    @property
    def ratio(self) -> float: ...


class SplitSearch(Protocol):
    """A search for a split; see `spikelet.conversion.HybridSearch`."""

    @property
    def candidates(self) -> Sequence[SplitCandidate]: ...
    @property
    def index(self) -> int | None: ...
    @property
    def direction(self) -> str: ...


class ResponseTimes(Protocol):
    """Steps until each sample is decided; see `spikelet.conversion.Decisions`."""

    @property
    def steps(self) -> NDArray[np.int64]: ...
    @property
    def decision(self) -> NDArray[np.int64]: ...


@spelled
def conversion_report(report: Report, *, figure: Figure | None = None) -> Figure:
    """Draw a conversion report: error, activity, rate, silenced and saturated neurons and threshold of each layer.

    The first layer is on top. Layers where spikes vanish are red.

    Parameters
    ----------
    report : ConversionReport
        The result of ``spikelet.conversion.report``.
    figure : Figure, optional
        An empty Figure to draw on.

    Returns
    -------
    Figure
    """
    where = "plot.conversion_report"
    if not hasattr(report, "layers"):
        fail(where, "report", report, "must be a ConversionReport", error=TypeError)
    layers = report.layers
    if not layers:
        fail(
            where,
            "report",
            len(layers),
            "must have a layer of neurons; graded units have none",
            got="layers",
        )
    figure = figure_of(where, figure, (11.0, 1.6 + 0.28 * len(layers)))
    errors, activity, rates, shares, thresholds = figure.subplots(1, 5)
    place = np.arange(len(layers))
    colours = [RED if layer.vanishing else BLUE for layer in layers]
    errors.barh(place, [100 * layer.error for layer in layers], color=colours)
    activity.barh(place, [100 * layer.activity for layer in layers], color=colours)
    activity.axvline(100, color=ink(), linewidth=0.8)
    rates.barh(place, [_known(layer.rate) for layer in layers], color=colours)
    silenced = np.array([100 * _known(layer.silenced) for layer in layers])
    saturated = np.array([100 * _known(layer.saturated) for layer in layers])
    shares.barh(place - 0.2, silenced, height=0.4, color=RED, label="silenced")
    shares.barh(place + 0.2, saturated, height=0.4, color=GREY, label="saturated")
    shares.legend(fontsize="small", frameon=False)
    spread = np.array([layer.threshold or (math.nan,) * 3 for layer in layers]).reshape(-1, 3)
    thresholds.hlines(place, spread[:, 0], spread[:, 2], color=GREY)
    thresholds.plot(spread[:, 1], place, ".", color=ink())
    labels = (
        "error (% of RMS)",
        "activity (% of ANN)",
        "spikes per step",
        "neurons (%)",
        "threshold",
    )
    for panel, label in zip(figure.axes[-5:], labels, strict=True):
        panel.set(xlabel=label, yticks=place, ylim=(len(layers) - 0.5, -0.5))
        panel.set_yticklabels([literal(layer.name) for layer in layers] if panel is errors else [])
    return figure


def accuracy_curve(
    curves: Curve | Curves | Mapping[str, Curve],
    *,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw accuracy (or agreement with the ANN, without labels) against the number of steps.

    Parameters
    ----------
    curves : AccuracyCurve, Comparison or dict of str to AccuracyCurve
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    named = _named("plot.accuracy_curve", curves)
    ax = axes("plot.accuracy_curve", ax)
    for name, curve in named.items():
        own = styled("lines.Line2D", style, linewidth=1.2, label=literal(name))
        ax.plot(curve.steps, 100 * curve.quality, **own)
    for accuracy in sorted({c.ann_accuracy for c in named.values() if c.ann_accuracy is not None}):
        ax.axhline(100 * accuracy, color=ink(), linewidth=0.8, linestyle=":")
    ax.set_xscale("log", base=2)
    ax.set_xlabel("steps")
    ax.set_ylabel(_quality(named))
    if len(named) > 1:
        ax.legend(frameon=False)
    return ax


def coding_tradeoff(
    curves: Curves | Mapping[str, Curve],
    *,
    against: Literal["spikes", "energy"] = "spikes",
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw accuracy against its cost: a line for each model or coding, a dot for each T.

    Parameters
    ----------
    curves : Comparison or dict of str to AccuracyCurve
        Curves with spikes and energy (``energy_samples`` > 0).
    against : "spikes" or "energy"
        The cost, per sample.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    where = "plot.coding_tradeoff"
    choice(where, "against", against, "spikes", "energy")
    named = _named(where, curves)
    for name, curve in named.items():
        if curve.spikes is None:
            fail(where, "curves", name, "must have spikes and energy (energy_samples > 0)")
    ax = axes(where, ax)
    for name, curve in named.items():
        cost = curve.spikes if against == "spikes" else curve.energy_nj
        assert cost is not None
        ax.plot(cost, 100 * curve.quality, **{"marker": ".", "label": literal(name), **style})
    ax.set_xscale("log")
    ax.tick_params(axis="x", which="minor", labelbottom=False)
    ax.set_xlabel(
        "spikes per sample" if against == "spikes" else "energy per sample (nJ, estimate)"
    )
    ax.set_ylabel(_quality(named))
    if len(named) > 1:
        ax.legend(frameon=False)
    return ax


@spelled
def hybrid_search(search: SplitSearch, *, ax: Axes | None = None) -> Axes:
    """Draw the loss and energy of each candidate of a search for a split, and mark the chosen one.

    Parameters
    ----------
    search : HybridSearch
        The result of ``spikelet.conversion.search_split``.
    ax : Axes, optional
        Axes to draw on; energy gets a second axis on the right.

    Returns
    -------
    Axes
    """
    where = "plot.hybrid_search"
    if not hasattr(search, "candidates"):
        fail(where, "search", search, "must be a HybridSearch", error=TypeError)
    ax = axes(where, ax)
    place = np.arange(len(search.candidates))
    ax.plot(place, [c.loss for c in search.candidates], ".-", color=BLUE)
    ax.set_ylabel("loss (points)", color=BLUE)
    ax.set_xticks(place, [literal(c.split or "(nothing)") for c in search.candidates], rotation=90)
    ax.set_xlabel("SNN up to" if search.direction == "snn-first" else "ANN up to")
    right = ax.twinx()
    right.plot(place, [c.ratio for c in search.candidates], ".-", color=RED)
    right.set_ylabel("energy / ANN (estimate)", color=RED)
    if search.index is not None:
        ax.axvline(search.index, color=GREY, linewidth=0.8, linestyle=":")
    return ax


@spelled
def frontier(found: Tried, *, ax: Axes | None = None) -> Axes:
    """Draw loss against energy of the networks of a frontier: a line for each kind of neurons, run to the end and stopped.

    Parameters
    ----------
    found : Frontier
        The result of ``spikelet.conversion.frontier``.
    ax : Axes, optional
        Axes to draw on.

    Returns
    -------
    Axes
    """
    where = "plot.frontier"
    if not hasattr(found, "integer_energy"):
        fail(where, "found", found, "must be a Frontier", error=TypeError)
    ax = axes(where, ax)
    kinds = list(dict.fromkeys(p.model.neuron for p in found.points))
    for kind, color in zip(kinds, (BLUE, RED, *[GREY] * len(kinds)), strict=False):
        for stopped in (False, True):
            own = [
                p
                for p in found.points
                if p.model.neuron == kind and (p.stopping is not None) == stopped
            ]
            if not own:
                continue
            label = f"{kind}, stopped" if stopped else kind
            ax.plot([p.energy for p in own], [p.loss for p in own], "o-" if stopped else "o:", color=color,
                    markerfacecolor=color if stopped else "none", label=label)  # fmt: skip
            cheapest = min(own, key=lambda p: (p.loss, p.energy))
            for p in own:
                if p is cheapest or p.loss > cheapest.loss:  # others lose as little, for more
                    ax.annotate(
                        str(p.model.steps),
                        (p.energy, p.loss),
                        xytext=(-4, 6) if stopped else (4, 6),
                        textcoords="offset points",
                        horizontalalignment="right" if stopped else "left",
                        color=color,
                    )
    ax.plot(found.integer_energy, found.integer_loss, "s", color=GREY, label="ANN, int8")
    ax.axvline(1.0, color=GREY, linewidth=0.8, linestyle=":")
    ax.set_xlabel("energy / ANN (estimate)")
    ax.set_ylabel("loss (points)")
    ax.set_xscale("log")
    ax.set_yscale("symlog", linthresh=0.5)
    losses = [found.integer_loss, *(p.loss for p in found.points)]
    ax.set_ylim(min(0.0, *losses) - 0.1, 1.6 * max(1.0, *losses))
    ax.legend(frameon=False)
    return ax


def response_times(
    decisions: ResponseTimes | Mapping[str, ResponseTimes], *, ax: Axes | None = None, **style: Any
) -> Axes:
    """Draw the share of samples that are decided, against the number of steps.

    Parameters
    ----------
    decisions : Decisions or dict of str to Decisions
        Results of ``spikelet.conversion.steps_to_decision``.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.ecdf``.

    Returns
    -------
    Axes
    """
    named = decisions if isinstance(decisions, Mapping) else {"": decisions}
    if not named or not all(hasattr(d, "decision") for d in named.values()):
        fail("plot.response_times", "decisions", decisions, "must be Decisions", error=TypeError)
    ax = axes("plot.response_times", ax)
    for name, found in named.items():
        ax.ecdf(found.steps, **{"label": literal(name), **style})
    ax.set_xlabel("steps")
    ax.set_ylabel("share decided")
    if len(named) > 1:
        ax.legend(frameon=False)
    return ax


class Layered(Protocol):
    """A model of layers; see `spikelet.SpikingModel`."""

    @property
    def neurons(self) -> tuple[str, ...]: ...
    @property
    def graph(self) -> Any: ...
    def run(self, x: Any, steps: int | None = None, **options: Any) -> Any: ...


def layer_rates(
    model: Layered,
    x: Any,
    steps: int | None = None,
    *,
    ax: Axes | None = None,
    **run_args: Any,
) -> Axes:
    """Draw how many spikes each layer of a model sends, to see where they vanish.

    The first layer is on top. A layer is red if its neurons spike less than a tenth as often as those of a layer
    before it.

    Parameters
    ----------
    model : SpikingModel
        The model.
    x : array-like, [B, ...] with `steps`, else [T, B, ...]
        Samples, as for `SpikingModel.run`.
    steps : int, optional
        Number of steps T; by default that of a converted model, or of the sequence.
    ax : Axes, optional
        Axes to draw on.
    **run_args
        Others of `SpikingModel.run`.

    Returns
    -------
    Axes
    """
    where = "plot.layer_rates"
    if not hasattr(model, "neurons") or not hasattr(model, "graph"):
        fail(where, "model", model, "must be a SpikingModel", error=TypeError)
    if not model.neurons:
        fail(where, "model", 0, "must have a layer of spiking neurons", got="layers")
    named = [f"{name}.mean" for name in model.neurons]
    found = model.run(x, steps, record=named, **run_args)
    spikes = [found.operations[name].spikes for name in model.neurons]
    sizes = [math.prod(found[name].shape[1:]) for name in named]
    total = float(np.mean(found.steps))
    rates = [one / (size * total) for one, size in zip(spikes, sizes, strict=True)]
    vanish = [rate == 0 or rate < 0.1 * max(rates[: k + 1]) for k, rate in enumerate(rates)]
    ax = axes(where, ax)
    place = np.arange(len(rates))
    bars = ax.barh(place, rates, color=[RED if gone else BLUE for gone in vanish])
    ax.bar_label(bars, [f"{rate:.3g}" for rate in rates], padding=3, fontsize="small")
    ax.set_yticks(place, list(map(literal, model.neurons)))
    ax.set_ylim(len(rates) - 0.5, -0.5)
    ax.set_xlabel("spikes per neuron and step")
    ax.margins(x=0.15)
    return ax


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _named(where: str, curves: Any) -> Mapping[str, Curve]:
    if hasattr(curves, "curves"):
        curves = curves.curves
    elif not isinstance(curves, Mapping):
        curves = {"": curves}
    if not curves or not all(hasattr(c, "quality") for c in curves.values()):
        fail(where, "curves", curves, "must be accuracy curves", error=TypeError)
    named: Mapping[str, Curve] = curves
    return named


def _quality(named: Mapping[str, Curve]) -> str:
    labels = all(c.accuracy is not None for c in named.values())
    return "accuracy (%)" if labels else "agreement with the ANN (%)"
