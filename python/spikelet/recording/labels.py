"""What samples are: whose, of what, in which unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class Labels:
    """What the rows and columns of samples are.

    Attributes
    ----------
    population : str
        Name of the population, or "E-I" of a projection.
    name : str
        What was sampled: "V_m", "weights".
    unit : str
        Its unit, or "" if it has none or it is unknown.
    columns : mapping of str to array
        Labels of the columns: "id", or "pre" and "post".
    every : float
        Interval of sampling [ms].
    when : str
        "after_reset" or "before_reset".
    """

    population: str
    name: str
    unit: str
    columns: Mapping[str, npt.NDArray[Any]]
    every: float
    when: str = "after_reset"

    @property
    def about(self) -> dict[str, Any]:
        """Description of the whole, by name."""
        when = {} if self.when == "after_reset" else {"when": self.when}
        return {"population": self.population, **when}
