"""Untrusted HDF5 files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spikelet.io.sonata import hdf5
from spikelet.io.sonata.hdf5 import column, opened


def put(path: Path, fill: Callable[[Any], Any]) -> Path:
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def good(file: Any) -> None:
    file["top/a"] = np.arange(5)
    file["top/inner/b"] = 1.0
    file["top/text"] = ["x", "y"]


def test_what_is_there(tmp_path: Path) -> None:
    with opened(put(tmp_path / "f.h5", good), "top") as top:
        assert list(top.groups()) == ["inner"]
        assert top.datasets() == ["a", "text"]
        assert (top.name, "a" in top, "z" in top) == ("top", True, False)
        assert top.dataset("a", "iu", 5)[:].tolist() == [0, 1, 2, 3, 4]
        assert top.optional("z", "iu") is None
        assert top.child("inner").where.endswith("f.h5: /top/inner")


def huge(file: Any) -> None:
    file.create_dataset("top/a", (1 << 50,), "u8", chunks=(1 << 16,))


def outside(file: Any) -> None:
    file["top/x"] = 1
    file["top/a"] = h5py.ExternalLink("other.h5", "/a")


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((4,), "i8")
    layout[:] = h5py.VirtualSource("other.h5", "a", (4,))
    file.create_group("top").create_virtual_dataset("a", layout)


def raw(file: Any) -> None:
    file.create_dataset("top/a", (4,), "i8", external=[("/etc/passwd", 0, 32)])


@pytest.mark.parametrize(
    ("fill", "text"),
    [
        (lambda file: file.create_group("other"), "top must be a group, got group with 'other'"),
        (lambda file: file.create_group("top"), "a must be a dataset, got group with 'nothing'"),
        (lambda file: file.create_group("top/a"), "a must be a dataset"),
        (lambda file: file.create_dataset("top/a", data=np.zeros((2, 2), int)), "one-dimensional"),
        (lambda file: file.create_dataset("top/a", data=3), "must be one-dimensional"),
        (
            lambda file: file.create_dataset("top/a", data=[1.5]),
            "type must be integers, got 'float64'",
        ),
        (huge, "length must be what the file holds, which has 0 bytes of it, got 1125899906842624"),
        (outside, "a must be in the file, got 'a link to other.h5'"),
        (virtual, "data must be in the file"),
        (raw, "data must be in the file"),
    ],
)
def test_what_is_refused(tmp_path: Path, fill: Callable[[Any], Any], text: str) -> None:
    path = put(tmp_path / "f.h5", fill)
    with (
        pytest.raises(ValueError, match=rf"read_sonata: .*f.h5: /.*{text}"),
        opened(path, "top") as top,
    ):
        top.sized("a", "iu")


def test_lengths(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="/top/a: length must be 4, got 5"),
        opened(put(tmp_path / "f.h5", good), "top") as top,
    ):
        top.dataset("a", "iu", 4)


@pytest.mark.parametrize("data", [b"", b"x", b"\x89HDF\r\n\x1a\n", "half"])
def test_damaged_files(tmp_path: Path, data: Any) -> None:
    path = put(tmp_path / "f.h5", good)
    path.write_bytes(path.read_bytes()[:700] if data == "half" else data)
    with pytest.raises(ValueError, match=r"read_sonata: .*f.h5: "), opened(path, "top") as top:
        top.dataset("a", "iu")[:]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("magic", 7, r"magic must be 0x0a7a, as in all files of SONATA, got \[7\]"),
        ("version", [1, 0], "version must be 0.x, the versions read here, got '1.0'"),
        ("version", "new", "version must be 0.x"),
    ],
)
def test_other_versions(tmp_path: Path, name: str, value: Any, text: str) -> None:
    path = put(tmp_path / "f.h5", good)
    with h5py.File(path, "a") as file:
        file.attrs["magic"], file.attrs["version"] = np.uint32(0x0A7A), [0, 2]
    with opened(path, "top"):
        pass
    with h5py.File(path, "a") as file:
        file.attrs[name] = value
    with pytest.raises(ValueError, match=f"f.h5: {text}"), opened(path, "top"):
        pass


def test_errors_of_other_files_keep_their_kind(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match=r"cell\.json"),
        opened(put(tmp_path / "f.h5", good), "top"),
    ):
        (tmp_path / "cell.json").open()


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), opened(tmp_path / "none.h5", "top"):
        pass


@pytest.mark.parametrize("block", [1, 3, 100])
def test_columns_in_any_order(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "BLOCK", block)
    values = np.random.default_rng(1).normal(size=40)
    path = put(tmp_path / "f.h5", lambda file: file.create_dataset("a", data=values))
    with h5py.File(path) as file:
        for rows in (
            np.arange(40),
            np.arange(7, 12),
            np.array([39, 0, 5, 5, 12]),
            np.arange(40)[::-1],
        ):
            np.testing.assert_array_equal(column(file["a"], rows), values[rows])
        assert len(column(file["a"], np.empty(0, np.int64))) == 0


@pytest.mark.parametrize("length", [0, 8, 1 << 40, 2**64 - 8, 2**64 - 16])
def test_lengths_of_strings_cannot_make_hdf5_loop(tmp_path: Path, length: int) -> None:
    path = put(tmp_path / "f.h5", lambda file: file.create_group("top").attrs.create("a", "text"))
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    free = heap + 16 + 16 + 8
    assert int.from_bytes(data[free : free + 2], "little") == 0
    data[free + 8 : free + 16] = length.to_bytes(8, "little")
    path.write_bytes(data)
    with (
        pytest.raises(
            ValueError, match=r"f.h5: cannot be read: the heap of texts at byte \d+ must hold whole"
        ),
        opened(path, "top"),
    ):
        pass
