"""Files of the IDX format, whole and damaged."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from tests.datasets.conftest import write

from spikelet import datasets


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("sub", ["", "MNIST/raw"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_reads_what_was_written(tmp_path, arrays, compress, sub, split):
    write(tmp_path / sub, split, *arrays, compress=compress)
    for path in (tmp_path, str(tmp_path)):
        images, labels = datasets.mnist(path, split=split)
        assert images.dtype == np.float32
        assert labels.dtype == np.uint8
        np.testing.assert_array_equal(images, arrays[0].astype(np.float32) / np.float32(255))
        np.testing.assert_array_equal(labels, arrays[1])


def test_range_is_0_to_1(tmp_path):
    write(tmp_path, "test", np.array([[[0, 255]]], np.uint8), np.array([3], np.uint8))
    np.testing.assert_array_equal(datasets.mnist(tmp_path, "test")[0], [[[0.0, 1.0]]])


def test_missing_file_lists_where_it_was_looked_for(folder):
    with pytest.raises(FileNotFoundError, match=r"no t10k-images-idx3-ubyte; .*MNIST/raw.*\.gz"):
        datasets.mnist(folder, "test")


def damage(path, change):
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:-1], "is truncated: needs 5488 bytes of data, got 5487"),
        (lambda b: b + b"\0", "must end after 5488 bytes of data"),
        (
            lambda b: b"\0\0\x08\x01" + b[4:],
            "must begin with the bytes 00 00 08 03, got 00 00 08 01",
        ),
        (lambda b: b[:2], "must begin with .* got 00 00"),
        (lambda b: b"", "got nothing"),
        (lambda b: b[:4] + struct.pack(">i", 6) + b[8 : 16 + 6 * 784], "7 and 6"),
    ],
)
def test_damaged_files(folder, change, message):
    damage(folder / "train-images-idx3-ubyte", change)
    with pytest.raises(ValueError, match=f"^datasets.mnist: .*{message}"):
        datasets.mnist(folder)


@pytest.mark.parametrize("change", [lambda b: b[:-200], lambda b: b"\x1f\x8c" + b[2:]])
def test_damaged_gzip(tmp_path, arrays, change):
    write(tmp_path, "train", *arrays, compress=True)
    damage(tmp_path / "train-images-idx3-ubyte.gz", change)
    with pytest.raises(ValueError, match="is not a complete gzip file"):
        datasets.mnist(tmp_path)


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("count", [2**31, 2**32 - 1, 2**24])
def test_counts_are_compared_before_anything_is_allocated(tmp_path, arrays, compress, count):
    """They once were a MemoryError or an OverflowError."""
    write(tmp_path, "train", *arrays, compress=compress)
    path = tmp_path / f"train-images-idx3-ubyte{'.gz' if compress else ''}"

    def change(data):
        return data[:4] + struct.pack(">I", count) + data[8:]

    damage(path, (lambda b: gzip.compress(change(gzip.decompress(b)))) if compress else change)
    for n in (None, 3):
        with pytest.raises(ValueError, match=r"is truncated|must hold at most"):
            datasets.mnist(tmp_path, n=n)


def test_a_short_file_that_expands_to_much_is_refused(tmp_path, arrays):
    write(tmp_path, "train", *arrays, compress=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole[:4] + struct.pack(">I", 2**17) + whole[8:16]))
    with pytest.raises(
        ValueError, match="must hold at most 67108864 bytes of data, as it is compressed"
    ):
        datasets.mnist(tmp_path)


def test_gzip_is_checked_also_beyond_what_is_read(tmp_path, arrays):
    write(tmp_path, "train", *arrays, compress=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    damage(path, lambda b: b[:-8] + bytes([b[-8] ^ 1]) + b[-7:])  # the checksum
    with pytest.raises(ValueError, match="is not a complete gzip file"):
        datasets.mnist(tmp_path, n=1)
