"""The record of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["Arrays", "Record"]

Arrays = dict[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Record:
    """Everything that is known about a run.

    Parameters
    ----------
    status : str
        "done", "failed", or "missing".
    scalars : dict
        Numbers, strings, bools and None that the function returned, by name.
    arrays : dict
        Arrays that the function returned, by name.
    error, traceback : str, optional
        The exception of a failed run, and its traceback.
    seconds : float
        Time spent in the function [s].
    host, version, simd : str
        Machine, version of spikelet, and SIMD level.
    """

    status: Literal["done", "failed", "missing"]
    scalars: dict[str, Any] = field(default_factory=dict)
    arrays: Arrays = field(default_factory=dict, repr=False)
    error: str | None = None
    traceback: str | None = None
    seconds: float = float("nan")
    host: str = ""
    version: str = ""
    simd: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return everything except the arrays."""
        return {name: value for name, value in vars(self).items() if name != "arrays"}
