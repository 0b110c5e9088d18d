"""Tables for notebooks: plain HTML, escaped, without scripts and colours."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np

from spikelet._util import html


class Checker(HTMLParser):
    """Collect the text of the cells, and check that tags are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"table", "caption", "b", "thead", "tbody", "tr", "th", "td", "div", "p"}
        assert {name for name, _ in attrs} <= {"style", "colspan"}
        assert all("color" not in (value or "") for _, value in attrs)
        self.open.append(tag)
        if tag in ("th", "td"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] in ("th", "td"):
            self.cells[-1] += data


def test_facts_are_escaped_and_empty_ones_left_out() -> None:
    text = html.facts("<E>", [("a & b", "<script>"), ("none", None), ("empty", ""), ("zero", 0)])
    assert "<script>" not in text
    assert Checker(text).cells == ["a & b", "<script>", "zero", "0"]


def test_a_grid_counts_what_it_leaves_out() -> None:
    text = html.grid("t", ["name", "n"], [(f"p{k}", 1000 * k) for k in range(5)], most=2)
    assert Checker(text).cells == ["name", "n", "p0", "0", "p1", "1,000", "... and 3 more"]
    assert html.grid("t", ["name"], []) == ""


def test_joined_tables_are_one_element() -> None:
    assert html.joined("<p>a</p>", "", "<p>b</p>") == "<div><p>a</p><p>b</p></div>"


def test_values_are_short() -> None:
    assert html.short(np.array([1.0, 3.0, 2.0])) == "1 to 3 (array (3,))"
    assert html.short(np.array([])) == "array (0,)"
    assert html.short(0.1 + 0.2) == "0.3"
    assert html.short(None) == "None"
