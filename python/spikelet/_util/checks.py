"""Argument checks: every error names the object, the argument, the rule and the value."""

from __future__ import annotations

import difflib
import functools
import math
import operator
import reprlib
import sys
from collections import deque
from collections.abc import Collection
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from spikelet._util.tensors import detached

Float = npt.NDArray[np.float64]

# One SI unit in the package's unit.
_SI = {
    "ms": 1e3,
    "mV": 1e3,
    "pA": 1e12,
    "pF": 1e12,
    "nS": 1e9,
    "Hz": 1.0,
    "GOhm": 1e-9,
    "1/ms": 1e-3,
}
_BRIAN = {
    "ms": "second",
    "mV": "volt",
    "pA": "amp",
    "pF": "farad",
    "nS": "siemens",
    "Hz": "hertz",
    "GOhm": "ohm",
    "1/ms": "hertz",
}


class _Short(reprlib.Repr):
    """Representations for messages: one line, whatever the value."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = self.maxdict = 6
        self.maxarray = self.maxdeque = 6
        self.maxstring = self.maxother = _WIDTH
        self.maxlong = 40

    def repr1(self, x: Any, level: int) -> str:
        """Show a number of numpy as the plain one, in single precision by the decimal that it shows."""
        if isinstance(x, (np.float16, np.float32)):
            x = float(str(x))
        elif isinstance(x, (np.number, np.bool_)) and not isinstance(x, np.timedelta64):
            x = x.item()
        return super().repr1(x, level)

    def repr_instance(self, x: Any, level: int) -> str:
        """Show what is too long for a message in its short form, if it has one."""
        short = getattr(type(x), "__short__", None)
        return short(x) if short else super().repr_instance(x, level)

    def repr_ndarray(self, array: npt.NDArray[Any], level: int) -> str:
        """Show a small array, or the shape and type of a large one."""
        if array.size <= 4 and array.dtype.names is None:
            return f"array({self.repr1(array.tolist(), level)})"
        return f"array of {array.dtype}, shape {array.shape}"


_WIDTH = 160
_SHORT = _Short()


def shown(value: object) -> str:
    """Return a representation of a value that fits into a line of a message, however large the value is."""
    return _line(_SHORT.repr(value))


def fail(
    where: str,
    argument: str,
    value: object,
    rule: str,
    *,
    got: str = "",
    error: type[Exception] = ValueError,
) -> NoReturn:
    """Raise an error that names the object, the argument, the rule and the value.

    Parameters
    ----------
    where : str
        The object or call: ``"connect E -> I"``.
    argument : str
        Name of the argument.
    value : object
        The value passed, or the part of it that breaks the rule.
    rule : str
        A predicate: ``"must be positive"``.
    got : str
        Names the value where it is not the argument itself: ``got="shape"`` ends the message in ``got shape (3,)``.
    error : type
        ValueError, or TypeError for a value of the wrong type.
    """
    msg = f"{where}: {argument} {rule}, got {f'{got} ' if got else ''}{shown(value)}"
    raise error(msg)


def _line(text: str) -> str:
    """Return a text in one line of a message."""
    text = " ".join(text.split())
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 3]}..."


def _place(flat: int, shape: tuple[int, ...]) -> int | tuple[int, ...]:
    """Return the index of an element, given its place in C order."""
    index = tuple(int(i) for i in np.unravel_index(flat, shape))
    return index[0] if len(index) == 1 else index


class named:
    """Prefix the core's own errors with the name of the object.

    Parameters
    ----------
    where : str
        Its name.
    """

    def __init__(self, where: str) -> None:
        self._where = where

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise a ValueError anew, unless it names the object already."""
        if not isinstance(error, ValueError) or str(error).startswith(f"{self._where}: "):
            return
        msg = f"{self._where}: {error}"
        raise ValueError(msg) from None


def magnitude(value: Any, unit: str) -> Any:
    """Convert a quantity (pint, quantities, Brian2, anything with `.to` or `.rescale`) to plain numbers in `unit`."""
    value = listed(value)
    if isinstance(value, (list, tuple)) and any(map(_may_have_units, set(map(type, value)))):
        return [magnitude(item, unit) for item in value]  # numpy would drop their units
    if not unit:
        return _without_unit(value)
    if hasattr(value, "rescale"):
        return np.asarray(value.rescale(unit).magnitude)
    if hasattr(value, "has_same_dimensions"):  # Brian2 keeps SI base units
        brian = sys.modules["brian2"]
        if unit not in _BRIAN or not value.has_same_dimensions(getattr(brian, _BRIAN[unit])):
            msg = f"cannot convert {shown(value)} to {unit}"
            raise ValueError(msg)
        return np.asarray(value, dtype=float) * _SI[unit]
    if hasattr(value, "to") and hasattr(value, "magnitude"):
        return np.asarray(value.to(unit).magnitude)
    return value


