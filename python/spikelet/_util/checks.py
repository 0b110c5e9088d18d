"""Checks of what users pass in: every error names the object, the argument, the value and the rule."""

from __future__ import annotations

import contextlib
import operator
import sys
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]

# How many of the package's unit one SI unit is.
_SI = {"ms": 1e3, "mV": 1e3, "pA": 1e12, "pF": 1e12, "nS": 1e9, "Hz": 1.0}
_BRIAN = {"ms": "second", "mV": "volt", "pA": "amp", "pF": "farad", "nS": "siemens", "Hz": "hertz"}


def fail(where: str, argument: str, value: object, rule: str, *, got: str = "") -> NoReturn:
    """Raise a ValueError that names the object, the argument, the rule and the value.

    Parameters
    ----------
    where : str
        The object or call: ``"connect E -> I"``.
    argument : str
        Name of the argument.
    value : object
        What was passed, or the part of it that breaks the rule.
    rule : str
        A predicate: ``"must be positive"``.
    got : str
        What the value is of the argument, if it is not the argument itself: ``"shape"``.
    """
    msg = f"{where}: {argument} {rule}, got {f'{got} ' if got else ''}{value!r}"
    raise ValueError(msg)


@contextlib.contextmanager
def named(where: str) -> Iterator[None]:
    """Put the object in front of the core's own errors."""
    try:
        yield
    except ValueError as error:
        msg = f"{where}: {error}"
        raise ValueError(msg) from None


def magnitude(value: Any, unit: str) -> Any:
    """Turn a quantity (pint, quantities, Brian2, anything with `.to` or `.rescale`) into plain numbers."""
    if not unit:
        return value
    if hasattr(value, "rescale"):
        return np.asarray(value.rescale(unit).magnitude)
    if hasattr(value, "has_same_dimensions"):  # Brian2 keeps SI base units
        brian = sys.modules["brian2"]
        if not value.has_same_dimensions(getattr(brian, _BRIAN[unit])):
            msg = f"cannot convert {value!r} to {unit}"
            raise ValueError(msg)
        return np.asarray(value, dtype=float) * _SI[unit]
    if hasattr(value, "to") and hasattr(value, "magnitude"):
        return np.asarray(value.to(unit).magnitude)
    return value


def numbers(where: str, argument: str, value: Any, unit: str = "", dimensions: int = 1) -> Float:
    """Return finite or infinite (not NaN) float64 numbers of at most so many dimensions."""
    try:
        array = np.asarray(magnitude(value, unit), dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = (
            f"{where}: {argument} must be a number or an array of numbers, got {value!r} ({error})"
        )
        raise TypeError(msg) from None
    if array.ndim > dimensions:
        limit = "one dimension" if dimensions == 1 else f"{dimensions} dimensions"
        fail(where, argument, array.shape, f"must have at most {limit}; its shape")
    if np.isnan(array).any():
        fail(where, argument, value, "must not hold NaN but finite numbers")
    return array


def number(where: str, argument: str, value: Any, unit: str = "") -> Float:
    """Return one number."""
    array = numbers(where, argument, value, unit)
    if array.ndim:
        fail(where, argument, value, "must be one number")
    return array


def representable(where: str, argument: str, array: Float, dtype: np.dtype[Any]) -> None:
    """Check that finite numbers stay finite in the network's precision."""
    bad = np.abs(array) > np.finfo(dtype).max
    if bad.any():
        fail(
            where, argument, float(array[bad][0]), f"must be finite and within the range of {dtype}"
        )


def require(where: str, argument: str, array: Float, rule: str) -> None:
    """Check "finite", "> 0", ">= 0" or "in [0, 1]"; the first value that breaks it is named."""
    ok = np.isfinite(array)
    if rule.endswith("> 0"):
        ok &= array > 0
    elif rule.endswith(">= 0"):
        ok &= array >= 0
    elif rule == "in [0, 1]":
        ok &= (array >= 0) & (array <= 1)
    if not ok.all():
        bad = np.flatnonzero(~np.atleast_1d(ok))[0]
        at = f" at index {bad}" if array.ndim else ""
        first = float(np.atleast_1d(array)[bad])
        rule = rule if np.isfinite(first) or "finite" in rule else f"finite and {rule}"
        fail(where, argument, first, f"must be {rule}{at}")


def integer(where: str, argument: str, value: Any, low: int, high: int | None = None) -> int:
    """Return an integer in [low, high]."""
    try:
        number = operator.index(value)
    except TypeError:
        msg = f"{where}: {argument} must be an integer, got {value!r}"
        raise TypeError(msg) from None
    if number < low or (high is not None and number > high):
        fail(
            where,
            argument,
            number,
            f"must be >= {low}" + ("" if high is None else f" and <= {high}"),
        )
    return number


def fits(where: str, argument: str, array: Float, n: int) -> Float:
    """Check that there is one value, or one for each of n elements."""
    if array.ndim == 1 and array.shape[0] != n:
        fail(where, argument, array.shape, f"must be one number or {n} of them; its shape")
    return np.atleast_1d(array)


def ids(where: str, argument: str, value: Any, n: int) -> npt.NDArray[np.uint32]:
    """Return element ids in [0, n)."""
    array = np.asarray(value)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        msg = f"{where}: {argument} must be a one-dimensional array of integers, got {value!r}"
        raise TypeError(msg)
    if array.size and (array.min() < 0 or array.max() >= n):
        bad = array[(array < 0) | (array >= n)][0]
        fail(where, argument, int(bad), f"must lie in 0 .. {n - 1}")
    return array.astype(np.uint32)


def interval(where: str, every: float | None, dt: float, argument: str = "every") -> int:
    """Return an interval in steps; by default one step."""
    if every is None:
        return 1
    value = number(where, argument, every, "ms")
    require(where, argument, value, "> 0")
    steps = round(float(value) / dt)
    if steps < 1 or abs(steps * dt - float(value)) > 1e-6 * dt:
        fail(where, argument, every, f"must be a multiple of dt = {dt:g} ms")
    return steps


def steps_of(where: str, argument: str, value: Any, dt: float) -> tuple[float, int]:
    """Return a time >= 0 [ms] on the grid, as given and in steps."""
    array = number(where, argument, value, "ms")
    require(where, argument, array, ">= 0")
    time = float(array)
    if time / dt > 2**53:
        fail(where, argument, value, "must be at most 2^53 steps")
    steps = round(time / dt)
    if abs(steps * dt - time) > max(1e-6 * dt, 1e-12 * time):
        fail(where, argument, value, f"must be a multiple of dt = {dt:g} ms")
    return time, steps
