"""Axes and figures to draw on; matplotlib is an optional dependency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spikelet._util.checks import fail
from spikelet._util.extras import extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Readable on white and on black.
BLUE, RED, GRAY = "#3b7dc4", "#d1583f", "#8a8a8a"


def axes(where: str, ax: Axes | None) -> Axes:
    """Return the given Axes, or new ones whose labels fit into the figure."""
    if ax is None:
        new: Axes = pyplot().subplots(layout="constrained")[1]
        return new
    if not hasattr(ax, "get_xlabel"):
        fail(
            where,
            "ax",
            ax,
            "must be Axes of matplotlib (one of plt.subplots()[1])",
            error=TypeError,
        )
    return ax


def figure_of(where: str, figure: Figure | None, size: tuple[float, float]) -> Figure:
    """Return the given Figure, or a new one of a given size whose labels fit."""
    if figure is None:
        new: Figure = pyplot().figure(figsize=size, layout="constrained")
        return new
    if not hasattr(figure, "subplots"):
        fail(
            where,
            "figure",
            figure,
            "must be a Figure of matplotlib (plt.figure())",
            error=TypeError,
        )
    # A SubFigure has the layout of its figure.
    if (
        hasattr(figure, "set_layout_engine")
        and figure.get_layout_engine() is None
        and not figure.axes
    ):
        figure.set_layout_engine("constrained")
    return figure


def styled(kind: str, style: Mapping[str, Any], **defaults: Any) -> dict[str, Any]:
    """Return arguments of matplotlib: a user's, also under a short name such as ``lw``, and defaults for others.

    Parameters
    ----------
    kind : str
        The artist that is drawn, which has the short names: ``"lines.Line2D"``.
    style : mapping
        What the user gave.
    **defaults
        Arguments for the rest, by their full names.
    """
    module, _, artist = kind.rpartition(".")
    full = extra_of("matplotlib.cbook").normalize_kwargs
    return {**defaults, **full(style, getattr(extra_of(f"matplotlib.{module}"), artist))}


def pyplot() -> Any:
    """Return matplotlib.pyplot."""
    return extra_of("matplotlib.pyplot")


def extra_of(module: str) -> Any:
    """Return a module of matplotlib."""
    return extra(module, "spikelet.plot", "plot")


def ink() -> Any:
    """Return the colour of text in the present style, which fits its background."""
    return pyplot().rcParams["text.color"]


def literal(name: object) -> str:
    """Return a text that matplotlib shows as this name, also one with dollar signs, which it would take for maths."""
    return str(name).replace("$", r"\$")


def color(place: int) -> str:
    """Return a colour of the present style's cycle."""
    return f"C{place}"
