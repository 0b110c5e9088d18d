from __future__ import annotations

import pytest

from spikelet.neurons.equations.source import LONGEST, Place, Source


def test_common_indentation_is_removed() -> None:
    source = Source.of("M", "equations", "\n        a = 1\n          b = 2\n\n    ")
    assert source.text == "a = 1\n  b = 2"


def test_positions_begin_at_one() -> None:
    source = Source("M", "equations", "ab\n\ncd")
    assert [source.position(at) for at in (0, 1, 2, 3, 4, 5)] == [
        (1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 2),
    ]  # fmt: skip
    place = Place(source, 5)
    assert (place.line, place.column, repr(place)) == (3, 2, "<line 3, column 2>")


def test_the_mark_stands_below_the_place() -> None:
    error = Place(Source("AdEx", "reset", "V = 1\nw = q + 2"), 10).error("unknown name 'q'")
    assert str(error) == (
        "AdEx: unknown name 'q'\n"
        "  reset, line 2, column 5:  w = q + 2\n"
        "                                ^"
    )  # fmt: skip


def test_of_a_long_line_the_part_around_the_mark_is_shown() -> None:
    text = "x = " + " + ".join(f"a{k}" for k in range(1000))
    for at in (0, 50, 80, 81, 500, len(text) - 1):
        _, shown, caret = str(Source("M", "equations", text).error("bad", at)).split("\n")
        assert len(shown) < 180
        assert shown[caret.index("^")] == text[at]


def test_what_cannot_be_printed_is_shown_as_one_character() -> None:
    text = "a\x00b\x1b[31m\tc"
    _, shown, caret = str(Source("M", "equations", text).error("bad", 1)).split("\n")
    assert shown.endswith("a?b?[31m c")
    assert shown[caret.index("^")] == "?"


def test_errors_at_the_end() -> None:
    assert "line 1, column 4:" in str(Source("M", "equations", "abc").error("bad", 3))
    assert "line 1, column 1:" in str(Source("M", "equations", "").error("bad", 0))


def test_what_is_no_text() -> None:
    with pytest.raises(TypeError, match=r"AdEx: threshold must be text, got 3"):
        Source.of("AdEx", "threshold", 3)
    with pytest.raises(ValueError, match=rf"AdEx: reset must have at most {LONGEST} characters"):
        Source.of("AdEx", "reset", "x" * (LONGEST + 1))