def has_units(value: Any) -> bool:
    """Return whether a value is a quantity, or holds some."""
    value = listed(value)
    if not _may_have_units(type(value)):
        return False
    if not isinstance(value, (list, tuple)):
        return True
    kinds = set(map(type, value))
    return any(map(_may_have_units, kinds)) and any(map(has_units, value))


def listed(value: Any) -> Any:
    """Return objects in an array, a series or a deque as a list, and any other value as it is."""
    if getattr(value, "dtype", None) == object and hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if isinstance(value, deque) else value


def _may_have_units(kind: type) -> bool:
    """Return whether objects of a type are quantities, or hold some."""
    if kind in (int, float, bool, np.float64):
        return False
    return issubclass(kind, (list, tuple)) or any(
        hasattr(kind, name) for name in ("rescale", "has_same_dimensions", "magnitude")
    )


def _without_unit(value: Any) -> Any:
    """Return plain numbers as they are, and those of a quantity that has no dimension."""
    try:
        if hasattr(value, "rescale"):
            return np.asarray(value.rescale("dimensionless").magnitude)
        if hasattr(value, "has_same_dimensions"):
            if not value.has_same_dimensions(1):
                raise ValueError
            return np.asarray(value, dtype=float)
        if hasattr(value, "to") and hasattr(value, "magnitude"):
            return np.asarray(value.to("dimensionless").magnitude)
    except (ValueError, TypeError, AttributeError):  # quantities, pint
        msg = "it has a unit, but must be a plain number"
        raise ValueError(msg) from None
    return value


def numbers(
    where: str,
    argument: str,
    value: Any,
    unit: str = "",
    dimensions: int = 1,
    *,
    nan: bool = False,
) -> Float:
    """Return float64 numbers, infinite allowed but not NaN unless `nan`, with at most `dimensions` dimensions."""
    if type(value) is float and not math.isnan(
        value
    ):  # most values, checked again at each change of a model
        return np.array(value)
    try:
        plain = magnitude(value, unit)
        array = _as_numbers(plain)
    # RuntimeError is PyTorch's, of a tensor that requires a gradient.
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        rule = "must be a number or an array of numbers"
        if isinstance(value, str):
            what = f"{rule} in {unit}" if unit else rule
            fail(where, argument, value, f"{what}, not a text", error=TypeError)
        if value is None:
            fail(where, argument, value, rule, error=TypeError)
        if callable(value) and not isinstance(value, type):
            rule += ", not a function: pass the values that it returns"
            fail(where, argument, value, rule, error=TypeError)
        msg = f"{where}: {argument} {rule}, got {shown(value)} ({_line(str(error))})"
        raise TypeError(msg) from None
    if array.ndim > dimensions:
        limit = "one dimension" if dimensions == 1 else f"{dimensions} dimensions"
        fail(where, argument, array.shape, f"must have at most {limit}", got="shape")
    if not nan and math.isnan(array.min(initial=math.inf)):
        bad = int(np.flatnonzero(np.isnan(array))[0])
        at = f" at index {_place(bad, array.shape)}" if array.ndim else ""
        fail(where, argument, math.nan, f"must not contain NaN{at}")
    return array


def numbers_that(where: str, argument: str, value: Any, rule: str, unit: str = "") -> Float:
    """Return float64 numbers that satisfy a rule of `require`."""
    if type(value) is float and satisfies(value, rule):  # as most are
        return np.array(value)
    array = numbers(where, argument, value, unit)
    require(where, argument, array, rule)
    return array


def _as_numbers(value: Any) -> Float:
    """Return float64 numbers; raise TypeError for what numpy would convert with a loss, or by a guess."""
    if type(value) in (int, float):
        return np.array(value, dtype=np.float64)
    require_unmasked(value)
    array = np.asarray(value)
    if array.dtype.kind == "O":
        for item in array.flat:
            if item is None or isinstance(item, (str, bytes, complex, np.complexfloating)):
                msg = f"it holds {shown(item)}"
                raise TypeError(msg)
    elif array.dtype.kind not in "biuf" or (array.dtype.kind == "b" and array.ndim == 0):
        msg = f"it has the type {array.dtype}"
        raise TypeError(msg)
    return array.astype(np.float64, copy=False)  # a list is read once


