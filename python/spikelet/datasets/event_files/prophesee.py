"""The header of Prophesee's files: lines of text that begin with "% "."""

from __future__ import annotations

import re

from spikelet.datasets.event_files.file import EventFile


def header(file: EventFile) -> tuple[dict[str, str], tuple[int, int] | None, int]:
    """Return the values by their names in lower case, the size of the sensor, and where the data begins."""
    lines, begin = file.header(b"% ", b"% end")
    values = {}
    for line in lines:
        name, _, value = line[2:].strip().partition(" ")
        values[name.lower()] = value.strip()
    pairs = dict(
        re.findall(r"(\w+)=(\w+)", values.get("format", ""))
    )  # "EVT3;height=720;width=1280"
    width, _, height = values.get("geometry", "").partition("x")
    width = pairs.get("width") or values.get("width") or width
    height = pairs.get("height") or values.get("height") or height
    size = None
    if width or height:
        if not all(re.fullmatch(r"\d{1,5}", n) and 0 < int(n) <= 2**15 for n in (width, height)):
            file.refuse(
                0,
                "the header",
                f"must state a width and a height in 1 .. {2**15}",
                f"{width} x {height}",
            )
        size = (int(width), int(height))
    return values, size, begin
