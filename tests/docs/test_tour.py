"""The guided tour: both languages have the same chapters, code and pictures. ``test_readme`` runs the code."""

from __future__ import annotations

import io
import re
import runpy
import tokenize
from pathlib import Path

import pytest

TOUR = Path(__file__).parents[2] / "docs" / "tour"
CHAPTERS = sorted(path.name for path in (TOUR / "en").glob("[0-9]*.md"))
PICTURE = re.compile(r"!\[([^\]]+)\]\(\.\./\.\./(images/tour/[\w.]+)\)")
code = runpy.run_path(str(TOUR.parent / "draw.py"))["code"]


def tokens(text: str) -> list[tuple[int, str]]:
    """Return the tokens of Python code, without comments."""
    found = tokenize.generate_tokens(io.StringIO(text).readline)
    return [(t.type, t.string) for t in found if t.type not in (tokenize.COMMENT, tokenize.NL)]


def test_both_languages_have_eight_chapters() -> None:
    assert [int(name[0]) for name in CHAPTERS] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert sorted(path.name for path in (TOUR / "zh").glob("[0-9]*.md")) == CHAPTERS


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_code_is_the_same_but_for_comments(chapter: str) -> None:
    english, chinese = (code(TOUR / language / chapter) for language in ("en", "zh"))
    assert "assert" in english  # the figures in the prose are checked
    assert tokens(english) == tokens(chinese)


def test_a_changed_number_is_a_difference() -> None:
    assert tokens("x = 1  # one\n") == tokens("x = 1  # 一\n")
    assert tokens("x = 1\n") != tokens("x = 2\n")


@pytest.mark.parametrize("chapter", CHAPTERS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_chapter_has_a_picture_of_its_own_and_an_exercise(language: str, chapter: str) -> None:
    page = TOUR / language / chapter
    text = page.read_text("utf-8")
    ((alt, path),) = PICTURE.findall(text)
    assert len(alt) > 50
    assert (TOUR.parent / path).read_bytes().startswith(b"\x89PNG")
    assert f'savefig("{Path(path).name}"' in code(page)
    assert text.count("<details>") == text.count("</details>") == 1
    assert "# 练习" in text if language == "zh" else "# Exercise" in text
    other = "en" if language == "zh" else "zh"
    assert f"](../{other}/{chapter})" in text


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chinese_pages_quote_the_numbers_of_the_english_ones(chapter: str) -> None:
    """Figures with a decimal point stand in both languages."""
    prose = [
        re.sub(r"```.*?```", "", (TOUR / language / chapter).read_text("utf-8"), flags=re.DOTALL)
        for language in ("en", "zh")
    ]
    english, chinese = (set(re.findall(r"\d+\.\d+", text)) for text in prose)
    assert english == chinese
