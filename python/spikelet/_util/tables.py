"""Text tables, and the formatting that reports share."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spikelet._util import files

SHARES = frozenset(
    [
        "accuracy",
        "activity",
        "agreement",
        "ann_accuracy",
        "decided",
        "error",
        "saturated",
        "silenced",
        "silent",
        "sparsity",
    ]
)
"""Columns of fractions, which are shown in percent."""


_WORDS = {"acs": "ACs", "ann": "ANN", "macs": "MACs", "nj": "nJ"}


def title(column: str) -> str:
    """Return the name of a column as it is shown."""
    return " ".join(_WORDS.get(word, word) for word in column.split("_"))


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an aligned table: the first column flush left, the others flush right."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = []
    for row in (columns, ["-" * width for width in widths], *rows):
        cells = [text.rjust(width) for text, width in zip(row, widths, strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())
    return "\n".join(lines)


def known(x: Any) -> bool:
    """Return whether a value is neither None nor NaN."""
    return x is not None and not (isinstance(x, float) and math.isnan(x))


def value(x: float | None, digits: int = 3) -> str:
    """Return a number with `digits` significant digits, and a suffix from 10 000 on."""
    if x is None or math.isnan(x):
        return ""
    size = abs(x)
    for suffix, unit in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if size >= 10 * unit:
            return (
                f"{x / unit:.{digits}g}{suffix}"
                if size < 1000 * unit
                else f"{x / unit:.0f}{suffix}"
            )
    return f"{x:.0f}" if size >= 100 else f"{x:.{digits}g}"


def share(x: float | None) -> str:
    """Return a fraction in percent, with one decimal."""
    return "" if x is None or math.isnan(x) else f"{100 * x:.1f}%"


def percent(x: float | None) -> str:
    """Return an accuracy in percent, with two decimals."""
    return "" if x is None else f"{100 * x:.2f}%"


def plain(x: Any) -> Any:
    """Return a copy that JSON can represent: NaN and infinity become null."""
    if isinstance(x, dict):
        return {str(k): plain(v) for k, v in x.items()}
    if isinstance(x, np.ndarray):
        return plain(x.tolist())
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if isinstance(x, np.generic):
        return plain(x.item())
    if isinstance(x, float) and not math.isfinite(x):
        return None
    return x


def to_json(report: dict[str, Any], path: str | Path | None) -> str:
    """Return a report as JSON text, and write it to a file if a path is given."""
    text = json.dumps(report, indent=2, allow_nan=False)
    if path is not None:
        files.write(path, text + "\n")
    return text
