"""MATLAB files."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import scipy.io
from tests.support import event_files as writers

from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.mat import matrix

ARRAY = np.arange(12.0).reshape(3, 4)


def read(path):
    with EventFile(path, "reading") as file:
        return matrix(file, "spiketrain")


@pytest.mark.parametrize("compressed", [False, True])
def test_reads(tmp_path, compressed):
    path = tmp_path / "a.mat"
    path.write_bytes(writers.mat_bytes(ARRAY, compressed=compressed))
    np.testing.assert_array_equal(read(path), ARRAY)
    np.testing.assert_array_equal(
        scipy.io.loadmat(path)["spiketrain"], ARRAY
    )  # the writer is right
    others = {
        "a": np.zeros(3),
        "s": {"t": 3},
        "word": "abc",
        "spiketrain": ARRAY.astype(np.int16),
        "z": [1j],
    }
    scipy.io.savemat(path, others, do_compression=compressed)
    np.testing.assert_array_equal(read(path), ARRAY)


def test_damage_is_refused(tmp_path):
    """Whatever a byte is changed to, the array has the right size, or the file is refused."""
    path = tmp_path / "a.mat"
    data = writers.mat_bytes(ARRAY, compressed=False)
    rng = np.random.default_rng(0)
    refused = 0
    for at in range(124, len(data) - ARRAY.nbytes):
        for value in {0, 255, *rng.integers(0, 256, 3).tolist()}:
            changed = bytearray(data)
            changed[at] = value
            path.write_bytes(changed)
            try:
                found = read(path)
            except ValueError:
                refused += 1
            else:
                assert found.size <= 100
    assert refused > 100


def with_header(element):
    return writers.mat_bytes(ARRAY)[:128] + element


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"MATLAB 7.3 MAT-file", "byte 0: the header must begin with b'MATLAB 5.0 MAT-file'"),
        (with_header(b"")[:126] + b"MI", "byte 126: the header must state little-endian numbers"),
        (with_header(b""), "byte 128: the file must hold an array 'spiketrain'"),
        (
            with_header(struct.pack("<II", 14, 2**31)),
            "byte 136: an element must have 2147483648 bytes",
        ),
        (
            with_header(struct.pack("<II", 15, 4) + b"abcd"),
            "byte 128: an element must be intact compressed data",
        ),
        (with_header(writers.mat_bytes(ARRAY)[128:-8]), "an element must have"),
        (writers.mat_bytes(ARRAY, b"other"), "the file must hold an array 'spiketrain'"),
    ],
    ids=range(7),
)
def test_refused(tmp_path, data, message):
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.mat")


def test_bomb(tmp_path):
    packed = zlib.compress(struct.pack("<II", 14, 2**27) + bytes(2**27))
    (tmp_path / "a.mat").write_bytes(with_header(struct.pack("<II", 15, len(packed)) + packed))
    with pytest.raises(
        ValueError, match="an element must have at most 67108864 bytes when decompressed"
    ):
        read(tmp_path / "a.mat")
