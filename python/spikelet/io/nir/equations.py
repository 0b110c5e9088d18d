"""Steps of NIR's equations, for the reader and the writer of neurons."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Mode: TypeAlias = Literal["exact", "euler"]
Floats: TypeAlias = NDArray[np.float64]


def step_of(dt: float, tau: Floats, mode: Mode) -> tuple[Floats, Floats]:
    """Return the decay in a step, and the part of the way to the limit that a step covers."""
    a = dt / tau
    return (1 - a, a) if mode == "euler" else (np.exp(-a), -np.expm1(-a))


def crossing(dt: float, tau_mem: Floats, tau_syn: Floats) -> Floats:
    """Return what a current of 1 at the start of a step adds to the potential by its end, with a resistance of 1.

    The solution of both equations has a limit where the time constants are equal.
    """
    from scipy.special import exprel  # noqa: PLC0415  slow to import

    a, b = dt / tau_mem, dt / tau_syn
    return np.asarray(a * np.exp(-np.minimum(a, b)) * exprel(-np.abs(a - b)))


def simple(value: Any) -> Any:
    """Return one number for an array of equal ones."""
    if isinstance(value, np.ndarray) and (value == value.flat[0]).all():
        return value.flat[0].item()
    return value
