"""Headers of Prophesee's files."""

from __future__ import annotations

import pytest

from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.prophesee import header


def read(path, text):
    path.write_bytes(text)
    with EventFile(path, "reading") as file:
        return header(file)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (b"% Version 2\n% Height 240\n% Width 304\n", (304, 240)),
        (b"% geometry 1280x720\n% end\n", (1280, 720)),
        (b"% format EVT3;height=720;width=1280\n% end\n", (1280, 720)),
        (b"% evt 2.0\n", None),
    ],
)
def test_sizes(tmp_path, text, size):
    values, found, begin = read(tmp_path / "a", text + b"\0")
    assert found == size
    assert begin == len(text)
    assert all(name == name.lower() for name in values)


@pytest.mark.parametrize(
    "text", [b"% geometry 0x720\n", b"% Height 240\n", b"% geometry axb\n", b"% geometry 99999x1\n"]
)
def test_refused(tmp_path, text):
    with pytest.raises(ValueError, match="the header must state a width and a height"):
        read(tmp_path / "a", text)
