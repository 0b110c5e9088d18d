"""JSON objects that begin with a checksum of themselves: {"crc32": "0f3c9d21", ...}.

The CRC-32 is that of the bytes that follow it, so people and programs can read the file, but a change by hand is noticed.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from spikelet._util.reading import json_value

__all__ = ["BEGIN", "content", "is_sealed", "seal", "text_of"]

BEGIN = b'{"crc32": "'
_HEAD = len(BEGIN) + len('0f3c9d21", ')


def text_of(data: Mapping[str, Any], *, indent: int | None = None) -> bytes:
    """Return what is to follow the checksum."""
    return json.dumps(data, indent=indent)[1:].encode()


def seal(text: bytes) -> bytes:
    """Return what is to precede a text of `text_of`."""
    return BEGIN + b'%08x", ' % zlib.crc32(text)


def is_sealed(data: bytes) -> bool:
    """Return whether the checksum is right."""
    return data[:_HEAD] == seal(data[_HEAD:])


def content(data: bytes) -> dict[str, Any]:
    """Return the object without its checksum; files of earlier versions have none.

    Raises
    ------
    ValueError
        If the checksum is wrong, or it is not a JSON object.
    """
    if is_sealed(data):
        data = b"{" + data[_HEAD:]
    found = json_value(data)
    if not isinstance(found, dict):
        raise ValueError(f"must be a JSON object, got {type(found).__name__}")  # noqa: TRY004  # of stored data
    if "crc32" in found:
        raise ValueError("its checksum is wrong")
    return found
