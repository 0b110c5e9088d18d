"""The page of a report: one HTML file with its data, its scripts and its pictures, which loads nothing.

The summary and all tables are plain HTML; figures are drawn by plotly.js, and without JavaScript by pictures.
"""

from __future__ import annotations

import base64
import datetime as dt
import functools
import gzip
import html
import importlib.resources
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spikelet import _core
from spikelet._util import files
from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet._util.files import path_of
from spikelet._util.tables import plain

COLORS = (
    "#3b7dc4", "#d1583f", "#3f9e62", "#a06bb8", "#b8862b", "#3c9ca3", "#c4608f", "#7f8c3a", "#7a7ad0", "#a8705a",
)  # fmt: skip
"""Colours that are readable on white and on black."""

# Nothing is loaded, from wherever: the file has all it needs. plotly.js compiles its shaders' code.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; worker-src blob:"
)

NEEDS_SCRIPT = (
    '<noscript><p class="note">This figure needs JavaScript; the tables do not.</p></noscript>'
)


def color(place: int) -> str:
    """Return a colour of the cycle."""
    return COLORS[place % len(COLORS)]


@dataclass(frozen=True)
class Table:
    """A table of texts and numbers.

    Parameters
    ----------
    columns : sequence of str
        Titles.
    rows : sequence of sequences
        Cells: texts, numbers, or None for an empty one.
    marked : set of int
        Rows that stand out.
    sortable : bool
        Whether a click on a title sorts.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    marked: frozenset[int] = frozenset()
    sortable: bool = True

    def __str__(self) -> str:
        text = [any(isinstance(row[k], str) for row in self.rows) for k in range(len(self.columns))]
        kinds = [' class="text"' if is_text else "" for is_text in text]
        head = "".join(
            f"<th{kind}>{_text(c)}</th>" for kind, c in zip(kinds, self.columns, strict=True)
        )
        bad = ' class="bad"'
        body = "".join(
            f"<tr{bad if k in self.marked else ''}>{''.join(map(_cell, row))}</tr>"
            for k, row in enumerate(self.rows)
        )
        kind = ' class="sortable"' if self.sortable and len(self.rows) > 1 else ""
        return f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


@dataclass
class Page:
    """A report that is being put together; `write` makes the file.

    Parameters
    ----------
    title : str
        Its heading.
    """

    title: str
    _body: list[str] = field(default_factory=list)
    _figures: list[dict[str, Any]] = field(default_factory=list)
    _blobs: dict[str, bytes] = field(default_factory=dict)
    _scripts: list[str] = field(default_factory=lambda: ["page.js"])

    def heading(self, text: str, note: str = "") -> None:
        """Begin a section."""
        self._body.append(f"<h2>{_text(text)}</h2>")
        if note:
            self.note(note)

    def note(self, text: str) -> None:
        """Add a sentence."""
        self._body.append(f'<p class="note">{_text(text)}</p>')

    def keys(self, values: Mapping[str, Any]) -> None:
        """Add key figures by name; those that are None are left out."""
        cells = [
            f"<div><dt>{_text(name)}</dt><dd>{_text(_short(value))}</dd></div>"
            for name, value in values.items()
            if value is not None
        ]
        self._body.append(f'<dl class="keys">{"".join(cells)}</dl>')

    def table(self, table: Table) -> None:
        """Add a table."""
        self._body.append(str(table))

    def details(self, title: str, text: str) -> None:
        """Add a text that is folded away."""
        self._body.append(
            f"<details><summary>{_text(title)}</summary><pre>{_text(text)}</pre></details>"
        )

    def picture(self, draw: Callable[[Any], Any], size: tuple[float, float], alt: str) -> None:
        """Add a picture that matplotlib draws, once for each colour scheme.

        Parameters
        ----------
        draw : callable
            Draws on the matplotlib Figure that it is given.
        size : (float, float)
            Size of the figure [inch].
        alt : str
            What it shows.
        """
        self._body.append(f"<figure>{picture(draw, size, alt)}</figure>")

    def plots(self, *specs: tuple[str, Sequence[Any], Mapping[str, Any]]) -> None:
        """Add figures next to each other, each of a title, plotly traces and a plotly layout."""
        cells = []
        for title, data, layout in specs:
            own = {"title": {"text": title, "x": 0, "xanchor": "left", "font": {"size": 13}}, **layout}  # fmt: skip
            spot = self._figure("plot", data=plain(list(data)), layout=plain(own))
            cells.append(f'<figure><div class="plot" id="{spot}"></div>{NEEDS_SCRIPT}</figure>')
        kind = "plots four" if len(cells) == 4 else "plots"
        self._body.append(f'<div class="{kind}">{"".join(cells)}</div>')

    def special(
        self, kind: str, inside: str, picture: str = "", **spec: Any
    ) -> None:  # HTML comes from this package only
        """Add a figure of a kind that a script of its own draws, ``kind + ".js"``.

        Parameters
        ----------
        kind : str
            Name of the script, and of the function in it.
        inside : str
            HTML of the figure, with ``{id}`` where the plot goes.
        picture : str
            HTML of the picture that is shown without JavaScript.
        **spec
            What the script gets, as plain data.
        """
        if f"{kind}.js" not in self._scripts:
            self._scripts.append(f"{kind}.js")
        spot = self._figure(kind, **plain(spec))
        self._body.append(f"<figure>{picture}{inside.replace('{id}', spot)}</figure>")

    def blob(self, data: bytes) -> str:
        """Add bytes for a script, and return the id under which it finds them."""
        name = f"data-{len(self._blobs)}"
        self._blobs[name] = data
        return name

    def _figure(self, kind: str, **spec: Any) -> str:
        spot = f"figure-{len(self._figures)}"
        self._figures.append({"id": spot, "kind": kind, **spec})
        return spot

    def write(self, path: str | Path) -> None:
        """Write the file; an older one is replaced when the new one is complete."""
        files.write(path, self.html().encode(errors="backslashreplace"))  # lone surrogates

    def html(self) -> str:
        """Return the page."""
        now = dt.datetime.now(dt.UTC).date().isoformat()
        about = f"spikelet {_core.__version__}, {now}, SIMD level {_core.simd_level()}"
        figures = json.dumps(self._figures, allow_nan=False, separators=(",", ":"))
        blobs = {**self._blobs, **({"plotly": _library()} if self._figures else {})}
        data = "".join(
            f'<script type="application/gzip" id="{name}">{_packed(value)}</script>\n'
            for name, value in blobs.items()
        )
        scripts = "\n".join(map(_resource, self._scripts))
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="color-scheme" content="light dark">\n'
            f"<title>{_text(self.title)}</title>\n<style>\n{_resource('page.css')}</style>\n</head>\n<body>\n"
            f'<header><h1>{_text(self.title)}</h1><p class="about">{_text(about)}</p></header>\n<main>\n'
            + "\n".join(self._body)
            + "\n</main>\n"
            f'<script type="application/json" id="figures">{_inert(figures)}</script>\n{data}'
            f"<script>\n{scripts}</script>\n</body>\n</html>\n"
        )


def axes(x: str, y: str, *, legend: bool = False) -> dict[str, Any]:
    """Return the plotly layout of a figure with titles of its axes."""
    return {
        "height": 320, "xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}}, "showlegend": legend,
        "margin": {"l": 64, "r": 16, "t": 64 if legend else 36, "b": 48},
    }  # fmt: skip


def target(where: str, path: Any, title: Any = None) -> Path:
    """Return the file to write, after a check that it can be one and that the title is a string or None.

    Raises
    ------
    TypeError, ValueError
        If the title is something else, or the path does not end in ".html", in a folder that exists.
    """
    if title is not None and not isinstance(title, str):
        fail(where, "title", title, "must be a string", error=TypeError)
    found = path_of(where, path)
    if found.suffix.lower() not in (".html", ".htm"):
        fail(where, "path", str(path), 'must end in ".html"')
    if not found.parent.is_dir():
        fail(where, "path", str(path), "must be in an existing folder")
    extra("plotly.offline", where, "report")  # before any work
    extra("matplotlib.figure", where, "report")
    return found


def picture(draw: Callable[[Any], Any], size: tuple[float, float], alt: str) -> str:
    """Return HTML of a picture that matplotlib draws; see `Page.picture`."""
    light, dark = (_png(draw, size, style) for style in (_LIGHT, _DARK))
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{html.escape(alt, quote=True)}" width="{size[0] * 96:.0f}"></picture>'
    )


_LIGHT = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), "#1d2228")  # fmt: skip
_DARK = dict.fromkeys(_LIGHT, "#e4e8ec")


def _png(draw: Callable[[Any], Any], size: tuple[float, float], style: Mapping[str, str]) -> str:
    matplotlib = extra("matplotlib", "report", "report")
    figures = extra("matplotlib.figure", "report", "report")
    paper = "#ffffff" if style is _LIGHT else "#14171b"
    own = {**style, "figure.facecolor": paper, "axes.facecolor": paper, "legend.facecolor": paper}
    with matplotlib.rc_context(own):
        figure = figures.Figure(size, layout="constrained")
        draw(figure)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=110)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


@functools.cache
def _library() -> bytes:
    code: str = extra("plotly.offline", "report", "report").get_plotlyjs()
    return code.encode()


@functools.lru_cache(maxsize=4)
def _compressed(data: bytes) -> str:
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def _packed(data: bytes) -> str:
    """Return bytes as text, compressed; those of plotly.js are compressed once."""
    if len(data) > 4_000_000:
        return _compressed(data)
    return base64.b64encode(gzip.compress(data, 6, mtime=0)).decode()


def _resource(name: str) -> str:
    return importlib.resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _inert(text: str) -> str:
    """Return JSON that cannot end its element."""
    return text.replace("<", "\\u003c")


def _text(value: Any) -> str:
    return html.escape(str(value))


def _short(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f")
    return f"{value:.4g}"


def _cell(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124  # NaN
        return "<td></td>"
    if isinstance(value, str):
        return f'<td class="{"long" if len(value) > 40 else "text"}">{_text(value)}</td>'
    return f'<td data-value="{value}">{_text(_short(value))}</td>'
