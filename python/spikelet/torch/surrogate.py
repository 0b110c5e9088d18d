"""Surrogate gradients, which replace the derivative of a spike in the backward pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util.checks import fail, numbers, require

__all__ = ["SURROGATES", "Table"]

# In the order of the core's enum. Formulas are functions of u = V - v_threshold, with a = alpha.
SURROGATES = {
    "atan": "(a/2) / (1 + (pi a u / 2)^2)",
    "sigmoid": "a e / (1 + e)^2, e = exp(-a u)",
    "fast_sigmoid": "1 / (1 + a|u|)^2",
    "triangle": "max(0, a - a^2 |u|)",
    "rectangle": "a where |u| < 1 / (2a)",
    "gaussian": "a exp(-(a u)^2 / 2) / sqrt(2 pi)",
}
# SuperSpike (Zenke & Ganguli, Neural Comput. 30, 2018) has the form of a fast sigmoid; Norse's default, with a = 100.
ALIASES = {"superspike": "fast_sigmoid"}


@dataclass(frozen=True, eq=False)
class Table:
    """A user-defined surrogate, given by a table of values.

    Parameters
    ----------
    low, high : float
        Range of u = V - v_threshold that the table covers; the surrogate is 0 outside.
    values : array-like, [n], n >= 2
        Values at equidistant points from `low` to `high`, with linear interpolation in between.

    Raises
    ------
    ValueError
        If `low` is not below `high`, or a value is not finite.
    """

    low: float
    high: float
    values: ArrayLike

    def __post_init__(self) -> None:
        for argument in ("low", "high"):
            value = numbers("Table", argument, getattr(self, argument), dimensions=0)
            require("Table", argument, value, "finite")
            object.__setattr__(self, argument, float(value))
        if self.low >= self.high:
            fail("Table", "low", self.low, f"must lie below high = {self.high:g}")
        values = numbers("Table", "values", self.values)
        if values.ndim != 1 or len(values) < 2:
            fail("Table", "values", values.shape, "must be [n] with n >= 2", got="shape")
        require("Table", "values", values, "finite")
        object.__setattr__(self, "values", tuple(values.tolist()))

    @property
    def step(self) -> float:
        """Distance between two points of the table."""
        return (self.high - self.low) / (np.size(self.values) - 1)


def checked(where: str, surrogate: Any) -> str | Table | None:
    """Return the surrogate under its canonical name; None is for inference."""
    if surrogate is None or isinstance(surrogate, Table):
        return surrogate
    name = ALIASES.get(surrogate, surrogate) if isinstance(surrogate, str) else surrogate
    if not isinstance(name, str) or name not in SURROGATES:
        names = ", ".join(f'"{n}"' for n in (*SURROGATES, *ALIASES))
        fail(where, "surrogate", surrogate, f"must be {names}, a Table or None")
    return str(name)
