"""SONATA's text files: tables of types, with a row for each type of node or edge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet.io.sonata.config import WHERE

Row = Mapping[str, str]
"""The attributes of a type, without those that are NULL."""

_NULL = ("", "NULL", "NaN", "nan", "None", "NONE", "null")


def read_table(path: Path, **options: Any) -> Any:
    """Return a text file as a pandas.DataFrame.

    Raises
    ------
    ValueError
        If it is not a table.
    OSError
        If it cannot be opened.
    """
    pandas = extra("pandas", WHERE, "sonata")
    try:
        return pandas.read_csv(path, keep_default_na=False, **options)
    except (ValueError, MemoryError, OverflowError) as error:  # pandas's errors are ValueErrors
        msg = f"{WHERE}: {path}: must be a table with columns ({' '.join(str(error).split())})"
        raise ValueError(msg) from None


def require_column(where: str, table: Any, column: str) -> None:
    """Check that a table has a column."""
    if column not in table.columns:
        there = list(map(str, table.columns))
        fail(where, column, there, "must be one of the columns", got="columns")


def read_types(path: Path, kind: str, population: str) -> dict[int, Row]:
    """Return the types of a table by number.

    Parameters
    ----------
    path : Path
        The file.
    kind : "node" or "edge"
        What they are types of.
    population : str
        Rows of other populations are left out, if there is such a column.

    Raises
    ------
    ValueError
        If the file is not such a table.
    OSError
        If it cannot be opened.
    """
    where, key = f"{WHERE}: {path}", f"{kind}_type_id"
    table = read_table(path, sep=r"\s+", dtype=str)
    require_column(where, table, key)
    found: dict[int, Row] = {}
    for values in table.to_dict(orient="records"):
        row = {str(k): v for k, v in values.items() if isinstance(v, str) and v not in _NULL}
        if row.get("population", population) != population:
            continue
        number = row.get(key, "")
        if not number.isascii() or not number.isdigit() or len(number) > 19:
            fail(where, key, number, "must be an integer >= 0")
        if int(number) in found:
            fail(where, key, number, "must not occur twice")
        found[int(number)] = row
    return found


def number(where: str, row: Row, key: str) -> float | None:
    """Return a number of a row, or None if it is not there."""
    text = row.get(key)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        fail(where, key, text, "must be a finite number")
    return value
