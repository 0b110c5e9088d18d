"""Stored data of which nothing is known: right values are read, all others are a ValueError."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikelet._util import container, reading
from spikelet._util.reading import json_value, npy, refusing

ARRAYS = [
    np.arange(6.0).reshape(2, 3), np.asfortranarray(np.eye(3, 2, dtype=np.float32)), np.array(1j), np.zeros((0, 3)),
    np.array(["a", "bc"]), np.array([(1, b"x")], [("a", "<i4"), ("it's", "S3", (2,))]), np.zeros(2, "M8[s]"),
    np.ones(3, ">i8"),
]  # fmt: skip


def stored(array: np.ndarray[Any, Any]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def header(text: str, version: tuple[int, int] = (1, 0), data: bytes = b"") -> bytes:
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text.encode() + data


@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_arrays(array: np.ndarray[Any, Any]) -> None:
    found = npy(stored(array))
    np.testing.assert_array_equal(found, array)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.flags.writeable


@pytest.mark.parametrize("array", ARRAYS, ids=str)
def test_any_other_length_is_refused(array: np.ndarray[Any, Any]) -> None:
    data = stored(array)
    for length in (*range(0, len(data), 7), len(data) - 1):
        if length < len(data):
            with pytest.raises(ValueError, match=r".+"):
                npy(data[:length])
    with pytest.raises(ValueError, match="must have"):
        npy(data + b"\0")


@pytest.mark.parametrize(
    "data",
    [
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4)}"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,)}"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (True,)}", data=bytes(8)),
        header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", data=bytes(8)),
        header("{'descr': '|V0', 'fortran_order': False, 'shape': (9999999999999,)}"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "-" * 9000 + "1,)}"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': " + "(" * 5000 + "}"),
        header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)", data=bytes(8)),
        header("{" * 90, (2, 0)),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}",
        b"\x93NUMPY\x09\x00",
        b"",
    ],
)  # fmt: skip
def test_headers_that_lie(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        npy(data)


def archive(path: Path, *names: str, method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", method) as file:
        for k, name in enumerate(names):
            file.writestr(name, stored(np.full(50, k)))


def test_archives_that_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    archive(path, "a.npy", "b.txt")
    with pytest.raises(container.Damaged, match=r"must hold arrays, got 'b.txt'"):
        container.read(path)
    with pytest.warns(UserWarning, match="Duplicate"):
        archive(path, "a.npy", "a.npy")
    with pytest.raises(container.Damaged, match="each file once"):
        container.read(path)
    archive(path, "a.npy", method=zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match="uncompressed"):
        container.read(path)
    with pytest.raises(FileNotFoundError):
        container.read(tmp_path / "missing")
    with pytest.raises(container.Damaged, match="not a file"):
        container.read(tmp_path)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "[" * 100_000, "{", b"\xff", "1" * 5000])
def test_json_that_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        json_value(text)


def test_json() -> None:
    assert json_value(b'{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), zlib.error("y"), ValueError("z" * 999)]
)
def test_errors_name_the_file(error: Exception) -> None:
    with (
        pytest.raises(ValueError, match=r"^reader: the file 'a' cannot be read: ") as told,
        refusing("reader", "a"),
    ):
        raise error
    assert len(str(told.value)) < 400


@pytest.mark.parametrize("error", [MemoryError(), FileNotFoundError("a"), KeyboardInterrupt()])
def test_other_errors_stay(error: BaseException) -> None:
    with pytest.raises(type(error)), refusing("reader", "a"):
        raise error


def test_no_read_allocates_more_than_is_there(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"12345")
    with reading._Bounded(io.FileIO(tmp_path / "f")) as file:
        assert file.read(2**62) == b"12345"
        assert file.read(2**62) == b""
        file.seek(1)
        assert file.read(2) == b"23"
        assert file.read() == b"45"
