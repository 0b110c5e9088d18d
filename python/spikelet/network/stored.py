"""Values that come from a file: each is checked before it is used, as the core indexes by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population

WHERE = "stored network"
LATEST = 2**53  # steps: times are exact up to there

File: TypeAlias = Mapping[str, npt.NDArray[Any]]


def whole(name: str, value: Any, low: int, high: int) -> int:
    """Return a whole number in [low, high]; true and 1.0 in JSON are not."""
    if type(value) is not int or not low <= value <= high:
        fail(WHERE, name, value, f"must be a whole number in {low} .. {high}")
    return value


def item(name: str, values: Sequence[Any], index: Any) -> Any:
    """Return the entry of a list that a stored number names."""
    return values[whole(name, index, 0, len(values) - 1)]


def array(file: File, key: str, dtype: Any, *sizes: int) -> npt.NDArray[Any]:
    """Return a flat array of a type and, if any are given, of one of some sizes."""
    if key not in file:
        fail(WHERE, "arrays", sorted(file), f"must include {key}")
    found = file[key]
    if found.dtype != dtype:
        fail(WHERE, key, found.dtype, f"must be of dtype {np.dtype(dtype)}", got="dtype")
    if found.ndim != 1 or (sizes and len(found) not in sizes):
        rule = f"must have {' or '.join(map(str, sizes))} values" if sizes else "must be flat"
        fail(WHERE, key, found.shape, rule, got="shape")
    return found


def finite(key: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Check that all values are finite."""
    if not np.isfinite(values).all():
        at = int(np.flatnonzero(~np.isfinite(values))[0])
        fail(WHERE, key, float(values[at]), f"must be finite at index {at}")
    return values


def below(key: str, values: npt.NDArray[Any], limit: int) -> npt.NDArray[Any]:
    """Check that all values lie in [0, limit)."""
    if len(values) and not 0 <= values.min() <= values.max() < limit:
        bad = values[(values < 0) | (values >= limit)][0]
        fail(WHERE, key, int(bad), f"must lie in 0 .. {limit - 1}")
    return values


def part(net: NetworkContents, index: Any, ids: Any) -> Population:
    """Return a population of the network, or the part of it with some ids."""
    population: Population = item("population", net.contents.populations, index)
    if ids is None:
        return population
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        fail(WHERE, "ids", (ids.dtype, ids.shape), "must be whole numbers, in one dimension")
    return population[below("ids", ids, len(population))]
