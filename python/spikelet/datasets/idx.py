"""IDX files, the format of MNIST: arrays of bytes, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import BinaryIO, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import integer

# Images compress to a fifth; deflate could give a thousand bytes for one, and fill any memory.
_MOST_FOR_ONE = 100  # bytes of data for a byte of a compressed file that is not small
_SMALL = 2**26  # bytes of data that are always read


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
        if path.suffix != ".gz":
            with path.open("rb") as plain:
                return _parse(path, plain, n_axes, n, os.fstat(plain.fileno()).st_size)
        with gzip.open(path) as file:
            most = max(_SMALL, _MOST_FOR_ONE * path.stat().st_size)
            return _parse(path, file, n_axes, n, most)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"datasets.mnist: {path} is not a complete gzip file: {error}") from error


def _parse(
    path: Path,
    file: BinaryIO | gzip.GzipFile,
    n_axes: int,
    n: SupportsIndex | None,
    most: int,
) -> NDArray[np.uint8]:
    # The layout is 0, 0, 8 (unsigned bytes), the number of axes, their lengths (big-endian int32), the data.
    magic, expected = file.read(4), bytes([0, 0, 8, n_axes])
    if magic != expected:
        rule = f"must begin with the bytes {expected.hex(' ')}"
        raise ValueError(f"datasets.mnist: {path} {rule}, got {magic.hex(' ') or 'nothing'}")
    header = file.read(4 * n_axes)
    lengths = [int.from_bytes(header[k : k + 4], "big") for k in range(0, 4 * n_axes, 4)]
    available, *shape = lengths
    stated = math.prod(lengths)
    gzipped = isinstance(file, gzip.GzipFile)
    if not gzipped and 4 + len(header) + stated != most:  # before anything is allocated
        there = max(0, most - 4 - len(header))
        if len(header) < 4 * n_axes or there < stated:
            got = f"needs {stated} bytes of data, got {there}"
            raise ValueError(f"datasets.mnist: {path} is truncated: {got}")
        raise ValueError(f"datasets.mnist: {path} must end after {stated} bytes of data, got more")
    if stated > most:
        limit = f"must hold at most {most} bytes of data, as it is compressed"
        raise ValueError(f"datasets.mnist: {path} {limit}, got {stated}")
    wanted = available if n is None else integer("datasets.mnist", "n", n, 0, available)
    size = wanted * math.prod(shape)
    data = bytearray(file.read(size))
    if gzipped:  # to its end, where its checksum is
        rest = 0
        while part := file.read(2**20):
            rest += len(part)
            if len(data) + rest > stated:
                msg = f"must end after {stated} bytes of data, got more"
                raise ValueError(f"datasets.mnist: {path} {msg}")
        if len(data) + rest < stated:
            got = f"needs {stated} bytes of data, got {len(data) + rest}"
            raise ValueError(f"datasets.mnist: {path} is truncated: {got}")
    return np.frombuffer(data, np.uint8).reshape(wanted, *shape)  # writable
