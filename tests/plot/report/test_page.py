"""Pages: plain HTML that loads nothing."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from spikelet.plot.report.page import Page, Table, target


class Elements(HTMLParser):
    """Elements with their attributes, and the text of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements, self.text, self.open = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "source", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_every_element_is_closed_and_texts_are_escaped():
    page = Page("<b>&")
    page.heading("<script>", "a < b")
    page.keys({"x<": 1234567, "y": 0.123456, "none": None})
    page.table(Table(["<i>", "n"], [["<td>", 5], ["b", None]], frozenset({1})))
    page.plots(("<title>", [{"x": [1.0, float("nan")], "name": "</script>"}], {}))
    page.details("more <", "a < b")
    found = Elements(page.html())
    assert found.open == []
    assert not {"b", "i"} & {tag for tag, _ in found.elements}
    text = " ".join(found.text)
    assert "1\u202f234\u202f567" in text
    assert "0.1235" in text
    assert "none" not in [t.strip() for t in found.text]
    assert sum(attrs.get("class") == "bad" for _, attrs in found.elements) == 1
    (figures,) = re.findall(r'id="figures">(.*?)</script>', page.html())
    assert "\\u003c/script>" in figures
    assert "NaN" not in figures


def test_nothing_is_loaded():
    page = Page("page")
    page.plots(("", [], {}))
    html = page.html()
    sources = [v for _, a in Elements(html).elements for k, v in a.items() if k in ("src", "href", "srcset")]  # fmt: skip
    assert [s for s in sources if not s.startswith("data:")] == []
    assert "default-src 'none'" in html
    assert 0.5e6 < len(html) < 2.5e6  # plotly.js is compressed


def test_a_page_without_figures_has_no_library():
    assert len(Page("page").html()) < 20_000


def test_pictures_are_drawn_for_both_schemes():
    page = Page("page")
    shades = []

    def draw(figure):
        import matplotlib as mpl  # noqa: PLC0415

        shades.append(mpl.rcParams["text.color"])
        figure.subplots().plot([1, 2])

    page.picture(draw, (3.0, 2.0), 'a "line"')
    assert len(set(shades)) == 2
    assert 'alt="a &quot;line&quot;"' in page.html()


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        ("report.pdf", ValueError, r'f: path must end in ".html"'),
        ("missing/report.html", ValueError, "must be in an existing folder"),
        (3, TypeError, "path must be a path"),
    ],
)
def test_wrong_paths_are_named(path, error, message):
    with pytest.raises(error, match=message):
        target("f", path, None)


def test_without_plotly_the_extra_is_named(monkeypatch, tmp_path):
    import sys  # noqa: PLC0415

    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(ImportError, match=r"pip install 'spikelet\[report\]'"):
        target("f", tmp_path / "report.html", None)
