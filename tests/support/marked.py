"""Texts whose errors are expected at a place, which a caret marks: ``"q = 3^ §2"`` without §."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

MARK = "§"


def raises_at(text: str, message: str, read: Callable[[str], Any]) -> None:
    """Check that reading a text raises a ValueError whose message and caret are as expected.

    Parameters
    ----------
    text : str
        The text, with `MARK` before the character that the caret is to stand below.
    message : str
        Part of the message.
    read : callable
        Reads the text without the mark.
    """
    plain = text.replace(MARK, "")
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- compared in full below
        read(plain)
    said = str(caught.value)
    assert message in said, said
    _, shown, caret = said.rsplit("\n", 2)
    before = text[: text.index(MARK)]
    line, column = before.count("\n") + 1, len(before.rsplit("\n", 1)[-1]) + 1
    assert f"line {line}, column {column}:" in shown, said
    marked = plain.split("\n")[line - 1][column - 1 : column] or " "
    marked = marked if marked.isprintable() else "?"
    assert (shown + " ")[caret.index("^")] == marked, said
