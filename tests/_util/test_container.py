"""Files of arrays: whatever their bytes are, reading gives the same arrays or says that they are damaged."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import spawn

from spikelet._util import container

ARRAYS = {"a.b": np.arange(3.0), "none": np.zeros((0, 4), np.int32), "one": np.array(7)}


def stored(path: Path) -> bytes:
    with path.open("wb") as file:
        container.write(file, {"x": 1}, ARRAYS)
    return path.read_bytes()


def same(found: tuple[dict[str, Any], dict[str, Any]]) -> bool:
    header, arrays = found
    return (
        header["x"] == 1
        and arrays.keys() == ARRAYS.keys()
        and all(
            arrays[k].dtype == v.dtype and arrays[k].shape == v.shape and (arrays[k] == v).all()
            for k, v in ARRAYS.items()
        )
    )


def test_arrays_come_back(tmp_path: Path) -> None:
    stored(tmp_path / "f")
    assert same(container.read(tmp_path / "f"))
    assert same(container.mapped(tmp_path / "f"))
    with np.load(tmp_path / "f") as plain:  # without spikelet, too
        assert set(plain.files) == {*ARRAYS, "header"}
        np.testing.assert_array_equal(plain["a.b"], ARRAYS["a.b"])


def test_every_flipped_bit_is_found_or_does_nothing(tmp_path: Path) -> None:
    whole = stored(tmp_path / "f")
    harmless = 0
    for at in range(len(whole)):
        for bit in (at % 8,) if at % 8 else range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            (tmp_path / "f").write_bytes(damaged)
            try:
                found = (container.read, container.mapped)[at % 2](tmp_path / "f")
            except container.Damaged:
                continue
            assert same(found), (at, bit)
            harmless += 1
    assert harmless < len(whole)  # times of members, and fields that nobody reads


def test_every_cut_is_found(tmp_path: Path) -> None:
    whole = stored(tmp_path / "f")
    for size in (*range(0, len(whole), 5), len(whole) - 1):
        (tmp_path / "f").write_bytes(whole[:size])
        with pytest.raises(container.Damaged):
            container.read(tmp_path / "f")


def member(shape: Any, dtype: str = "<f8", data: bytes = b"") -> bytes:
    """Return an .npy file that says what it likes of its shape."""
    file = io.BytesIO()
    about = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)
    return file.getvalue() + data


def nested(depth: int) -> bytes:
    """Return an .npy file whose header exhausts the stack of Python's parser, which raises MemoryError."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"-" * depth + b"3,)}\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def packed(path: Path, members: list[tuple[str, bytes]], compression: int = 0) -> None:
    header = io.BytesIO()
    np.lib.format.write_array(header, np.array(json.dumps({})))
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in [*members, ("header.npy", header.getvalue())]:
            file.writestr(name, data)


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ([("a.npy", member((1 << 40,)))], "must have 8796093022208 bytes"),
        ([("a.npy", member((-1,), data=bytes(8)))], "literal|shape"),
        ([("a.npy", member((1,), data=bytes(16)))], "must have 8 bytes"),
        ([("a.npy", member((1,), "|O", bytes(8)))], "objects"),
        ([("a.npy", member((1 << 40,), "V0"))], "must have 0 bytes"),
        ([("a.txt", b"")], "must hold arrays"),
        ([("a.npy", b"\x93NUMPY\x01\x00\x02\x00{}")], "damaged header"),
        ([("a.npy", b"")], "magic"),
        ([("a.npy", nested(9000))], "literal"),
    ],
)
def test_crafted_members_are_refused(
    members: list[tuple[str, bytes]], problem: str, tmp_path: Path
) -> None:
    packed(tmp_path / "f", members)
    with pytest.raises(container.Damaged, match=problem):
        container.read(tmp_path / "f")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_are_there_twice_are_refused(tmp_path: Path) -> None:
    packed(tmp_path / "f", [("a.npy", member((1,), data=bytes(8)))] * 2)
    with pytest.raises(container.Damaged, match="twice"):
        container.read(tmp_path / "f")


def test_compressed_members_are_refused(tmp_path: Path) -> None:
    packed(
        tmp_path / "f", [("a.npy", member((1 << 20,), "|u1", bytes(1 << 20)))], zipfile.ZIP_DEFLATED
    )
    with pytest.raises(container.Damaged, match=r"compressed"):  # a bomb
        container.read(tmp_path / "f")
    packed(tmp_path / "f", [("a.npy", member((64,), "|u1", os.urandom(64)))], zipfile.ZIP_DEFLATED)
    with pytest.raises(container.Damaged, match=r"compressed|more than the file"):
        container.read(tmp_path / "f")


@pytest.mark.parametrize("header", ["[]", "3", "{", '"x"', "{}", '{"arrays": {"a": 1}}'])
def test_other_headers_are_refused(header: str, tmp_path: Path) -> None:
    with (tmp_path / "f").open("wb") as file:
        np.savez(file, header=np.array(header))
    with pytest.raises(container.Damaged):
        container.read(tmp_path / "f")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        container.read(tmp_path / "none")
    with pytest.raises(container.Damaged, match="not a file"):
        container.read(tmp_path)
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(container.Damaged, match="not a file"):
            container.read(tmp_path / "pipe")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak of memory")
def test_a_size_that_is_not_there_costs_no_memory(tmp_path: Path) -> None:
    """The virtual size counts: numpy allocates the declared size first."""
    packed(tmp_path / "f", [("a.npy", member((1 << 34,), "|u1"))])
    peak = spawn(f"""
from pathlib import Path
from spikelet._util import container
def peak():
    text = Path("/proc/self/status").read_text()
    return int(text.partition("VmPeak:")[2].split()[0])
before = peak()
try:
    container.read(Path({str(tmp_path / "f")!r}))
except container.Damaged:
    print(peak() - before)
""")
    assert int(peak) < 100_000


@pytest.mark.parametrize("field", [20, 24])
def test_a_size_in_the_list_is_compared_with_the_file(field: int, tmp_path: Path) -> None:
    whole = bytearray(stored(tmp_path / "f"))
    at = whole.index(b"PK\x01\x02") + field
    whole[at : at + 4] = (2**31 - 1).to_bytes(4, "little")
    (tmp_path / "f").write_bytes(whole)
    with pytest.raises(container.Damaged, match="more than the file"):
        container.read(tmp_path / "f")
