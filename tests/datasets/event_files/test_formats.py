"""The list of formats, and how one is chosen."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pytest

from spikelet import datasets
from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.formats import choose, formats, listed

NAMES = [
    "aedat2",
    "aedat3",
    "aedat4",
    "columns",
    "dat",
    "evt2",
    "evt3",
    "hdf5",
    "nmnist",
    "stmnist",
    "text",
]


def test_every_module_with_a_format_is_found():
    assert list(formats()) == NAMES
    assert all(f'"{name}" (' in listed() for name in NAMES)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.aedat", b"#!AER-DAT2.0\r\n", "aedat2"),
        ("a.aedat", b"#!AER-DAT3.1\r\n", "aedat3"),
        ("a.dat", b"#!AER-DAT4.0\r\n", "aedat4"),  # the first bytes come before the extension
        ("a.bin", b"% Data file containing CD events.\n", "dat"),
        ("a.raw", b"% evt 2.0\n% end\n", "evt2"),
        ("a.raw", b"% date 2026\n% format EVT3;width=1;height=1\n% end\n", "evt3"),
        ("a", b"\x93NUMPY", "columns"),
        ("a", b"\x89HDF\r\n\x1a\n", "hdf5"),
        ("a", b"MATLAB 5.0 MAT-file", "stmnist"),
        ("a.BIN", b"\1\2\3\4\5", "nmnist"),
        ("a.csv", b"1,2,3,1", "text"),
    ],
)
def test_chosen(tmp_path, name, data, expected):
    (tmp_path / name).write_bytes(data)
    with EventFile(tmp_path / name, "reading") as file:
        assert choose(file, None).name == expected
        assert choose(file, "nmnist").name == "nmnist"


def test_unknown(tmp_path):
    (tmp_path / "a.foo").write_bytes(b"bar")
    with EventFile(tmp_path / "a.foo", "reading") as file:
        for given, message in (
            (None, r"a\.foo has no known extension .*"),
            ("foo", "format must be one of "),
        ):
            with pytest.raises(
                ValueError, match=f'^reading: .*{message}.*"aedat2" .*"nmnist" .*, got '
            ):
                choose(file, given)


@pytest.mark.parametrize("module", [gzip, bz2, lzma])
def test_a_compressed_file_is_named_as_such(tmp_path, module):
    path = tmp_path / "a.bin.packed"
    path.write_bytes(module.compress(bytes(50)))
    with pytest.raises(ValueError, match=r"a\.bin\.packed is compressed; decompress it first"):
        datasets.read_events(path)
