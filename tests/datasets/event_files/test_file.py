"""Files of events: blocks, headers, and errors that name the byte."""

from __future__ import annotations

import io
import os

import numpy as np
import pytest

from spikelet.datasets.event_files import file as event_file
from spikelet.datasets.event_files.file import EventFile, column


def test_blocks_hold_all_items(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file, "BLOCK", 3)
    path = tmp_path / "a"
    path.write_bytes(bytes(2) + bytes(range(40)))
    with EventFile(path, "reading") as file:
        found = list(file.blocks(2, 5))
    assert [(offset, len(block)) for offset, block in found] == [(2, 3), (17, 3), (32, 2)]
    np.testing.assert_array_equal(np.concatenate([b for _, b in found]).ravel(), np.arange(40))
    np.testing.assert_array_equal(column(found[0][1], ">u2", 1), [0x0102, 0x0607, 0x0B0C])


def test_header_ends_at_its_last_line_or_at_data(tmp_path):
    path = tmp_path / "a"
    for data, lines, end in (
        (b"#a\r\n#b\n#last\n#data", ["#a", "#b", "#last"], 13),
        (b"#a\n\x00\x01", ["#a"], 3),
        (b"#a\n#\x00\x01\x02\n", ["#a"], 3),  # the first event looks like a mark
        (b"", [], 0),
    ):
        path.write_bytes(data)
        with EventFile(path, "reading") as file:
            assert file.header(b"#", b"#last") == (lines, end)


def test_header_without_an_end(tmp_path):
    path = tmp_path / "a"
    for data in (b"#a\n#b", b"#a\n" * (1 << 21), b"#" + b"a" * (1 << 23)):
        path.write_bytes(data)
        with (
            EventFile(path, "reading") as file,
            pytest.raises(ValueError, match="must consist of whole lines, of 4194304 bytes"),
        ):
            file.header(b"#", b"")


def test_reads_nothing_beyond_the_end(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(10))
    with EventFile(path, "reading") as file:
        assert file.read(4, 6) == bytes(6)
        assert file.head(2**40) == bytes(10)
        for offset, size, got in ((4, 7, 6), (0, 2**60, 10), (20, 1, 0), (0, -1, 10)):
            message = (
                rf"^reading: {path}: byte {offset}: the data must have {size} bytes .*, got {got}$"
            )
            with pytest.raises(ValueError, match=message):
                file.read(offset, size)
        with pytest.raises(ValueError, match="byte 1: the data must be events of 4 bytes"):
            list(file.blocks(1, 4))


def test_only_regular_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        EventFile(tmp_path / "none", "reading")
    with pytest.raises(IsADirectoryError):
        EventFile(tmp_path, "reading")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="must be a regular file"):
            EventFile(tmp_path / "pipe", "reading")


@pytest.mark.parametrize(
    "path", [b"a.npy", 5, None, io.BytesIO(b"abc")], ids=["bytes", "int", "None", "file"]
)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(TypeError, match=r"^reading: path must be a path: a str or a pathlib\.Path"):
        EventFile(path, "reading")
