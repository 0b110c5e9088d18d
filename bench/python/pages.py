"""Put a table that a command makes into a page of the documentation, between two comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def markers(name: str) -> tuple[str, str]:
    """Return the comments before and after a table."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def has_place(page: Path, name: str) -> bool:
    """Return whether a page has both comments, in this order."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    begin, end = markers(name)
    return end in text.partition(begin)[2]


def put(page: Path, name: str, text: str) -> None:
    """Replace what is between the comments of a page."""
    begin, end = markers(name)
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")
