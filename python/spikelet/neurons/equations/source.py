"""Texts of a model, and messages that mark a place in them."""

from __future__ import annotations

import bisect
import inspect
import re
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from spikelet._util.checks import fail

LONGEST = 100_000
"""Characters that a text may have."""


@dataclass(frozen=True)
class Source:
    """A text of a model.

    Parameters
    ----------
    model : str
        Name of the model, with which messages begin.
    part : str
        What the text is: "equations", "threshold".
    text : str
        The text.
    """

    model: str
    part: str
    text: str

    @classmethod
    def of(cls, model: str, part: str, text: object) -> Source:
        """Return a source with common indentation and empty lines around it removed, checked for its length."""
        if not isinstance(text, str):
            fail(model, part, text, "must be text", error=TypeError)
        if len(text) > LONGEST:
            fail(model, part, len(text), f"must have at most {LONGEST} characters", got="length")
        return cls(model, part, inspect.cleandoc(text))

    @cached_property
    def _lines(self) -> list[int]:
        """Where each line begins."""
        return [0, *(m.end() for m in re.finditer("\n", self.text))]

    def position(self, at: int) -> tuple[int, int]:
        """Return line and column, both from 1, of a character."""
        line = bisect.bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def error(self, message: str, at: int) -> ValueError:
        """Return an error that marks a character of the text."""
        line, column = self.position(at)
        whole = self.text[self._lines[line - 1] :].split("\n", 1)[0]
        first = max(0, column - 81)  # of a long line, what is around the mark
        before = "... " if first else ""
        after = " ..." if len(whole) > first + 120 else ""
        visible = "".join(c if c.isprintable() else " " if c in "\t\r\f" else "?" for c in whole)
        head = f"  {'' if self.part == 'equations' else f'{self.part}, '}line {line}, column {column}:  {before}"
        mark = " " * (len(head) + column - 1 - first) + "^"
        return ValueError(
            f"{self.model}: {message}\n{head}{visible[first : first + 120]}{after}\n{mark}"
        )


class Place(NamedTuple):
    """A character of a source."""

    source: Source
    at: int

    def __repr__(self) -> str:
        return f"<line {self.line}, column {self.column}>"

    @property
    def line(self) -> int:
        """Line, from 1."""
        return self.source.position(self.at)[0]

    @property
    def column(self) -> int:
        """Column, from 1."""
        return self.source.position(self.at)[1]

    def error(self, message: str) -> ValueError:
        """Return an error that marks this place."""
        return self.source.error(message, self.at)
