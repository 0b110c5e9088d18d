"""Published figures, from ``bench/results/*.json``: ``python docs/figures.py --write`` fills the README's table.

Benchmarks write these files with ``--json``. A reference names one figure: ``FILE: CELLS: COLUMN`` is the number in the row
that has all of these cells, separated by ``;``, and in the column that begins like this. ``FILE#TABLE`` chooses one of several
tables, ``A // B`` is the ratio of two figures, of which the second may leave out the file, and ``@ 2`` rounds to two
significant digits.
"""

from __future__ import annotations

import json
import math
import re
import shlex
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
README = ROOT / "README.md"
BEGIN, END = "<!-- figures: begin (python docs/figures.py --write) -->", "<!-- figures: end -->"
SPEED = """\
| network | threads | spikelet, float32 | NEST 3.10 | Brian2 2.9 |
|---|---|---|---|---|
| cortical microcircuit, 2 s | 2 | {compare_microcircuit#times: spikelet; float32; float: wall s @ 2} s | {compare_microcircuit#times: nest: wall s @ 3} s | |
| Brunel's network, 12 500 neurons, 1 s | 1 | {compare#times: brunel; spikelet; float32: sim wall @ 2} s | {compare#times: brunel; nest: sim wall @ 2} s | {compare#times: brunel; brian2: sim wall @ 2} s |
| the same with STDP at 10 million synapses | 1 | {compare#times: plastic_brunel; spikelet; float32: sim wall @ 2} s | {compare#times: plastic_brunel; nest: sim wall @ 2} s | {compare#times: plastic_brunel; brian2: sim wall @ 2} s |
| CUBA, 4000 neurons, 10 s | 1 | {compare#times: cuba; spikelet; float32: sim wall @ 2} s | {compare#times: cuba; nest: sim wall @ 2} s | {compare#times: cuba; brian2: sim wall @ 2} s |

The first row is of {release compare_microcircuit} on {machine compare_microcircuit}; the others are of {release compare} on {machine compare}."""


class Table(NamedTuple):
    """A table of a result: its columns, and rows of cells."""

    columns: list[str]
    rows: list[list[str]]


def result(name: str) -> dict[str, Any]:
    """Return a file of results."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        msg = f"there is no result {name!r}: write one by a benchmark's --json {path.relative_to(ROOT)}"
        raise ValueError(msg)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def table(name: str) -> Table:
    """Return the only table of a result, or that after ``#``."""
    file, _, chosen = name.partition("#")
    tables = result(file)["tables"]
    if not chosen and len(tables) == 1:
        (chosen,) = tables
    if chosen not in tables:
        msg = f"{file} has the tables {', '.join(map(repr, tables))}: write one of them after {file}#, got {chosen!r}"
        raise ValueError(msg)
    return Table(**tables[chosen])


def cell(name: str, cells: str, column: str) -> str:
    """Return the text of one cell."""
    found = table(name)
    wanted = {text.strip() for text in cells.split(";")}
    rows = [row for row in found.rows if wanted <= set(row)]
    places = [k for k, title in enumerate(found.columns) if title == column]
    places = places or [k for k, title in enumerate(found.columns) if title.startswith(column)]
    if len(rows) != 1 or len(places) != 1:
        msg = f"{name}: {len(rows)} rows have {cells!r} and {len(places)} columns begin with {column!r}; both must be 1"
        raise ValueError(msg)
    return rows[0][places[0]]


def number(text: str) -> float:
    """Return the number at the beginning of a cell, such as ``1 234.5 (1 200..1 300)``."""
    found = re.match(r"[-+]?\d[\d ]*(\.\d+)?", text)
    if not found:
        msg = f"{text!r} does not begin with a number"
        raise ValueError(msg)
    return float(found[0].replace(" ", ""))


def rounded(value: float, digits: int) -> str:
    """Return a number with some significant digits, and thousands apart."""
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    return f"{round(value, places):_.{max(places, 0)}f}".replace(
        "_", " " if abs(value) >= 10_000 else ""
    )


def figure(reference: str) -> str:
    """Return the figure that a reference names."""
    text, _, digits = reference.partition("@")
    file, texts = "", []
    for part in text.split("//"):
        *named, cells, column = (word.strip() for word in part.split(":"))
        file = named[0] if named else file
        texts.append(cell(file, cells, column))
    if len(texts) == 1 and not digits:
        return texts[0]
    value = number(texts[0]) / math.prod(number(other) for other in texts[1:])
    return rounded(value, int(digits or 2))


def release(name: str) -> str:
    """Return the version and date of a result; of one that was taken over from a page, the date of the page."""
    found = result(name)
    day = date.fromisoformat(found["date"][:10])
    published = "published " if "transcribed" in found else ""
    return f"version {found['spikelet']} ({published}{day.day} {day:%B %Y})"


def machine(name: str) -> str:
    """Return the processor of a result, and its number of cores."""
    host = result(name)["machine"]
    cores = "1 core" if host["cores"] == 1 else f"{host['cores']} cores"
    return f"{host['cpu']}, {cores}"


def origin(name: str) -> str:
    """Return the version, date and machine of a result, and how it was measured."""
    note = result(name).get("note")
    return f"{release(name)}, {machine(name)}" + (f"; {note}" if note else "")


def command(name: str) -> str:
    """Return the command that wrote a result."""
    words = result(name)["command"]
    if isinstance(words, str):
        return words
    script, *arguments = words
    return shlex.join(["python", f"bench/python/{script}", *arguments])


def markdown(found: Table, columns: Sequence[str] = (), rows: Sequence[str] = ()) -> str:
    """Return a table as Markdown, with the chosen columns, and with the rows that have one of the chosen cells."""
    kept = [k for k, title in enumerate(found.columns) if not columns or title in columns]
    lines = [row for row in found.rows if not rows or set(rows) & set(row)]
    texts = [found.columns, ["---"] * len(found.columns), *lines]
    return "\n".join(f"| {' | '.join(line[k] for k in kept)} |" for line in texts)


def filled(text: str) -> str:
    """Return the README with its table as the results say."""
    before, _, rest = text.partition(BEGIN)
    _, has, after = rest.partition(END)
    if not has:
        msg = f"README.md must have the lines {BEGIN} and {END}"
        raise ValueError(msg)
    block = re.sub(r"\{release (\w+)\}", lambda found: release(found[1]), SPEED)
    block = re.sub(r"\{machine (\w+)\}", lambda found: machine(found[1]), block)
    block = re.sub(r"\{([^{}]+)\}", lambda found: figure(found[1]), block)
    return f"{before}{BEGIN}\n{block}\n{END}{after}"


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    if "--write" in sys.argv[1:]:
        README.write_text(filled(text), encoding="utf-8")
    elif filled(text) != text:
        sys.exit(
            "the README's figures are not those of bench/results: run python docs/figures.py --write"
        )
