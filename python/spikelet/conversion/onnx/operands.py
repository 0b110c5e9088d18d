"""Operands of ONNX operators: data, constants, and what is omitted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from spikelet.conversion.building import Call, Data

__all__ = [
    "Attributes",
    "Handler",
    "Operands",
    "Result",
    "at",
    "constant",
    "data",
    "number",
    "whole",
]

Attributes: TypeAlias = Mapping[str, Any]
Operands: TypeAlias = Sequence[Any]  # Data, arrays, or None for an omitted operand
Result: TypeAlias = Any  # Data, or a tuple of results, which may be arrays
Handler: TypeAlias = Callable[[Call, Attributes, Operands], Result]


def at(xs: Operands, k: int) -> Any:
    """Return an operand, or None if it is omitted."""
    return xs[k] if k < len(xs) else None


def constant(c: Call, xs: Operands, k: int, what: str) -> Any:
    """Return an operand that must not depend on the input."""
    value = at(xs, k)
    if isinstance(value, Data):
        c.refuse(f"has {what} that depend on the input", "export the model with constants there")
    return value


def whole(c: Call, xs: Operands, k: int, what: str) -> list[int] | None:
    """Return an operand of integers, or None if it is omitted."""
    value = constant(c, xs, k, what)
    return None if value is None else [int(v) for v in np.ravel(value)]


def number(c: Call, xs: Operands, k: int, what: str) -> float | None:
    """Return an operand of one number, or None if it is omitted."""
    value = constant(c, xs, k, what)
    return None if value is None else float(np.ravel(value)[0])


def data(c: Call, xs: Operands) -> Data:
    """Return the first operand, which must depend on the input."""
    (x,) = c.data(xs[0])
    return x
