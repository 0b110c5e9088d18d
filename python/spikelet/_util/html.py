"""Small tables in plain HTML, for notebooks: no script, no colours, so that they are readable in light and in dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

_MOST_ROWS = 60
_LEFT = ' style="text-align: left"'


def facts(title: str, rows: Sequence[tuple[str, object]]) -> str:
    """Return a table of names and values.

    Parameters
    ----------
    title : str
        Its caption.
    rows : sequence of (str, object)
        Names, and values that are shown as text; rows without a value ("" or None) are left out.
    """
    cells = [
        f"<tr><th{_LEFT}>{escape(name)}</th><td{_LEFT}>{escape(str(value))}</td></tr>"
        for name, value in rows
        if value not in ("", None)
    ]
    return _table(title, "", cells)


def grid(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], most: int = _MOST_ROWS
) -> str:
    """Return a table with a row for each item, or nothing if there are none.

    Parameters
    ----------
    title : str
        Its caption.
    columns : sequence of str
    rows : sequence of sequences of objects
        Shown as text; numbers stand to the right.
    most : int
        Number of rows to show; the others are counted.
    """
    if not rows:
        return ""
    head = "".join(f"<th{_LEFT}>{escape(name)}</th>" for name in columns)
    cells = ["<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows[:most]]
    if len(rows) > most:
        cells.append(
            f'<tr><td colspan="{len(columns)}"{_LEFT}>... and {len(rows) - most} more</td></tr>'
        )
    return _table(title, f"<thead><tr>{head}</tr></thead>", cells)


def joined(*tables: str) -> str:
    """Return tables one below the other."""
    return "<div>" + "".join(tables) + "</div>"


def short(value: object) -> str:
    """Return a value of a parameter as a short text; of an array, its range."""
    if isinstance(value, np.ndarray) and value.ndim:
        array = np.asarray(value)
        if array.size == 0 or array.dtype.kind not in "biuf":
            return f"array {array.shape}"
        return f"{array.min():g} to {array.max():g} (array {array.shape})"
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def _cell(value: object) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    side = ' style="text-align: right"' if number else _LEFT
    text = "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
    return f"<td{side}>{escape(text)}</td>"


def _table(title: str, head: str, rows: Sequence[str]) -> str:
    caption = f'<caption style="text-align: left"><b>{escape(title)}</b></caption>' if title else ""
    return f"<table>{caption}{head}<tbody>{''.join(rows)}</tbody></table>"
