"""A sweep over a full product of parameters as an xarray.Dataset."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from spikelet._checks import fail
from spikelet.experiments import tables
from spikelet.experiments.extras import extra

if TYPE_CHECKING:
    from spikelet.experiments.result import SweepResult

__all__ = ["to_dataset"]


def to_dataset(result: SweepResult) -> Any:
    """Return the dataset; see `SweepResult.to_xarray`."""
    xarray = extra("xarray", "SweepResult.to_xarray")
    shape, axes, order = _product(result)
    n, dimensions = len(result), tuple(axes)
    done = [run if run.status == "done" else None for run in result]
    variables: dict[str, Any] = {}

    def add(name: str, values: Any, extra_dimensions: tuple[str, ...] = ()) -> None:
        sorted_values = values[order]
        variables[name] = (
            (*dimensions, *extra_dimensions),
            sorted_values.reshape(shape + values.shape[1:]),
        )

    own = {*dimensions, "seed", "status"}
    add("seed", tables.array([run.seed for run in result.runs]))
    add("status", tables.array([run.status for run in result]))
    present = [run.record for run in done if run is not None]
    for name in dict.fromkeys(name for record in present for name in record.scalars):
        values = [None if run is None else run.record.scalars.get(name) for run in done]
        add(f"result.{name}" if name in own else name, tables.array(values))
    for name in dict.fromkeys(name for record in present for name in record.arrays):
        found = [record.arrays.get(name) for record in present]
        shapes = {None if a is None else a.shape for a in found}
        if len(shapes) > 1 or found[0] is None:
            continue
        first = found[0]
        missing = len(present) < n
        kind = (
            np.result_type(first.dtype, np.float32)
            if missing and first.dtype.kind in "biu"
            else first.dtype
        )
        if missing and kind.kind not in "fc":
            continue  # has no value for what is missing
        stacked = (
            np.full((n, *first.shape), np.nan if missing else 0, dtype=kind) if missing else None
        )
        arrays = [None if run is None else run.arrays[name] for run in done]
        if stacked is None:
            stacked = np.stack([a for a in arrays if a is not None])
        else:
            for k, array in enumerate(arrays):
                if array is not None:
                    stacked[k] = array
        add(
            f"result.{name}" if name in own else name,
            stacked,
            tuple(f"{name}_{k}" for k in range(first.ndim)),
        )
    coordinates = {name: (name, tables.array(values)) for name, values in axes.items()}
    fixed = {name: result.runs[0].parameters[name] for name in result.fixed}
    return xarray.Dataset(variables, coordinates, attrs=fixed)


def _product(result: SweepResult) -> tuple[tuple[int, ...], dict[str, list[Any]], Any]:
    """Return the shape, the values along each dimension, and where each element of the product is."""
    points = [
        {n: v for n, v in run.parameters.items() if n not in result.fixed}
        | {"replicate": run.replicate}
        for run in result.runs
    ]
    axes: dict[str, list[Any]] = {}
    if all(point.keys() == points[0].keys() for point in points):
        axes = {name: list(dict.fromkeys(point[name] for point in points)) for name in points[0]}
    shape = tuple(len(values) for values in axes.values())
    if not axes or math.prod(shape) != len(points):
        fail("to_xarray", "runs", len(points), "must be all combinations of their parameters;")
    places = {name: {v: k for k, v in enumerate(values)} for name, values in axes.items()}
    index = [tuple(places[name][point[name]] for name in axes) for point in points]
    flat = np.ravel_multi_index(tuple(np.array(index).T), shape)
    return shape, axes, np.argsort(flat)
