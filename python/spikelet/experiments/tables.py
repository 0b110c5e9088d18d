"""Tables of runs, with a column for each parameter and each scalar result, and datasets of their arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet._util.tables import table as text_table
from spikelet.experiments.grid import COLUMNS, Run
from spikelet.experiments.record import Record

Column = list[Any]


def names(runs: Sequence[Run]) -> list[str]:
    """Return the names of all parameters in order of appearance."""
    return list(dict.fromkeys(name for run in runs for name in run.parameters))


def columns(runs: Sequence[Run], records: Sequence[Record]) -> dict[str, Column]:
    """Return the reproducible columns: parameters, seeds, statuses and scalars."""
    parameters = names(runs)
    table: dict[str, Column] = {
        name: [run.parameters.get(name) for run in runs] for name in parameters
    }
    table["replicate"] = [run.replicate for run in runs]
    table["seed"] = [run.seed for run in runs]
    table["key"] = [run.key for run in runs]
    table["status"] = [record.status for record in records]
    table["error"] = [record.error for record in records]
    scalars = dict.fromkeys(name for record in records for name in record.scalars)
    for name in scalars:
        column = f"result.{name}" if name in (*parameters, *COLUMNS) else name
        table[column] = [record.scalars.get(name) for record in records]
    return table


def timing(runs: Sequence[Run], records: Sequence[Record]) -> dict[str, Column]:
    """Return the columns that depend on the machine."""
    table: dict[str, Column] = {"key": [run.key for run in runs]}
    for name in ("seconds", "host", "version", "simd"):
        table[name] = [getattr(record, name) for record in records]
    return table


def frame(table: Mapping[str, Column]) -> Any:
    """Return a DataFrame, or a dict of arrays if pandas is not installed."""
    arrays = {name: array(values) for name, values in table.items()}
    try:
        import pandas as pd  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: PLC0415  # an extra
    except ImportError:
        return arrays
    # Its strings are UTF-8; a name of a file that is not, with lone surrogates, stays an object of Python.
    return pd.DataFrame(
        {
            name: values if _encodes(values) else pd.Series(values, dtype=object)
            for name, values in arrays.items()
        }
    )


def _encodes(values: np.ndarray[Any, Any]) -> bool:
    if values.dtype != object:
        return True
    try:
        for value in values:
            if isinstance(value, str):
                value.encode()
    except UnicodeEncodeError:
        return False
    return True


def head(table: Any, rows: int = 10) -> str:
    """Return the first rows as text, without keys."""
    names = [name for name in table if name != "key"]
    cells = [list(map(short, table[name][:rows])) for name in names]
    return text_table(names, list(zip(*cells, strict=True)))


def short(value: Any) -> str:
    """Return a value as a short text of one line."""
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    line = text.partition("\n")[0]
    return line if len(line) <= 40 else f"{line[:37]}..."


def array(values: Sequence[Any]) -> np.ndarray[Any, Any]:
    """Return a column as an array of bools, of integers, of floats (NaN where there is none), or of objects."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool} and None not in values:
        return np.array(values, dtype=bool)
    if kinds == {int} and None not in values and all(-(2**63) <= v < 2**63 for v in values):
        return np.array(values, dtype=np.int64)
    if kinds and kinds <= {int, float} and all(abs(v) < 2**53 for v in values if type(v) is int):
        return np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return np.fromiter(values, dtype=object, count=len(values))  # a tuple is a single value


def dataset(
    runs: Sequence[Run],
    records: Sequence[Record],
    fixed: Collection[str],
    names: Iterable[str],
    arrays: Callable[[str], Sequence[np.ndarray[Any, Any] | None]],
) -> Any:
    """Return an xarray.Dataset; see `SweepResult.to_xarray`.

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
    points = [
        {n: v for n, v in run.parameters.items() if n not in fixed} | {"replicate": run.replicate}
        for run in runs
    ]
    axes: dict[str, dict[Any, int]] = {}
    if all(point.keys() == points[0].keys() for point in points):
        for name in points[0]:
            values = dict.fromkeys(point[name] for point in points)
            axes[name] = {value: k for k, value in enumerate(values)}
    shape = tuple(map(len, axes.values()))
    if not axes or math.prod(shape) != len(points):
        fail("to_xarray", "runs", len(points), "must be all combinations of their parameters")
    places = [tuple(axes[name][point[name]] for name in axes) for point in points]
    order = np.argsort(np.ravel_multi_index(tuple(np.array(places).T), shape))
    variables: dict[str, Any] = {}

    def add(name: str, values: Any) -> None:
        name = f"result.{name}" if name in axes or name in variables else name
        inner = tuple(f"{name}_{k}" for k in range(values.ndim - 1))
        variables[name] = ((*axes, *inner), values[order].reshape(shape + values.shape[1:]))

    add("seed", array([run.seed for run in runs]))
    add("status", array([record.status for record in records]))
    done = [record.status == "done" for record in records]
    for name in dict.fromkeys(name for record in records for name in record.scalars):
        pairs = zip(records, done, strict=True)
        add(name, array([record.scalars.get(name) if ok else None for record, ok in pairs]))
    for name in names:
        stacked = _stacked(arrays(name), done)
        if stacked is not None:
            add(name, stacked)
    coordinates = {name: (name, array(list(values))) for name, values in axes.items()}
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
