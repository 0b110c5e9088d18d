"""Axes to draw on; matplotlib is an optional dependency."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spikelet._util.extras import extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes", "pyplot"]


def axes(ax: Axes | None) -> Axes:
    """Return the given Axes, or new ones."""
    new: Axes = pyplot().subplots()[1] if ax is None else ax
    return new


def pyplot() -> Any:
    """Return matplotlib.pyplot."""
    return extra("matplotlib.pyplot", "spikelet.plot", "plot")
