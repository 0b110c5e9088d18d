"""A network as a graph: populations are nodes, projections are arrows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.spelling import spelled
from spikelet._util.tables import value
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.neurons import NeuronModel
from spikelet.plot.figures import BLUE, GRAY, RED, axes, extra_of, ink, literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_SYNAPSES = 20_000_000
"""Synapses of a projection up to which its weights are read."""

_MOST_LABELS = 12
_RADIUS = 0.2


@spelled
def network(net: NetworkContents, *, labels: bool | None = None, ax: Axes | None = None) -> Axes:
    """Draw populations as circles and projections as arrows from source to target.

    Arrows are blue if the mean weight is positive, red if it is negative, grey without synapses and
    with more than 20 million, dashed if the projection is plastic, and wider the more synapses there are. Sources of spikes are circles with a dotted edge.

    Parameters
    ----------
    net : Network
        The network.
    labels : bool, optional
        Write the number of synapses at each arrow; by default if there are at most 12.
    ax : Axes, optional
        Axes to draw on.

    Returns
    -------
    Axes
    """
    where = "plot.network"
    if not isinstance(net, NetworkContents):
        fail(where, "net", net, "must be a Network", error=TypeError)
    if not net.populations:
        fail(where, "net", 0, "must have a population", got="populations")
    if labels is not None and not isinstance(labels, bool):
        fail(where, "labels", labels, "must be True, False or None", error=TypeError)
    return draw(net, list(map(_mean_weight, net.projections)), labels=labels, ax=axes(where, ax))


def draw(
    net: NetworkContents, means: Sequence[float | None], *, labels: bool | None = None, ax: Axes
) -> Axes:
    """Draw the graph of a network that has populations; see `network`.

    Parameters
    ----------
    net : Network
        The network.
    means : sequence of float or None
        Mean weight of each projection, or None for a grey arrow.
    labels, ax
        As for `network`.
    """
    patches = extra_of("matplotlib.patches")
    n = len(net.populations)
    angles = np.pi / 2 - 2 * np.pi * np.arange(n) / n
    if n <= 2:  # side by side
        angles = np.array([np.pi, 0.0])[:n]
    places = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (0.0 if n == 1 else max(0.55, 0.13 * n))  # fmt: skip
    outward = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if labels is None:
        labels = len(net.projections) <= _MOST_LABELS
    of = {population.index: k for k, population in enumerate(net.populations)}
    most = max([len(p) for p in net.projections], default=1)
    before: list[tuple[int, int]] = []
    for projection, mean in zip(net.projections, means, strict=True):
        shade = GRAY if mean is None else BLUE if mean >= 0 else RED
        pair = of[projection.pre.index], of[projection.post.index]
        again = before.count(pair)
        before.append(pair)
        ends = places[pair[0]], places[pair[1]]
        middle = _arrow(ax, patches, projection, shade, ends, outward[pair[0]], most, again)
        if labels:
            ax.annotate(
                value(len(projection)), middle, ha="center", va="center", fontsize="small",
                color=shade, bbox={"boxstyle": "round,pad=0.15", "facecolor": ax.get_facecolor(), "edgecolor": "none"},
            )  # fmt: skip
    for population, place in zip(net.populations, places, strict=True):
        _node(ax, patches, population, place)
    margin = _RADIUS + (0.45 if _loops(net) else 0.08)
    margins = np.array(
        [margin, margin if n > 2 else _RADIUS + 0.12]
    )  # loops are beside two circles
    low, high = places.min(axis=0) - margins, places.max(axis=0) + margins
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    ax.set_axis_off()
    return ax


def _node(ax: Axes, patches: Any, population: Population, place: Any) -> None:
    source = not isinstance(population.model, NeuronModel)
    circle = patches.Circle(
        place, _RADIUS, facecolor=ax.get_facecolor(), edgecolor=ink(), linewidth=1.3,
        linestyle=":" if source else "-", zorder=3,
    )  # fmt: skip
    ax.add_patch(circle)
    name = population.name if len(population.name) <= 12 else f"{population.name[:11]}…"
    text = f"{name}\n{type(population.model).__name__}\n{value(population.size)}"
    longest = max(map(len, text.split("\n")))
    size = min(9.0, 78.0 / max(longest, 8))
    ax.annotate(literal(text), place, ha="center", va="center", fontsize=size, zorder=4)


def _arrow(
    ax: Axes,
    patches: Any,
    projection: Projection,
    shade: str,
    ends: Any,
    outward: Any,
    most: int,
    again: int,
) -> Any:
    """Draw one projection, the n-th between its ends, and return where its label goes."""
    start, end = ends
    width = 0.8 + 2.2 * np.log1p(len(projection)) / np.log1p(max(most, 1)) if len(projection) else 0.8  # fmt: skip
    loop = projection.pre.index == projection.post.index
    if loop:
        turn = np.array([[np.cos(0.6), -np.sin(0.6)], [np.sin(0.6), np.cos(0.6)]])
        start, end = start + _RADIUS * (turn @ outward), end + _RADIUS * (turn.T @ outward)
        rad = -1.8 - 0.8 * again
        middle = ends[0] + outward * (_RADIUS + 0.26 + 0.1 * again)
    else:
        along = (end - start) / max(np.hypot(*(end - start)), 1e-9)
        side = np.array([along[1], -along[0]])
        start, end = start + along * (_RADIUS + 0.01), end - along * (_RADIUS + 0.03)
        rad = 0.22 + 0.25 * again
        middle = (start + end) / 2 + side * rad / 2 * np.hypot(*(end - start))
    ax.add_patch(
        patches.FancyArrowPatch(
            start, end, connectionstyle=f"arc3,rad={rad}", arrowstyle="-|>", mutation_scale=10 + 2 * width,
            linewidth=width, color=shade, linestyle="-" if projection.plasticity is None else "--",
            shrinkA=0.0, shrinkB=0.0, zorder=2, gid=f"{projection.pre.name} -> {projection.post.name}",
        )
    )  # fmt: skip
    return middle


def _mean_weight(projection: Projection) -> float | None:
    return float(np.mean(projection.weights)) if 0 < len(projection) <= MOST_SYNAPSES else None


def _loops(net: NetworkContents) -> bool:
    return any(p.pre.index == p.post.index for p in net.projections)
