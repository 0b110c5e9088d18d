"""IDX files, the format of MNIST: arrays of bytes, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import BinaryIO, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import integer

__all__ = ["find", "read"]


def find(folder: Path, name: str) -> Path:
    """Return the path of a file, plain or gzipped, in a folder or in its ``MNIST/raw``."""
    tried = [folder / sub / (name + end) for sub in ("", "MNIST/raw") for end in ("", ".gz")]
    for path in tried:
        if path.is_file():
            return path
    raise FileNotFoundError(f"datasets.mnist: no {name}; looked for {', '.join(map(str, tried))}")


def read(path: Path, n_axes: int, n: SupportsIndex | None) -> NDArray[np.uint8]:
    """Read the first `n` entries of a file of bytes, or all if `n` is None.

    Parameters
    ----------
    path : Path
        Gzipped if it ends in ``.gz``.
    n_axes : int
        Number of dimensions that the file must have.
    n : int >= 0, optional
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _parse(path, file, n_axes, n)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"datasets.mnist: {path} is not a complete gzip file: {error}") from error


def _parse(
    path: Path, file: BinaryIO | gzip.GzipFile, n_axes: int, n: SupportsIndex | None
) -> NDArray[np.uint8]:
    # The layout is 0, 0, 8 (unsigned bytes), the number of axes, their lengths (big-endian int32), the data.
    magic, expected = file.read(4), bytes([0, 0, 8, n_axes])
    if magic != expected:
        rule = f"must begin with the bytes {expected.hex(' ')}"
        raise ValueError(f"datasets.mnist: {path} {rule}, got {magic.hex(' ') or 'nothing'}")
    available, *shape = (int.from_bytes(file.read(4), "big") for _ in range(n_axes))
    wanted = available if n is None else integer("datasets.mnist", "n", n, 0, available)
    size = wanted * math.prod(shape)
    data = file.read(size)
    if len(data) < size:
        got = f"needs {size} bytes of data, got {len(data)}"
        raise ValueError(f"datasets.mnist: {path} is truncated: {got}")
    if wanted == available and file.read(1):
        raise ValueError(f"datasets.mnist: {path} must end after {size} bytes of data, got more")
    return np.frombuffer(bytearray(data), np.uint8).reshape(wanted, *shape)  # writable
