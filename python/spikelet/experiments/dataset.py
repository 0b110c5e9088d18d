"""Convert a sweep over all combinations of parameters to an xarray.Dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet.experiments import tables
from spikelet.experiments.grid import Run
from spikelet.experiments.record import Record

__all__ = ["to_dataset"]


def to_dataset(
    runs: Sequence[Run],
    records: Sequence[Record],
    fixed: Collection[str],
    names: Iterable[str],
    arrays: Callable[[str], Sequence[np.ndarray[Any, Any] | None]],
) -> Any:
    """Return the dataset; see `SweepResult.to_xarray`.

    Parameters
    ----------
    runs : sequence of Run
    records : sequence of Record
        One for each run; their arrays are not used.
    fixed : collection of str
        Parameters that are not dimensions.
    names : iterable of str
        Names of the arrays.
    arrays : callable
        Takes a name and returns that array of each run, None where it is missing.
    """
    xarray = extra("xarray", "SweepResult.to_xarray")
    shape, axes, order = _product(runs, fixed)
    dimensions = tuple(axes)
    variables: dict[str, Any] = {}
    done = [record.status == "done" for record in records]

    def add(name: str, values: Any) -> None:
        if name in axes or name in variables:
            name = f"result.{name}"
        inner = tuple(f"{name}_{k}" for k in range(values.ndim - 1))
        variables[name] = ((*dimensions, *inner), values[order].reshape(shape + values.shape[1:]))

    add("seed", tables.array([run.seed for run in runs]))
    add("status", tables.array([record.status for record in records]))
    for name in dict.fromkeys(name for record in records for name in record.scalars):
        values = [
            record.scalars.get(name) if ok else None
            for record, ok in zip(records, done, strict=True)
        ]
        add(name, tables.array(values))
    for name in names:
        stacked = _stacked(arrays(name), done)
        if stacked is not None:
            add(name, stacked)
    coordinates = {name: (name, tables.array(values)) for name, values in axes.items()}
    attributes = {name: runs[0].parameters[name] for name in fixed}
    return xarray.Dataset(variables, coordinates, attrs=attributes)


def _stacked(arrays: Sequence[np.ndarray[Any, Any] | None], done: Sequence[bool]) -> Any:
    """Return all arrays stacked, or None if shapes differ or the type has no value for a missing array."""
    arrays = [array if ok else None for array, ok in zip(arrays, done, strict=True)]
    found = [array for array in arrays if array is not None]
    if len({array.shape for array in found}) > 1 or len(found) < sum(done):
        return None
    try:
        kind = np.result_type(*found)
    except TypeError:
        return None
    if len(found) < len(arrays):
        kind = np.result_type(kind, np.float64) if kind.kind in "biu" else kind
        if kind.kind not in "fc":
            return None
    blank = np.full(found[0].shape, np.nan) if len(found) < len(arrays) else None
    return np.array([blank if array is None else array for array in arrays], dtype=kind)


def _product(
    runs: Sequence[Run], fixed: Collection[str]
) -> tuple[tuple[int, ...], dict[str, list[Any]], Any]:
    """Return the shape, the values along each dimension, and the run at each element of the product."""
    points = [
        {n: v for n, v in run.parameters.items() if n not in fixed} | {"replicate": run.replicate}
        for run in runs
    ]
    axes: dict[str, list[Any]] = {}
    if all(point.keys() == points[0].keys() for point in points):
        axes = {name: list(dict.fromkeys(point[name] for point in points)) for name in points[0]}
    shape = tuple(len(values) for values in axes.values())
    if not axes or math.prod(shape) != len(points):
        fail("to_xarray", "runs", len(points), "must be all combinations of their parameters")
    places = {name: {v: k for k, v in enumerate(values)} for name, values in axes.items()}
    index = [tuple(places[name][point[name]] for name in axes) for point in points]
    flat = np.ravel_multi_index(tuple(np.array(index).T), shape)
    return shape, axes, np.argsort(flat)
