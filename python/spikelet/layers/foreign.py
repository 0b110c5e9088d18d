"""A layer that calls a Python function, for what no other layer computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from spikelet._util.checks import fail, shown
from spikelet.layers.base import Layer, Shape, integers

__all__ = ["Foreign"]


@dataclass(frozen=True, eq=False, repr=False)
class Foreign(Layer):
    """A Python function of the mean inputs of one sample; its output is constant over all steps.

    Like a `ReLU`, it waits for the spikes of all steps. It runs on one thread at a time, and is not counted in
    `Operations`. A model with such a layer can be neither saved nor exported.

    Parameters
    ----------
    function : callable
        ``function(*arrays) -> array``; the arrays, of float64, are the inputs of one sample.
    shape : sequence of int
        Shape of the result.
    """

    inputs: ClassVar[int | None] = None
    fewest: ClassVar[int] = 1

    function: Callable[..., Any]
    shape: Any

    def __post_init__(self) -> None:
        where = self._name()
        if not callable(self.function):
            msg = f"{where}: function must be callable, got {shown(self.function)}"
            raise TypeError(msg)
        shape = integers(where, "shape", self.shape, 1)
        if not shape:
            fail(where, "shape", shape, "must have at least one axis")
        self._set("shape", shape)

    @property
    def waits(self) -> bool:
        """True: it waits for the mean over all steps."""
        return True

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:  # noqa: ARG002
        shape: Shape = self.shape
        return shape
