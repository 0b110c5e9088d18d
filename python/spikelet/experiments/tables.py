"""Tables of runs, with a column for each parameter and each scalar result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from spikelet._util.tables import table as text_table
from spikelet.experiments.grid import COLUMNS, Run
from spikelet.experiments.record import Record

__all__ = ["array", "columns", "frame", "head", "names", "short", "timing"]

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
