"""SONATA's tables of types: text files with a row for each type of node or edge."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet.io.sonata.config import WHERE, Config, read_json

__all__ = ["Row", "components", "number", "read_types"]

Row = Mapping[str, str]
"""The attributes of a type; those that are NULL are not there."""

_NULL = ("", "NULL", "NaN", "nan", "None", "NONE", "null")


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
        If the file is no such table.
    OSError
        If it cannot be opened.
    """
    pandas = extra("pandas", WHERE, "sonata")
    where, key = f"{WHERE}: {path}", f"{kind}_type_id"
    try:
        table = pandas.read_csv(path, sep=r"\s+", dtype=str, keep_default_na=False, comment=None)
    except OSError:
        raise
    except (ValueError, MemoryError, OverflowError) as error:  # pandas's errors are ValueErrors
        msg = (
            f"{where}: must be a table with columns between spaces ({' '.join(str(error).split())})"
        )
        raise ValueError(msg) from None
    if key not in table.columns:
        fail(where, key, list(map(str, table.columns)), "must be one of the columns", got="columns")
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


@functools.lru_cache(maxsize=4096)
def _parameters(path: Path, _changed: int) -> dict[str, Any]:
    return read_json(path)


def components(config: Config, folder: str, row: Row, where: str) -> dict[str, Any]:
    """Return the parameters that the file ``dynamics_params`` of a type holds; none if there is no such file."""
    name = row.get("dynamics_params")
    if name is None:
        return {}
    path = config.component(folder, name, where)
    return dict(_parameters(path, path.stat().st_mtime_ns))
