"""A table of results: its text, data frame, JSON, plot and HTML page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util import html, tables
from spikelet._util.checks import fail
from spikelet._util.extras import extra


@dataclass(frozen=True, eq=False)
class Table:
    """Results in rows, as of `spikelet.conversion.evaluate`.

    ``table["accuracy"]`` is a column as an array, ``table.row(8)`` the row whose first value is 8, and iteration gives
    the rows.

    Parameters
    ----------
    rows : sequence of dict
        Values by column; None or NaN where a value is unknown. A text in the column "note" marks its row.
    facts : dict
        Values that hold for all rows.
    axes : sequence of str
        Columns to draw: the horizontal one, then vertical ones. If the first holds texts, `plot` draws bars.
    models : sequence
        The model of each row, if they differ.
    chosen : int, optional
        Index of the best row.
    """

    rows: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    axes: Sequence[str] = ("steps", "accuracy")
    models: Sequence[Any] = ()
    chosen: int | None = None

    @classmethod
    def joined(cls, tables: Mapping[str, Table] | Sequence[Table], column: str = "model") -> Table:
        """Return the rows of several tables, with the facts of the first.

        Parameters
        ----------
        tables : sequence of Table, or dict of str to Table
            The names of a dict go into a first column.
        column : str
            Title of this column.
        """
        named = isinstance(tables, Mapping)
        parts = list(tables.items() if isinstance(tables, Mapping) else enumerate(tables))
        if not parts or not all(isinstance(table, cls) for _, table in parts):
            fail(
                "Table.joined",
                "tables",
                tables,
                "must be tables, or a dict of them",
                error=TypeError,
            )
        rows = [{**({column: name} if named else {}), **row} for name, t in parts for row in t]
        first = parts[0][1]
        return cls(rows, first.facts, first.axes, [model for _, t in parts for model in t.models])

    @property
    def columns(self) -> list[str]:
        """Names of the columns with at least one known value."""
        names = dict.fromkeys(name for row in self.rows for name in row)
        return [n for n in names if any(tables.known(row.get(n)) for row in self.rows)]

    @property
    def model(self) -> Any:
        """The model of the chosen row.

        Raises
        ------
        ValueError
            If no row was chosen.
        """
        if self.chosen is None:
            limits = {name: x for name, x in self.facts.items() if name.startswith("max_")}
            fail("Table", "model", limits, "must be within the limits, but no row is", got="limits")
        return self.models[self.chosen]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def __getitem__(self, column: str) -> NDArray[Any]:
        """Return a column; unknown numbers are NaN."""
        if not any(column in row for row in self.rows):
            msg = f"Table: '{column}' is not one of the columns {', '.join(self.columns)}"
            raise KeyError(msg)
        values = [row.get(column) for row in self.rows]
        if any(isinstance(value, str) for value in values):
            return np.array(values, object)
        return np.array([np.nan if value is None else value for value in values])

    def row(self, key: Any) -> Mapping[str, Any]:
        """Return the first row whose first value is `key`."""
        keys = [next(iter(row.values())) for row in self.rows]
        if key not in keys:
            msg = f"Table: {key!r} is not one of the rows {', '.join(map(repr, keys))}"
            raise KeyError(msg)
        return self.rows[keys.index(key)]

    def __str__(self) -> str:
        """Return the facts in a line, and an aligned table."""
        if not self.rows:
            return self._head()
        names, cells = self._cells()
        return f"{self._head()}\n{tables.table(names, cells)}"

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        names, cells = self._cells()
        return html.grid(self._head(), names, cells, most=len(cells))

    def _head(self) -> str:
        shown = [(name, _shown(name, value)) for name, value in self.facts.items()]
        line = ", ".join(f"{tables.title(name)} {text}" for name, text in shown if text)
        return textwrap.fill(line, 120)

    def _cells(self) -> tuple[list[str], list[list[str]]]:
        names = self.columns
        titles = ["" if n == "note" else tables.title(n) for n in names]
        return titles, [[_shown(n, row.get(n)) for n in names] for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """Return the facts and the rows as plain Python objects; unknown values are None."""
        plain: dict[str, Any] = tables.plain({**self.facts, "rows": list(map(dict, self.rows))})
        return plain

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it to a file if a path is given."""
        return tables.to_json(self.to_dict(), path)

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame, with the facts as its ``attrs``."""
        frame = extra("pandas", "to_frame").DataFrame(list(map(dict, self.rows)))
        frame.attrs.update(tables.plain(dict(self.facts)))
        return frame

    def plot(self, x: str | None = None, y: str | None = None, **options: Any) -> Any:
        """Draw columns with `spikelet.plot.results`, or bars for each row with `spikelet.plot.bars`.

        Parameters
        ----------
        x, y : str, optional
            Columns.
        **options
            Others of these functions, such as ``ax`` or ``figure``.

        Returns
        -------
        Axes, or Figure of bars
        """
        import spikelet as sl  # noqa: PLC0415  # plots stand above

        if isinstance(next((row.get(x or self.axes[0]) for row in self.rows), ""), str):
            return sl.plot.bars(self, [y] if y else None, **options)
        return sl.plot.results(self, x, y, **options)

    def save(self, path: str | Path, *, title: str = "Results") -> Path:
        """Write an HTML page with the facts, figures and the table, which loads nothing from elsewhere.

        Parameters
        ----------
        path : path
            File to write (.html); `to_json` writes JSON.
        title : str
            Heading of the page.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        ImportError
            If plotly or matplotlib is not installed: ``pip install 'spikelet[report]'``.
        """
        from spikelet.plot.report.results import save  # noqa: PLC0415  # plots stand above

        return save(self, path, title)


def _shown(name: str, value: Any) -> str:
    if not tables.known(value):
        return ""
    if name == "note":
        return f"<- {value}" if value else ""
    if isinstance(value, str):
        return value
    if name in tables.SHARES:
        return tables.percent(value) if "accuracy" in name else tables.share(value)
    return tables.value(value)
