"""The record of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np

from spikelet._util.checks import choice, fail

__all__ = ["Arrays", "Record", "check_name"]

_LONGEST = 200  # characters in a name

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

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the record of a stored description, without arrays.

        Raises
        ------
        ValueError, TypeError
            If it was not made by `to_json`.
        """
        record = cls(**data)
        choice("stored run", "status", record.status, "done", "failed")
        texts = (record.error, record.traceback, record.host, record.version, record.simd)
        if not all(text is None or isinstance(text, str) for text in texts):
            fail("stored run", "texts", texts, "must be strings")
        if not isinstance(record.seconds, int | float) or not isinstance(record.scalars, dict):
            fail("stored run", "seconds and scalars", record, "must be a number and a dict")
        for name, value in record.scalars.items():
            if value is not None and type(value) not in (bool, int, float, str):
                fail("stored run", f"scalar {name!r}", value, "must be a number or a string")
        return record


def check_name(name: str, own: str) -> None:
    """Check that a name is valid in an HDF5 file, and has no special meaning there."""
    if not own.strip(".") or not name.isprintable() or "/" in name or len(name) > _LONGEST:
        shown = name if len(name) <= _LONGEST else f"{name[:_LONGEST]}..."
        msg = (
            f"names of results must be printable, have 1 to {_LONGEST} characters, no '/', "
            f"and not consist of dots, got {shown!r}"
        )
        raise ValueError(msg)
