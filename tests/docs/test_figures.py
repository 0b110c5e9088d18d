"""Published figures come from ``bench/results``: on pages by a directive and a role, in the README by a command."""

from __future__ import annotations

import json
import re
import runpy
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FIGURES = runpy.run_path(str(ROOT / "docs" / "figures.py"))
RESULTS = sorted((ROOT / "bench" / "results").glob("*.json"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

PEERS = re.compile(
    r"\b(NEST|Brian2|BindsNET|GeNN|snn[Tt]orch|[Ss]piking[Jj]elly|Norse|Rockpool|Sinabs|Spyx|tonic|expelliarmus|onnxruntime)\b"
)
# A speed in a sentence, and a cell that is a figure and nothing else.
SPEED = re.compile(
    r"(?<![\w.])\d[\d.]* ?(?:times as|x(?! \d)|ns|us|µs|[GM]B|m?s (?:per|for each) )(?!\w)"
)
CELL = re.compile(
    r"\d[\d ]*(?:\.\d+(?: ?(?:s|ms|us|ns|%|x|times|GB|MB))?|(?: ?(?:s|ms|us|ns|%|x|times|GB|MB)))"
)
# What begins like this was not measured.
ALLOWED = {
    "27 µs": "computed: what a real-time factor leaves for a step",
    "17 µs": "computed from a profile",
    "123 MB": "the size of a result",
    "40 us": "what a result's size costs",
    "1 µs": "rounding of times",
    "1.2 ns": "an estimate of the parts of a loop",
}


def prose(page: Path) -> str:
    """Return a page without code, and without what the command writes."""
    text = page.read_text("utf-8")
    text = re.sub(r"^(```+|:::+).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!-- figures: begin.*?figures: end -->", "", text, flags=re.DOTALL)


def references() -> list[tuple[str, str, bool]]:
    """Return all references of pages to results: the page, the reference, and True for a table."""
    found = []
    for page in PAGES:
        text, name = page.read_text("utf-8"), page.name
        found += [(name, r, False) for r in re.findall(r"\{measured\}`([^`]*)`", text)]
        found += [
            (name, r, True) for r in re.findall(r"^```\{measured\} (.*)$", text, re.MULTILINE)
        ]
    return found


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_has_its_origin(path: Path) -> None:
    found = json.loads(path.read_text("utf-8"))
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", found["spikelet"])
    assert date(2026, 11, 1) < date.fromisoformat(found["date"][:10])
    assert found["machine"]["cpu"]
    assert found["machine"]["cores"] >= 1
    assert isinstance(FIGURES["command"](path.stem), str)
    for table in found["tables"].values():
        assert {len(row) for row in table["rows"]} == {len(table["columns"])}


def test_pages_take_what_there_is() -> None:
    for page, reference, is_table in references():
        made = FIGURES["table" if is_table else "figure"](reference)
        assert made, f"{page}: {reference}"


def test_no_result_is_left_out() -> None:
    used = {reference.partition(":")[0].partition("#")[0] for _, reference, _ in references()}
    assert {path.stem for path in RESULTS} == used


def test_the_readme_is_filled() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert FIGURES["filled"](text) == text, "run python docs/figures.py --write"


def test_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["1", "a", "1 234.5 (1 200..1 300)"], ["1", "b", "0.0456"], ["2", "a", "98765"]]
    times = {"columns": ["threads", "name", "wall s (min..max)"], "rows": rows}
    (tmp_path / "x.json").write_text(json.dumps({"tables": {"times": times, "other": times}}))
    figure = FIGURES["figure"]
    monkeypatch.setitem(figure.__globals__, "RESULTS", tmp_path)
    monkeypatch.setitem(figure.__globals__, "ROOT", tmp_path)
    assert figure("x#times: 1; b: wall") == "0.0456"
    assert figure("x#times: 1; b: wall s @ 2") == "0.046"
    assert figure("x#times: 1; a: wall @ 2") == "1200"
    assert figure("x#times: 2; a: wall @ 3") == "98 800"
    assert figure("x#other: 1; a: wall // 1; b: wall") == "27 000"
    for wrong, says in {
        "y: a: wall": "there is no result 'y'",
        "x: 1; a: wall": "write one of them after x#",
        "x#times: a: wall": "2 rows have 'a'",
        "x#times: 1; a: nothing": "0 columns begin with 'nothing'",
        "x#times: 1; a: name @ 2": "'a' does not begin with a number",
    }.items():
        with pytest.raises(ValueError, match=re.escape(says)):
            figure(wrong)


def own_figures(text: str) -> list[str]:
    """Return the figures of the tables and paragraphs that name another program."""
    found = []
    for block in re.split(r"\n\s*\n", re.sub(r"\{measured\}`[^`]*`|\(http[^)]*\)", "", text)):
        if not PEERS.search(block):
            continue
        if block.lstrip().startswith("|"):
            cells = (cell.strip() for cell in re.split(r"[|\n]", block))
            found += [cell for cell in cells if CELL.fullmatch(cell)]
        else:
            found += [match[0] for match in SPEED.finditer(block)]
    return [figure for figure in found if not figure.startswith(tuple(ALLOWED))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_figures_of_other_programs_come_from_the_results(page: Path) -> None:
    assert own_figures(prose(page)) == []


def test_a_figure_beside_another_program_is_found() -> None:
    assert own_figures("It is 12 times as fast as NEST, with {measured}`a: b: c` ms per step.") == [
        "12 times as"
    ]
    assert own_figures("| | s |\n|---|---|\n| NEST | 3.5 |\n| here | 2 s |\n\n12 ns") == [
        "3.5",
        "2 s",
    ]
