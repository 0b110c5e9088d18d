from __future__ import annotations

import struct
from pathlib import Path

import pytest

nir = pytest.importorskip("nir")

from tests.support.nir_graphs import random_graph

import spikelet as sl
import spikelet.io
from spikelet.io.hdf5 import check_heaps


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model.nir"
    nir.write(path, sl.io.read_nir(random_graph(1)).graph)
    return path


def objects(data: bytes) -> list[tuple[int, int]]:
    """Return where the objects of all heaps are, and their index."""
    found = []
    begin = data.find(b"GCOL")
    while begin >= 0:
        (size,) = struct.unpack_from("<Q", data, begin + 8)
        at = begin + 16
        while at + 16 <= begin + size:
            index, _, _, length = struct.unpack_from("<HHIQ", data, at)
            found.append((at, index))
            at += length if index == 0 else 16 + -(-length // 8) * 8
        begin = data.find(b"GCOL", begin + 1)
    return found


def test_heaps_of_valid_files_are_whole(file: Path) -> None:
    assert len(objects(file.read_bytes())) > 10
    check_heaps(file)


@pytest.mark.parametrize("size", [0, 2**40, 2**64 - 1])
def test_a_free_object_that_leads_nowhere_is_refused(file: Path, size: int) -> None:
    """With size 0, h5py would never return."""
    data = bytearray(file.read_bytes())
    at = next(at for at, index in objects(bytes(data)) if index == 0)
    struct.pack_into("<Q", data, at + 8, size)
    file.write_bytes(data)
    with pytest.raises(
        ValueError,
        match=f"(?s)^read_nir: file .*must hold whole objects, got one of {size} bytes at {at}",
    ):
        sl.io.read_nir(file)


def test_a_heap_of_zeros_is_refused(file: Path) -> None:
    data = bytearray(file.read_bytes())
    begin = data.find(b"GCOL")
    data[begin + 16 : begin + 200] = bytes(184)
    file.write_bytes(data)
    with pytest.raises(ValueError, match="the heap of texts at byte"):
        sl.io.read_nir(file)


def test_files_without_heaps_pass(tmp_path: Path) -> None:
    for data in (b"", b"GCOL\x01", b"GCOL\x01" + bytes(3) + struct.pack("<Q", 2**40), b"x" * 100):
        (tmp_path / "x").write_bytes(data)
        check_heaps(tmp_path / "x")
