"""Pictures of layered models: what a conversion lost, and what accuracy costs.

Part of `spikelet.plot`, and as there each function returns the Axes or Figure that it drew on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spikelet._util.checks import fail
from spikelet.plot.figures import axes, pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spikelet.conversion.comparison import Comparison
    from spikelet.conversion.curves import AccuracyCurve
    from spikelet.conversion.hybrid import HybridSearch
    from spikelet.conversion.report import ConversionReport
    from spikelet.conversion.response import Decisions

__all__ = [
    "accuracy_curve",
    "coding_tradeoff",
    "conversion_report",
    "hybrid_search",
    "response_times",
]

_BLUE, _RED, _GREY = "#2f5d8a", "#c8553d", "#8a8a8a"


def conversion_report(report: ConversionReport, *, figure: Figure | None = None) -> Figure:
    """Draw a conversion report: error, rate, silent and saturated neurons and threshold of each layer.

    The first layer is on top. Layers where spikes vanish are red.

    Parameters
    ----------
    report : ConversionReport
        What ``spikelet.conversion.report`` returned.
    figure : Figure, optional
        Where to draw; it should be empty.

    Returns
    -------
    Figure
    """
    layers = report.layers
    if figure is None:
        size = (11.0, 1.6 + 0.28 * len(layers))
        figure = pyplot().figure(figsize=size, layout="constrained")
    errors, activity, rates, shares, thresholds = figure.subplots(1, 5)
    place = np.arange(len(layers))
    colours = [_RED if layer.vanishing else _BLUE for layer in layers]
    errors.barh(place, [100 * layer.error for layer in layers], color=colours)
    activity.barh(place, [100 * layer.activity for layer in layers], color=colours)
    activity.axvline(100, color="black", linewidth=0.8)
    rates.barh(place, [_known(layer.rate) for layer in layers], color=colours)
    silenced = np.array([100 * _known(layer.silenced) for layer in layers])
    saturated = np.array([100 * _known(layer.saturated) for layer in layers])
    shares.barh(place - 0.2, silenced, height=0.4, color=_RED, label="silenced")
    shares.barh(place + 0.2, saturated, height=0.4, color=_GREY, label="saturated")
    shares.legend(fontsize="small", frameon=False)
    spread = np.array([layer.threshold or (math.nan,) * 3 for layer in layers])
    thresholds.hlines(place, spread[:, 0], spread[:, 2], color=_GREY)
    thresholds.plot(spread[:, 1], place, ".", color="black")
    labels = (
        "error (% of RMS)",
        "activity (% of ANN)",
        "spikes per step",
        "neurons (%)",
        "threshold",
    )
    for panel, label in zip(figure.axes[-5:], labels, strict=True):
        panel.set(xlabel=label, yticks=place, ylim=(len(layers) - 0.5, -0.5))
        panel.set_yticklabels([layer.name for layer in layers] if panel is errors else [])
    return figure


def accuracy_curve(
    curves: AccuracyCurve | Comparison | Mapping[str, AccuracyCurve],
    *,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw accuracy (or agreement with the ANN, without labels) against the number of steps.

    Parameters
    ----------
    curves : AccuracyCurve, Comparison or dict of str to AccuracyCurve
    ax : Axes, optional
        Where to draw.
    **style
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    named = _named("plot.accuracy_curve", curves)
    ax = axes(ax)
    for name, curve in named.items():
        ax.plot(curve.steps, 100 * curve.quality, **{"linewidth": 1.2, "label": name, **style})
    for accuracy in sorted({c.ann_accuracy for c in named.values() if c.ann_accuracy is not None}):
        ax.axhline(100 * accuracy, color="black", linewidth=0.8, linestyle=":")
    ax.set_xscale("log", base=2)
    ax.set_xlabel("steps")
    ax.set_ylabel(_quality(named))
    if len(named) > 1:
        ax.legend(frameon=False)
    return ax


def coding_tradeoff(
    curves: Comparison | Mapping[str, AccuracyCurve],
    *,
    against: Literal["spikes", "energy"] = "spikes",
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw accuracy against what it costs, a line for each model or coding, a dot for each T.

    Parameters
    ----------
    curves : Comparison or dict of str to AccuracyCurve
        With spikes and energy (``energy_samples`` > 0).
    against : "spikes" or "energy"
        Per sample.
    ax : Axes, optional
        Where to draw.
    **style
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    where = "plot.coding_tradeoff"
    if against not in ("spikes", "energy"):
        fail(where, "against", against, 'must be "spikes" or "energy"')
    named = _named(where, curves)
    for name, curve in named.items():
        if curve.spikes is None:
            fail(where, "curves", name, "must have spikes and energy (energy_samples > 0)")
    ax = axes(ax)
    for name, curve in named.items():
        cost = curve.spikes if against == "spikes" else curve.energy_nj
        assert cost is not None
        ax.plot(cost, 100 * curve.quality, **{"marker": ".", "label": name, **style})
    ax.set_xscale("log")
    ax.tick_params(axis="x", which="minor", labelbottom=False)
    ax.set_xlabel(
        "spikes per sample" if against == "spikes" else "energy per sample (nJ, estimate)"
    )
    ax.set_ylabel(_quality(named))
    if len(named) > 1:
        ax.legend(frameon=False)
    return ax


def hybrid_search(search: HybridSearch, *, ax: Axes | None = None) -> Axes:
    """Draw loss and energy of each candidate of a search for a split; the chosen one is marked.

    Parameters
    ----------
    search : HybridSearch
        What ``spikelet.conversion.search_split`` returned.
    ax : Axes, optional
        Where to draw; energy gets an axis of its own on the right.

    Returns
    -------
    Axes
    """
    ax = axes(ax)
    place = np.arange(len(search.candidates))
    ax.plot(place, [c.loss for c in search.candidates], ".-", color=_BLUE)
    ax.set_ylabel("loss (points)", color=_BLUE)
    ax.set_xticks(place, [c.split or "(nothing)" for c in search.candidates], rotation=90)
    ax.set_xlabel("SNN up to" if search.direction == "snn-first" else "ANN up to")
    right = ax.twinx()
    right.plot(place, [c.ratio for c in search.candidates], ".-", color=_RED)
    right.set_ylabel("energy / ANN (estimate)", color=_RED)
    if search.index is not None:
        ax.axvline(search.index, color=_GREY, linewidth=0.8, linestyle=":")
    return ax


def response_times(
    decisions: Decisions | Mapping[str, Decisions], *, ax: Axes | None = None, **style: Any
) -> Axes:
    """Draw which share of the samples is decided after how many steps.

    Parameters
    ----------
    decisions : Decisions or dict of str to Decisions
        What ``spikelet.conversion.steps_to_decision`` returned.
    ax : Axes, optional
        Where to draw.
    **style
        For ``Axes.ecdf``.

    Returns
    -------
    Axes
    """
    named = decisions if isinstance(decisions, Mapping) else {"": decisions}
    if not named or not all(hasattr(d, "decision") for d in named.values()):
        msg = f"plot.response_times: decisions must be Decisions, got {decisions!r}"
        raise TypeError(msg)
    ax = axes(ax)
    for name, found in named.items():
        ax.ecdf(found.steps, **{"label": name, **style})
    ax.set_xlabel("steps")
    ax.set_ylabel("share decided")
    if len(named) > 1:
        ax.legend(frameon=False)
    return ax


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _named(where: str, curves: Any) -> Mapping[str, AccuracyCurve]:
    if hasattr(curves, "curves"):
        curves = curves.curves
    elif not isinstance(curves, Mapping):
        curves = {"": curves}
    if not curves or not all(hasattr(c, "quality") for c in curves.values()):
        msg = f"{where}: curves must be accuracy curves, got {curves!r}"
        raise TypeError(msg)
    named: Mapping[str, AccuracyCurve] = curves
    return named


def _quality(named: Mapping[str, AccuracyCurve]) -> str:
    labels = all(c.accuracy is not None for c in named.values())
    return "accuracy (%)" if labels else "agreement with the ANN (%)"
