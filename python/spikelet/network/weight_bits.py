"""Bits of a weight: floats, or whole numbers of 16 bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikelet._util.checks import fail, number, require
from spikelet.plasticity import Plasticity

_ALLOWED = 'must be "float", "int16" or sl.Int16(...)'


@dataclass(frozen=True)
class Int16:
    """Weights of 16 bits, for `Network.connect`: less memory, and faster where rows are long.

    The magnitude of a weight is rounded to a multiple of a step, a power of two. The largest magnitude has at most
    65535 steps, so the error of a weight is at most 1 / 65535 of the largest, and half of that if the largest is just
    below a power of two. Events of one time step are summed exactly, as integers, and the sum is rounded once.

    Parameters
    ----------
    largest : float, optional
        Largest magnitude that a weight may have, now and later, in the unit of the weight; by default that of the
        given weights, or the largest that the distribution can give. Projections onto a population share rows of
        synapses if they have the same step; give them the same `largest` if rows would otherwise be short.
    """

    largest: float | None = None

    def __post_init__(self) -> None:
        if self.largest is not None:
            value = number("Int16", "largest", self.largest)
            require("Int16", "largest", value, "> 0")
            require("Int16", "largest", value, "finite")
            object.__setattr__(self, "largest", float(value))


def largest_of(where: str, weight_dtype: Any, plasticity: Plasticity | None) -> float | None:
    """Return the largest magnitude of weights of 16 bits, 0.0 for that of the weights, or None for floats."""
    if isinstance(weight_dtype, str) and weight_dtype == "float":
        return None
    if isinstance(weight_dtype, str) and weight_dtype == "int16":
        weight_dtype = Int16()
    if not isinstance(weight_dtype, Int16):
        error = ValueError if isinstance(weight_dtype, str) else TypeError
        hint = "" if isinstance(weight_dtype, str) else "; the weights themselves are weight=..."
        fail(where, "weight_dtype", weight_dtype, _ALLOWED + hint, error=error)
    if plasticity is not None:
        rule = 'must be "float" for plastic synapses'
        fail(where, "weight_dtype", weight_dtype, rule)
    return weight_dtype.largest or 0.0
