"""Where pictures are drawn; matplotlib is an extra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes", "pyplot"]


def axes(ax: Axes | None) -> Axes:
    """Return the Axes, or new ones."""
    return pyplot().subplots()[1] if ax is None else ax


def pyplot() -> Any:
    """Return matplotlib.pyplot."""
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415  # an extra, and slow to import
    except ImportError as error:
        msg = "spikelet.plot needs matplotlib: pip install 'spikelet[plot]'"
        raise ImportError(msg) from error
    return plt
