"""Plots of layered models: the results of conversions against their costs, and the rates of layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.results import Table
from spikelet._util.spelling import spelled
from spikelet._util.tables import SHARES, title
from spikelet.plot.figures import BLUE, RED, axes, figure_of, ink, literal, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["bars", "layer_rates", "results"]

_MANY = 10.0  # ratio of the largest to the smallest value from which an axis is logarithmic


def results(
    tables: Table | Mapping[str, Table],
    x: str | None = None,
    y: str | None = None,
    *,
    ax: Axes | None = None,
    **style: Any,
) -> Axes:
    """Draw one column of results against another: accuracy against steps, loss against energy, ...

    There is a line for each table, or for each name in the first column of a table whose first column holds names. Points that
    are not drawn against steps have their number of steps beside them. Dotted lines show the ANN's accuracy or energy.

    Parameters
    ----------
    tables : Table or dict of str to Table
        Results, such as those of `spikelet.conversion.evaluate`.
    x, y : str, optional
        Columns; by default those in the table's ``axes``.
    ax : Axes, optional
        Axes to draw on.
    **style
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    where = "plot.results"
    named = dict(tables) if isinstance(tables, Mapping) else {"": tables}
    if not named or not all(isinstance(table, Table) for table in named.values()):
        fail(where, "tables", tables, "must be a Table, or several by name", error=TypeError)
    first = next(iter(named.values()))
    x, y = x or first.axes[0], y or first.axes[1]
    for name, table in named.items():
        for argument, column in (("x", x), ("y", y)):
            if column not in table.columns:
                rule = f"must be a column of each table: {', '.join(table.columns)}"
                fail(where, f"{argument} of '{name}'" if name else argument, column, rule)
    ax = axes(where, ax)
    lines = [line for name, table in named.items() for line in _lines(name, table)]
    for label, rows in lines:
        points = [(r[x] * _scale(x), r[y] * _scale(y)) for r in rows]
        own = styled("lines.Line2D", style, linewidth=1.2, marker=".", label=literal(label))
        (drawn,) = ax.plot(*zip(*points, strict=True), **own)
        if x != "steps" and "steps" in rows[0] and len(rows) > 1:
            for row, point in zip(rows, points, strict=True):
                near: dict[str, Any] = {"textcoords": "offset points", "fontsize": "small"}
                ax.annotate(str(row["steps"]), point, (4, 4), color=drawn.get_color(), **near)
    _references(ax, x, y, named.values())
    values = np.array([float(row[x]) for _, rows in lines for row in rows])
    if x == "steps":
        ax.set_xscale("log", base=2)
    elif values.min() > 0 and values.max() > _MANY * values.min():
        ax.set_xscale("log")
        ax.tick_params(axis="x", which="minor", labelbottom=False)
    if y == "loss":
        ax.set_yscale("symlog", linthresh=0.5)
    ax.set_xlabel(_title(x))
    ax.set_ylabel(_title(y))
    if len(lines) > 1:
        ax.legend(frameon=False)
    return ax


@spelled
def bars(
    table: Table, columns: Sequence[str] | None = None, *, figure: Figure | None = None
) -> Figure:
    """Draw columns of results as bars, a panel for each column and a bar for each row.

    The first row is on top. Rows with a note, such as layers where spikes vanish, are red.

    Parameters
    ----------
    table : Table
        Results whose first column holds names, such as those of `spikelet.conversion.report`.
    columns : sequence of str, optional
        Columns to draw; by default those in the table's ``axes``.
    figure : Figure, optional
        An empty Figure to draw on.

    Returns
    -------
    Figure
    """
    where = "plot.bars"
    if not isinstance(table, Table):
        fail(where, "table", table, "must be a Table", error=TypeError)
    if not table.rows:
        fail(where, "table", 0, "must have rows; graded units have no neurons", got="rows")
    known = table.columns
    wanted = [c for c in table.axes[1:] if c in known] if columns is None else list(columns)
    for column in wanted:
        if column not in known:
            fail(where, "columns", column, f"must be among {', '.join(known)}")
    figure = figure_of(where, figure, (2.2 * max(2, len(wanted)), 1.6 + 0.28 * len(table)))
    names = [str(next(iter(row.values()))) or "(nothing)" for row in table]
    colors = [RED if row.get("note") else BLUE for row in table]
    panels = figure.subplots(1, len(wanted), squeeze=False)[0]
    place = np.arange(len(table))
    for column, panel in zip(wanted, panels, strict=True):
        values = table[column].astype(float) * _scale(column)
        panel.barh(place, values, color=colors)
        panel.set_xbound(lower=min(0.0, np.nanmin(values)))
        panel.set(xlabel=_title(column), yticks=place, ylim=(len(table) - 0.5, -0.5))
        panel.set_yticklabels(list(map(literal, names)) if panel is panels[0] else [])
    return figure


def _lines(name: str, table: Table) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Yield the label and the rows of each line."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in table:
        key = next(iter(row.values()))
        parts = [str(name), key if isinstance(key, str) else ""]
        groups.setdefault(", ".join(filter(None, parts)), []).append(row)
    yield from groups.items()


def _references(ax: Axes, x: str, y: str, tables: Any) -> None:
    """Draw what the ANN has."""
    if y == "accuracy":
        for accuracy in sorted({t.facts.get("ann_accuracy") for t in tables} - {None}):
            ax.axhline(100 * accuracy, color=ink(), linewidth=0.8, linestyle=":")
    if x.endswith("_ratio"):
        ax.axvline(1.0, color=ink(), linewidth=0.8, linestyle=":")


def _scale(column: str) -> float:
    return 100.0 if column in SHARES else 1.0


def _title(column: str) -> str:
    titles = {
        "energy_nj": "energy per sample (nJ, estimate)",
        "energy_ratio": "energy / ANN (estimate)",
        "loss": "loss (points)",
        "memory_ratio": "energy with memory\n/ ANN (estimate)",
        "spikes": "spikes per sample",
    }
    return titles.get(column, title(column) + (" (%)" if column in SHARES else ""))


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
