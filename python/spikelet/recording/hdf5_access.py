"""Open recordings on disk, even while they grow or after a crash, and read parts of them."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import re
import shutil
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet._util.extras import extra
from spikelet._util.files import TEMPORARY, replacing

FORMAT, VERSION = "spikelet recording", 1
BLOCK = 1 << 20  # entries read or copied at a time
LAST = int(np.iinfo(np.int64).max)  # later than any step

Arrays: TypeAlias = tuple[npt.NDArray[np.int64], npt.NDArray[Any]]  # stamps, and ids or values


def hdf5() -> Any:
    """Return h5py."""
    return extra("h5py", "a recording on disk", "hdf5")


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn errors of HDF5 into an OSError that names the file."""
    try:
        yield
    except (OSError, RuntimeError, KeyError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        text = re.sub(rf"{re.escape(TEMPORARY)}\w+", path.name, str(error))
        msg = f"recording {path}: {text}"
        raise OSError(msg) from error


def marked_open(path: Path) -> bool:
    """Return whether a writer has the file open or has died: HDF5 marks such files."""
    with path.open("rb") as file:
        head = file.read(12)
    return len(head) == 12 and head[11] != 0


def _open_to_read(path: Path) -> Any:
    """Open a closed file plainly, which detects truncation, and one marked as open in SWMR mode."""
    h5py = hdf5()
    with contextlib.suppress(OSError):
        if not marked_open(path):
            return h5py.File(path, "r", libver="latest", locking=False)
    # A writer may have opened it in the meantime.
    swmr = marked_open(path)
    return h5py.File(path, "r", libver="latest", swmr=swmr, locking=False)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Any]:
    """Open a recording, even while it grows or after a crash."""
    hdf5()
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "no such recording", str(path))
    _detach(path)
    try:
        file = _open_to_read(path)
    except OSError as error:
        msg = f"recording {path}: not a recording on disk ({error})"
        raise ValueError(msg) from None
    with file:
        if file.attrs.get("format") != FORMAT:
            msg = f"recording {path}: not a recording of spikelet"
            raise ValueError(msg)
        if file.attrs["version"] > VERSION:
            newer = f"a newer version ({file.attrs['spikelet']})"
            msg = (
                f"recording {path}: written by {newer}; this version reads formats up to {VERSION}"
            )
            raise ValueError(msg)
        with naming(path):
            yield file


def data_of(group: Any) -> Any:
    """Return the ids or values."""
    return group["ids" if "ids" in group else "values"]


def span(group: Any, n: int, start: int, stop: int) -> tuple[int, int]:
    """Return the range of entries with start < stamp <= stop among the first n."""
    stamps = group["stamps"]
    first = bisect_right(stamps, start, 0, n) if start >= 0 else 0
    return first, (bisect_right(stamps, stop, first, n) if stop < LAST else n)


def blocks(group: Any, first: int, last: int) -> Iterator[Arrays]:
    """Read a range of entries in at least one block of some megabytes."""
    data = data_of(group)
    rows = max(1, BLOCK // max(1, int(np.prod(data.shape[1:]))))
    for k in range(first, max(last, first + 1), rows):
        part = slice(k, max(k, min(k + rows, last)))
        yield group["stamps"][part], data[part]


_GIVEN_UP: set[tuple[int, int]] = set()


def give_up(path: Path, handles: Any) -> None:
    """Abandon a file on which a write failed although space had been reserved.

    HDF5 crashes if such a file is used or closed, so its handles are kept alive and the path gets a copy.
    """
    _GIVEN_UP.add(identity(path))
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(handles))
    with contextlib.suppress(OSError):  # the disk may be full; `reading` tries again
        _detach(path)


def identity(path: Path) -> tuple[int, int]:
    """Return what distinguishes a file from a later one of the same path."""
    state = path.stat()
    return state.st_dev, state.st_ino


def _detach(path: Path) -> None:
    """Replace an abandoned file by a copy."""
    if path.exists() and identity(path) in _GIVEN_UP:
        with replacing(path) as part:
            shutil.copyfile(path, part)
