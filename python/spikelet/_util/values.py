"""Values of parameters: numbers, arrays, quantities, and tuples of them, compared as a whole; arrays by position."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import has_units


def by_position(values: Any) -> Any:
    """Return values that an index takes by position, as numpy's; of pandas, it would take them by label.

    Units and masks stay, for the checks that read or refuse them.
    """
    kept = hasattr(values, "shape") and not hasattr(values, "iloc")
    return values if kept and not isinstance(values, np.matrix) else np.asarray(values)


def same(a: Any, b: Any) -> bool:
    """Return whether two values are equal; of arrays shape, type and all elements; NaN is equal to NaN."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if type(a) is np.ndarray:
        return (a.shape, a.dtype) == (b.shape, b.dtype) and _all_same(a, b)
    try:
        if has_units(a):  # of one dimension, in any unit
            return np.shape(a) == np.shape(b) and bool(np.all(a == b))
        return bool(a == b) or bool(a != a and b != b)  # noqa: PLR0124  # NaN is not itself
    except (TypeError, ValueError, RuntimeError):  # no value that can be compared
        return False


def hashed(value: Any) -> Any:
    """Return something that has a hash, and is equal for values that are the `same`."""
    if isinstance(value, (list, tuple)):
        return tuple(map(hashed, value))
    if isinstance(value, Mapping):
        return frozenset((key, hashed(item)) for key, item in value.items())
    if type(value) is np.ndarray and value.dtype.kind in "biuf":
        plain = value
        if value.dtype.kind == "f":  # one zero, one NaN
            plain = np.where(
                np.isnan(value), np.array(np.nan, value.dtype), value
            ) + value.dtype.type(0)
        return (value.shape, value.dtype.str, plain.tobytes())
    if isinstance(value, float):
        return "NaN" if value != value else float(value)  # noqa: PLR0124
    if has_units(value):  # in one unit or another
        return np.shape(value)
    try:
        hash(value)
    except TypeError:
        return type(value)
    return value


def _all_same(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    if a.dtype.kind == "O":
        return all(map(same, a.flat, b.flat))
    return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
