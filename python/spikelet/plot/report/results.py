"""The page of a table of results, such as what each layer of a converted model keeps of its ANN."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spikelet._util.tables import SHARES, title
from spikelet.plot.figures import BLUE, RED
from spikelet.plot.report.page import Page, Table, axes, color, target

_MEANINGS = {
    "error": "RMS difference from the ANN: of a layer's mean output relative to its RMS, of the network's output relative to its "
    "standard deviation over the samples",
    "activity": "mean output relative to that of the ANN",
    "silent": "neurons that spiked in no sample",
    "silenced": "silent neurons whose ANN neurons were active",
    "saturated": "neurons that spiked at every step",
    "loss": "percentage points of accuracy below the ANN, or percentage of other decisions",
    "decided": "samples whose decision no longer changes",
    "energy_ratio": "energy of the arithmetic relative to an ANN that skips zeros, an estimate",
    "memory_ratio": "the same with memory traffic",
}


def save(found: Any, path: Any, heading: str | None) -> Path:
    """Write the page of a table; see `spikelet.conversion.Table.save`."""
    file = target("Table.save", path, heading)
    page = Page(heading or "Results")
    page.keys({_title(name): _scaled(name, value) for name, value in found.facts.items()})
    columns = found.columns
    if found.rows:
        noted = [row for row in found if row.get("note")]
        page.heading("Results", "Rows with a note are red." if noted else "")
        if len(found) > 1:
            page.plots(*_figures(found))
        rows = [[_scaled(c, row.get(c)) for c in columns] for row in found]
        marked = frozenset(k for k, row in enumerate(found) if row.get("note"))
        page.table(Table([_title(c) for c in columns], rows, marked))
    for name in [n for n in _MEANINGS if n in columns or n in found.facts]:
        page.note(f"{_title(name)}: {_MEANINGS[name]}.")
    page.write(file)
    return file


def _figures(found: Any) -> list[tuple[str, list[Any], dict[str, Any]]]:
    """Return a figure for each column to draw: bars by name, or a line for each name."""
    x, *others = [c for c in found.axes if c in found.columns]
    names = [str(next(iter(row.values()))) for row in found]
    shades = [RED if row.get("note") else BLUE for row in found]
    figures = []
    for y in others:
        values = [_scaled(y, row.get(y)) for row in found]
        if isinstance(found.rows[0][x], str):
            bars = {"type": "bar", "orientation": "h", "x": values, "y": names}
            layout = {
                "height": 130 + 22 * len(names),
                "bargap": 0.25,
                "xaxis": {"title": {"text": _title(y)}, "rangemode": "tozero"},
                "yaxis": {"autorange": "reversed", "type": "category", "dtick": 1},
            }
            figures.append((_title(y), [{**bars, "marker": {"color": shades}}], layout))
            continue
        named = isinstance(next(iter(found.rows[0].values())), str)
        groups: dict[str, tuple[list[Any], list[Any]]] = {}
        for name, row, value in zip(names, found, values, strict=True):
            at, own = groups.setdefault(name if named else "", ([], []))
            at.append(_scaled(x, row[x]))
            own.append(value)
        lines = [
            {"x": at, "y": own, "name": name, "mode": "lines+markers", "line": {"color": color(k)}}
            for k, (name, (at, own)) in enumerate(groups.items())
        ]
        figures.append((_title(y), lines, axes(_title(x), _title(y), legend=named)))
    return figures


def _title(column: str) -> str:
    return title(column) + (" (%)" if column in SHARES else "")


def _scaled(column: str, value: Any) -> Any:
    return 100 * value if column in SHARES and value is not None else value
