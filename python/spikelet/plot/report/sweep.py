"""The report of a sweep: results against parameters, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spikelet._util.tables import plain
from spikelet.plot.report.page import COLORS, NEEDS_SCRIPT, Page, Table, target

_ROWS = 2_000  # of the table
_TRACEBACKS = 20

_INSIDE = f'<div class="controls"></div><div class="plot" id="{{id}}"></div>{NEEDS_SCRIPT}'


def save(
    columns: Mapping[str, Sequence[Any]],
    parameters: Sequence[str],
    seconds: Sequence[float | None],
    tracebacks: Sequence[tuple[str, str]],
    path: Any,
    title: str | None,
) -> Path:
    """Write the report of a sweep; see `spikelet.SweepResult.report`.

    Parameters
    ----------
    columns : mapping of str to sequence
        Parameters, "replicate", "seed", "key", "status", "error" and results of each run.
    parameters : sequence of str
        Which columns are parameters.
    seconds : sequence of float or None
        Time that each run took.
    tracebacks : sequence of (str, str)
        Run and traceback of each failure.
    path, title
        File and heading.
    """
    file = target("SweepResult.report", path, title)
    build(columns, parameters, seconds, tracebacks, title or "Sweep").write(file)
    return file


def build(
    columns: Mapping[str, Sequence[Any]],
    parameters: Sequence[str],
    seconds: Sequence[float | None],
    tracebacks: Sequence[tuple[str, str]],
    title: str,
) -> Page:
    """Return the report."""
    page = Page(title)
    status = list(columns["status"])
    used = [x for x in seconds if x is not None]
    page.keys(
        {
            "runs": len(status),
            "done": status.count("done"),
            "failed": status.count("failed") or None,
            "missing": status.count("missing") or None,
            "parameters": len(parameters),
            "replicates": len(set(columns["replicate"])),
            "time in runs": f"{sum(used):.4g} s" if used else None,
            "mean of a run": f"{np.mean(used):.4g} s" if used else None,
        }
    )
    rows = [[name, len(set(map(repr, columns[name]))), _span(columns[name])] for name in parameters]
    page.heading("Parameters")
    page.table(Table(["parameter", "values", "from .. to"], rows, sortable=False))
    other = {*parameters, "replicate", "seed", "key", "status", "error"}
    results = {
        name: [_number(v) for v in values] for name, values in columns.items() if name not in other
    }
    results = {name: v for name, v in results.items() if any(x is not None for x in v)}
    if results and parameters:
        page.heading(
            "Results",
            "Dots are runs, lines are means. Pick a result, a parameter for the axis, and one for the colours.",
        )
        given = {name: [_axis_value(v) for v in columns[name]] for name in parameters}
        page.special("sweep", _INSIDE, parameters=given, results=results, colors=list(COLORS))
        summary = []
        for name, values in results.items():
            known = np.array([v for v in values if v is not None], float)
            summary.append(
                [name, len(known), *map(float, (known.mean(), known.std(), known.min(), known.max()))]
            )  # fmt: skip
        page.table(Table(["result", "runs", "mean", "std", "least", "largest"], summary))
    page.heading("Runs")
    if len(status) > _ROWS:
        page.note(f"The first {_ROWS} of {len(status)} runs; SweepResult.table has all.")
    names = [name for name in columns if name not in ("key", "error")]
    shown = {**columns, "seed": list(map(str, columns["seed"]))}  # a number to copy, not to read
    cells = zip(*(map(_cell, shown[name][:_ROWS]) for name in names), strict=True)
    marked = frozenset(k for k, s in enumerate(status[:_ROWS]) if s != "done")
    page.table(Table(names, list(cells), marked))
    for run, traceback in tracebacks[:_TRACEBACKS]:
        page.details(f"Failed: {run}", traceback)
    return page


def _number(value: Any) -> float | None:
    value = plain(value)
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:  # a whole number beyond 1e308
        return None


def _axis_value(value: Any) -> Any:
    value = plain(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _cell(value: Any) -> Any:
    value = plain(value)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _span(values: Sequence[Any]) -> str:
    known = [v for v in map(_axis_value, values) if not isinstance(v, str)]
    if len(known) == len(values) and known:
        low, high = min(known), max(known)
        return f"{low:g}" if low == high else f"{low:g} .. {high:g}"
    texts = list(dict.fromkeys(str(_cell(v)) for v in values))
    return ", ".join(texts[:8]) + (", ..." if len(texts) > 8 else "")
