"""Pages of tables of results."""

from __future__ import annotations

import html
import re

import pytest
from tests.support.layered import inputs, pair

from spikelet.conversion import Table, evaluate, report


def words_of(path):
    page = path.read_text().split('<script type="application/json"')[0]
    return page, html.unescape(re.sub(r"<[^>]*>", "|", page)).split("|")


@pytest.fixture(scope="module")
def compared():
    x = inputs(6)
    return report(*pair(x), x, [0, 1, 2, 3, 4, 0], 8)


def test_the_page_has_the_numbers_of_the_report(compared, tmp_path):
    path = compared.save(tmp_path / "model.html", title="Small CNN")
    page, words = words_of(path)
    assert words[words.index("samples") + 1 :].index("6") < 3
    assert f"{100 * compared.facts['agreement']:.4g}" in words
    for layer in compared:
        at = words.index(layer["layer"])
        row = [w for w in words[at : at + 30] if w]
        assert row[2] == str(layer["neurons"])
        assert row[3] == f"{100 * layer['error']:.4g}"
        assert f"{layer['rate']:.4g}" in row
    marked = re.findall(r'<tr class="bad"><td class="text">(.*?)</td>', page)
    assert marked == [row["layer"] for row in compared if row["note"]]


def test_other_tables_have_pages_too(tmp_path):
    x = inputs(4)
    snn, ann = pair(x)
    one = evaluate(snn, ann, x, None, (2, 4))
    path = Table.joined({"a": one, "b": one}).save(tmp_path / "curves.html")
    _, words = words_of(path)
    assert "Results" in words
    assert words.count("a") == words.count("b") == 2
    assert "energy ratio" in words


def test_wrong_titles_are_named(compared, tmp_path):
    with pytest.raises(TypeError, match=r"Table\.save: title must be a string"):
        compared.save(tmp_path / "model.html", title=3)
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_elsewhere(compared, tmp_path):
    with pytest.raises(ValueError, match=r'path must end in "\.html"'):
        compared.save(tmp_path / "model.json")
