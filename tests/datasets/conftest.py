"""Small data sets in files of the IDX format."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

NAMES = {"train": "train", "test": "t10k"}


def idx(array):
    return struct.pack(f">4B{array.ndim}i", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write(folder, split, images, labels, compress=False):
    folder.mkdir(parents=True, exist_ok=True)
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        name = f"{NAMES[split]}-{kind}-ubyte"
        if compress:
            (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (7, 28, 28), np.uint8), rng.integers(0, 10, 7, np.uint8)


@pytest.fixture
def folder(tmp_path, arrays):
    write(tmp_path, "train", *arrays)
    return tmp_path