def is_masked(value: Any) -> bool:
    """Return whether it is a masked array that hides elements, without importing `numpy.ma`, which takes 40 ms."""
    masked = sys.modules.get("numpy.ma")
    return masked is not None and bool(masked.is_masked(value))


def require_unmasked(value: Any) -> None:
    """Raise TypeError if a masked array hides elements: they would be taken as if they were not hidden."""
    if is_masked(value):
        msg = "it has masked elements; fill them, or leave them out with compressed()"
        raise TypeError(msg)


def read_only(array: npt.NDArray[Any]) -> Any:
    """Return an array after making it read-only, because setting its items would be lost."""
    array.flags.writeable = False
    return array


def own(array: npt.NDArray[Any]) -> Any:
    """Return a read-only copy, which no later change of a user's array reaches."""
    return read_only(array.copy())


def scalar(where: str, argument: str, value: Any, rule: str, unit: str = "") -> float:
    """Return a single number, or the magnitude of a quantity, that satisfies a rule of `require`, as `number` does."""
    array = numbers(where, argument, _decimal(value) if unit == "ms" else value, unit)
    if array.ndim:
        fail(where, argument, array.shape, "must be one number", got="shape")
    require(where, argument, array, rule)
    return float(array)


def number(where: str, argument: str, value: Any, unit: str = "") -> Float:
    """Return a single number, as a zero-dimensional array; a time in single precision is the decimal that it shows."""
    array = numbers(where, argument, _decimal(value) if unit == "ms" else value, unit)
    if array.ndim:
        fail(where, argument, value, "must be one number")
    return array


@functools.cache
def largest_finite(dtype: np.dtype[Any]) -> float:
    """Return the largest finite number of a precision."""
    return float(np.finfo(dtype).max)


def _decimal(value: Any) -> Any:
    """Return a scalar of less than double precision as the shortest decimal that rounds to it: 0.1, of np.float32(0.1)."""
    if getattr(value, "shape", None) != () or has_units(value) or is_masked(value):
        return value
    try:
        plain = np.asarray(value)[()]
    except (TypeError, ValueError, RuntimeError):  # `numbers` says what is wrong
        return value
    return float(str(plain)) if isinstance(plain, (np.float32, np.float16)) else value


def representable(where: str, argument: str, array: Float, dtype: np.dtype[Any]) -> None:
    """Check that finite numbers stay finite in the precision of the network."""
    most = largest_finite(dtype)
    least, largest = float(array.min(initial=0.0)), float(array.max(initial=0.0))
    if -most <= least and largest <= most:  # false for NaN
        return
    bad = np.abs(array) > np.float64(most)
    if bad.any():
        fail(
            where, argument, float(array[bad][0]), f"must be finite and within the range of {dtype}"
        )


def require(where: str, argument: str, array: Float, rule: str) -> None:
    """Check the rule "finite", "> 0", ">= 0" or "in [0, 1]"; the error names the first value that breaks it."""
    if array.ndim == 0 and satisfies(float(array), rule):
        return
    # Rules are intervals, and NaN is both the least and the largest: no array of truth values is needed.
    if array.size and satisfies(float(array.min()), rule) and satisfies(float(array.max()), rule):
        return
    ok = np.isfinite(array)
    if rule.endswith("> 0"):
        ok &= array > 0
    elif rule.endswith(">= 0"):
        ok &= array >= 0
    elif rule == "in [0, 1]":
        ok &= (array >= 0) & (array <= 1)
    if not ok.all():
        bad = int(np.flatnonzero(~ok)[0])
        at = f" at index {_place(bad, array.shape)}" if array.ndim else ""
        first = float(array.reshape(-1)[bad])
        rule = rule if np.isfinite(first) or "finite" in rule else f"finite and {rule}"
        fail(where, argument, first, f"must be {rule}{at}")


def satisfies(x: float, rule: str) -> bool:
    """Return whether one number satisfies a rule of `require`, faster than an array does."""
    if rule.endswith("> 0"):
        return 0 < x < math.inf
    if rule.endswith(">= 0"):
        return 0 <= x < math.inf
    return 0 <= x <= 1 if rule == "in [0, 1]" else math.isfinite(x)


def choice(where: str, argument: str, value: object, *choices: str) -> str:
    """Return a value that is one of several names."""
    if not isinstance(value, str) or value not in choices:
        names = [f'"{name}"' for name in choices]
        listed = f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]
        fail(where, argument, value, f"must be {listed}")
    return value


