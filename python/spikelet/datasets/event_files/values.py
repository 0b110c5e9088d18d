"""Columns of numbers as events: names, units and signs of polarity differ from writer to writer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail
from spikelet.datasets.event_files.assembling import Assembler, Demands, Place
from spikelet.datasets.event_files.file import BLOCK, EventFile

# What t, x, y and p are called.
NAMES = {
    "t": ("t", "ts", "time", "times", "timestamp", "timestamps"),
    "x": ("x", "xs", "unit", "units"),
    "y": ("y", "ys"),
    "p": ("p", "ps", "pol", "polarity", "polarities", "on"),
}
_US = {"us": 1, "ms": 1000, "s": 1_000_000}
_LATEST = 2**62  # us


def check_options(file: EventFile, columns: str, unit: str) -> None:
    """Check the options that all formats of columns share."""
    choice(file.where, "unit", unit, *_US)
    if (
        not isinstance(columns, str)
        or len(set(columns)) != len(columns)
        or not {"t", "x"} <= set(columns) <= set("txyp")
    ):
        fail(
            file.where,
            "columns",
            columns,
            'must be an order of the letters t, x, y, p, such as "txyp" or "xytp"',
        )


def from_table(
    file: EventFile, table: NDArray[Any], columns: str, unit: str, demands: Demands
) -> NDArray[Any]:
    """Return the events of a structured array, or of an array ``[events, columns]``."""
    if table.dtype.names and table.ndim == 1:
        return from_columns(file, {name: table[name] for name in table.dtype.names}, unit, demands)
    if table.ndim != 2 or table.shape[1] != len(columns):
        rule = f"must be structured, or [events, {len(columns)}] with the columns {columns}; pass columns= for another order"
        file.refuse(0, "the array", rule, table.shape)
    return from_columns(file, dict(zip(columns, table.T, strict=True)), unit, demands)


def from_columns(
    file: EventFile, found: Mapping[str, NDArray[Any]], unit: str, demands: Demands
) -> NDArray[Any]:
    """Return the events of columns of equal length; y and p may be missing, then they are 0."""
    lower = {name.lower(): name for name in found}
    known = {
        key: found[lower[alias]]
        for key, aliases in NAMES.items()
        for alias in aliases[::-1]
        if alias in lower
    }
    if not {"t", "x"} <= set(known):
        file.refuse(0, "the columns", "must be named t, x, y and p", sorted(found))
    shapes = {key: values.shape for key, values in known.items()}
    n = len(known["t"]) if known["t"].ndim else 0
    if any(shape != (n,) for shape in shapes.values()) or any(
        v.dtype.kind not in "biuf" for v in known.values()
    ):
        file.refuse(0, "the columns", "must be numbers, one for each event", shapes)
    signed = "p" in known and known["p"].dtype.kind in "if" and bool((known["p"] == -1).any())
    assembler = Assembler(file, n, demands)
    for begin in range(0, n, BLOCK):
        part = {key: values[begin : begin + BLOCK] for key, values in known.items()}
        size = len(part["t"])
        t = _whole(file, "t", part["t"], begin, _US[unit])
        x = _whole(file, "x", part["x"], begin)
        y = _whole(file, "y", part["y"], begin) if "y" in part else np.zeros(size, np.int16)
        p = _whole(file, "p", part["p"], begin) if "p" in part else np.zeros(size, np.int8)
        if (bad := (p != 1) & (p != (-1 if signed else 0))).any():
            rule = "must be 0 or 1 in all events, or -1 or 1"
            file.refuse(0, f"p of event {begin + int(bad.argmax())}", rule, int(p[bad][0]))
        assembler.add(t, x, y, p > 0, Place(0, 0))
    return assembler.events()


def _whole(
    file: EventFile, name: str, values: NDArray[Any], begin: int, factor: int = 1
) -> NDArray[Any]:
    """Return integers; only times may be fractions, of a unit that is not the smallest."""
    if values.dtype.kind == "b":
        return values.astype(np.int8)
    if values.dtype.kind != "f":
        bad = values > _LATEST // factor
        whole = values if factor == 1 else values.astype(np.int64) * factor
    else:
        exact = values.astype(np.float64) * factor
        rounded = np.rint(exact)
        bad = ~(np.abs(exact) <= _LATEST)  # NaN too
        if factor == 1:
            bad |= rounded != exact
        whole = np.where(bad, 0, rounded).astype(np.int64)
    if bad.any():
        index = int(bad.argmax())
        rule = "must be a whole number"
        if name == "t":
            rule = (
                'must be a whole number of us; if t is in ms or s, pass unit="ms" or "s"'
                if factor == 1
                else "must be a time"
            )
        file.refuse(0, f"{name} of event {begin + index}", rule, values[index].item())
    return whole
