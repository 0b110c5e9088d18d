"""An operator that its own framework evaluates: a way out for what is not among the layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from spikelet.conversion.building import Call, Data, Layout
from spikelet.layers import Foreign, Shape

__all__ = ["foreign"]


def foreign(
    c: Call,
    xs: Sequence[Data],
    function: Callable[..., Any],
    result: Shape,
    layout: Layout,
) -> Data:
    """Add a layer that calls a function.

    Parameters
    ----------
    xs : sequence of Data
        Its operands.
    function : callable
        Takes one array for each operand, one sample without the batch, and returns an array.
    result : tuple of int
        Shape of the returned array.
    layout : Layout
        Where the framework's result has its batch.
    """
    found = c.add(Foreign(function, result), *xs)
    return Data(found.source, layout.axis, layout.merged)