def known(where: str, argument: str, name: str, names: Collection[str], what: str) -> None:
    """Check that a name is one of many; the error says which of them comes nearest.

    Parameters
    ----------
    where, argument, name : str
    names : collection of str
        The names that there are.
    what : str
        What they name: ``"layers"``.
    """
    if name not in names:
        near = difflib.get_close_matches(name, names, 1, cutoff=0.0)
        hint = f"; the nearest is '{near[0]}'" if near else ""
        fail(where, argument, name, f"must name {what}{hint}")


def real_array(where: str, argument: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return an array of real numbers of any type."""
    values = detached(where, argument, values)
    try:
        require_unmasked(values)
        array = np.asarray(values)
    except ValueError as error:
        msg = f"{where}: {argument} must be a rectangular array ({error})"
        raise ValueError(msg) from None
    except TypeError as error:
        msg = f"{where}: {argument} must hold real numbers ({error})"
        raise TypeError(msg) from None
    if array.dtype.kind not in "biuf":
        msg = f"{where}: {argument} must hold real numbers, got dtype {array.dtype}"
        raise TypeError(msg)
    return array


def series(where: str, argument: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    """Return an array of real numbers with a time axis, ``[T, ...]`` with T >= 1."""
    array = real_array(where, argument, values)
    if array.ndim == 0 or len(array) == 0:
        fail(where, argument, array.shape, "must be [T, ...] with T >= 1", got="shape")
    return array


def check_all(
    where: str, argument: str, values: npt.NDArray[Any], ok: npt.NDArray[np.bool_], rule: str
) -> None:
    """Check that every value is `ok`; the error names the first that is not, and its index."""
    if not ok.all():
        index = tuple(int(i) for i in np.argwhere(~ok)[0])
        at = f" at index {index}" if index else ""
        msg = f"{where}: {argument} {rule}, got {values[index]}{at}"
        raise ValueError(msg)


def integer(where: str, argument: str, value: Any, low: int, high: int | None = None) -> int:
    """Return an integer in [low, high]."""
    try:
        if isinstance(value, bool | np.bool_):  # which numpy below 2 takes for an index
            raise TypeError
        number = operator.index(value)
    except TypeError:
        msg = f"{where}: {argument} must be an integer, got {shown(value)}"
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
    """Return one value, or one for each of n elements, as a one-dimensional array."""
    if array.ndim == 1 and array.shape[0] != n:
        fail(where, argument, array.shape, f"must be one number or {n} numbers", got="shape")
    return array if array.ndim else array.reshape(1)


def ids(where: str, argument: str, value: Any, n: int) -> npt.NDArray[np.uint32]:
    """Return element ids in [0, n); an array of uint32 is not copied."""
    array = np.asarray(value)
    if is_masked(value) or array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        msg = f"{where}: {argument} must be a one-dimensional array of integers, got {shown(value)}"
        raise TypeError(msg)
    if array.size and (array.min() < 0 or array.max() >= n):
        bad = array[(array < 0) | (array >= n)][0]
        fail(where, argument, int(bad), f"must lie in 0 .. {n - 1}")
    return array.astype(np.uint32, copy=False)


def interval(where: str, every: float | None, dt: float, argument: str = "every") -> int:
    """Return an interval in steps; None is one step."""
    if every is None:
        return 1
    value = number(where, argument, every, "ms")
    require(where, argument, value, "> 0")
    if float(value) / dt > 2**53:
        fail(where, argument, every, "must be at most 2^53 steps")
    steps = round(float(value) / dt)
    if steps < 1 or abs(steps * dt - float(value)) > 1e-6 * dt:
        fail(where, argument, every, f"must be a multiple of dt = {dt:g} ms")
    return steps


def steps_of(where: str, argument: str, value: Any, dt: float) -> tuple[float, int]:
    """Return a time >= 0 on the grid, in ms and in steps."""
    if type(value) is float and 0 <= value < math.inf:  # most are
        time = value
    else:
        array = number(where, argument, value, "ms")
        require(where, argument, array, ">= 0")
        time = float(array)
    if time / dt > 2**53:
        fail(where, argument, value, "must be at most 2^53 steps")
    steps = round(time / dt)
    if abs(steps * dt - time) > max(1e-6 * dt, 1e-12 * time):
        fail(where, argument, value, f"must be a multiple of dt = {dt:g} ms")
    return time, steps
