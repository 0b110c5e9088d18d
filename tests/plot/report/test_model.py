"""Reports of converted models."""

from __future__ import annotations

import html
import re

import pytest
from tests.support.layered import inputs, pair

from spikelet.conversion.report import report


@pytest.fixture(scope="module")
def compared():
    x = inputs(6)
    return report(*pair(x), x, 8, labels=[0, 1, 2, 3, 4, 0])


def test_the_table_has_the_numbers_of_the_report(compared, tmp_path):
    path = compared.save(tmp_path / "model.html", title="Small CNN")
    page = path.read_text().split('<script type="application/json"')[0]
    words = html.unescape(re.sub(r"<[^>]*>", "|", page)).split("|")
    assert words[words.index("samples") + 1 :].index("6") < 3
    assert f"{100 * compared.agreement:.1f}%" in words
    for layer in compared.layers:
        at = words.index(layer.name)
        row = [w for w in words[at : at + 30] if w]
        assert row[2] == str(layer.neurons)
        assert row[3] == f"{100 * layer.error:.4g}"
        assert f"{layer.rate:.4g}" in row
    marked = re.findall(r'<tr class="bad"><td class="text">(.*?)</td>', page)
    assert tuple(marked) == compared.vanishing


def test_wrong_titles_are_named(compared, tmp_path):
    with pytest.raises(TypeError, match=r"ConversionReport\.save: title must be a string"):
        compared.save(tmp_path / "model.html", title=3)
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_elsewhere(compared, tmp_path):
    with pytest.raises(ValueError, match=r'path must end in "\.html"'):
        compared.save(tmp_path / "model.json")
