"""Annotations of spikes: a value for all elements, or an array with one for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, own


def _each(value: Any, n: int) -> bool:
    return isinstance(value, np.ndarray) and value.shape == (n,)


def checked(where: str, annotations: Any, n: int) -> Mapping[str, Any]:
    """Return annotations of n elements after a check, read-only."""
    if not isinstance(annotations, Mapping) or not all(isinstance(key, str) for key in annotations):
        rule = "must be a mapping of names to values"
        fail(where, "annotations", annotations, rule, error=TypeError)
    found = {}
    for name, value in annotations.items():
        if isinstance(value, np.ndarray) and value.ndim and value.shape != (n,):
            rule = f"must be one value or an array of {n}, one for each element"
            fail(where, f"annotation {name!r}", value.shape, rule, got="shape")
        found[name] = own(value) if isinstance(value, np.ndarray) else value
    return MappingProxyType(found)


def of_elements(
    annotations: Mapping[str, Any], columns: npt.NDArray[np.int64], n: int
) -> Mapping[str, Any]:
    """Return the annotations of some of n elements."""
    found = {k: own(v[columns]) if _each(v, n) else v for k, v in annotations.items()}
    return MappingProxyType(found)


def common(each: Sequence[Mapping[str, Any]], n: int, *, alike: bool) -> dict[str, Any]:
    """Return what all have in common; arrays only if they are of the same elements."""
    first, *others = each
    return {
        name: value
        for name, value in first.items()
        if (alike or not _each(value, n))
        and all(name in other and np.array_equal(other[name], value) for other in others)
    }


def of_one(annotations: Mapping[str, Any], k: int, n: int) -> dict[str, Any]:
    """Return the annotations of element k of n, in built-in types; None is no annotation."""
    found = {}
    for name, value in annotations.items():
        one = value[k] if _each(value, n) else value
        if one is not None:
            found[name] = one.item() if isinstance(one, np.generic) else one
    return found


def gathered(each: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the annotations of all elements: one value if they share it, else an array with one for each."""
    names = dict.fromkeys(name for one in each for name in one)
    found = {}
    for name in names:
        values = [one.get(name) for one in each]
        kinds = {type(value) for value in values}
        if kinds <= {str, int, float, bool, type(None)} and all(v == values[0] for v in values):
            found[name] = values[0]
            continue
        plain = kinds <= {int} or kinds <= {float} or kinds <= {str} or kinds <= {bool}
        array = np.empty(len(values), object)
        array[:] = values
        found[name] = np.array(values) if plain else array
    return found
