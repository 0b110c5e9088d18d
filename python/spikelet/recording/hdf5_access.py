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
from spikelet.recording import hdf5_metadata
from spikelet.recording.hdf5_sums import Stored, attributes

FORMAT, VERSION = "spikelet recording", 2  # version 2 added checksums of the data
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
    return hdf5_metadata.superblock(path)[11] != 0


def _open_to_read(path: Path) -> Any:
    """Open a closed file plainly, which detects truncation, and one marked as open in SWMR mode."""
    h5py = hdf5()
    with contextlib.suppress(OSError):
        if not marked_open(path):
            return h5py.File(path, "r", libver="latest", locking=False)
    # A writer may have opened it in the meantime.
    swmr = marked_open(path)
    if swmr:
        hdf5_metadata.check(path, h5py)
    return h5py.File(path, "r", libver="latest", swmr=swmr, locking=False)


# What h5py raises for damaged files.
_BROKEN = (
    OSError, RuntimeError, KeyError, TypeError, AttributeError, IndexError, OverflowError, ValueError, MemoryError,
)  # fmt: skip


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Turn whatever h5py raises on a damaged file into a ValueError that names the file."""
    prefix = f"recording {path}: "
    try:
        yield
    except _BROKEN as error:
        if isinstance(error, ValueError) and str(error).startswith(prefix):
            raise
        if isinstance(error, OSError) and error.filename is not None:
            raise
        text = error if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        msg = f"{prefix}it cannot be read ({text})"
        raise ValueError(msg) from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Any]:
    """Open a recording, even while it grows or after a crash.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is not a recording, or damaged; also for what is read within the context.
    """
    hdf5()
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "no such recording", str(path))
    if not path.is_file():  # opening a pipe would block
        msg = f"recording {path}: not a recording on disk (not a file)"
        raise ValueError(msg)
    _detach(path)
    try:
        file = _open_to_read(path)
    except (OSError, ValueError) as error:
        msg = f"recording {path}: not a recording on disk ({error})"
        raise ValueError(msg) from None
    with file, _refusing(path):
        if file.attrs.get("format") not in (FORMAT, FORMAT.encode()):
            msg = f"recording {path}: not a recording of spikelet"
            raise ValueError(msg)
        if file.attrs["version"] > VERSION:
            writer = file.attrs["spikelet"]
            writer = writer.decode() if isinstance(writer, bytes) else writer
            newer = f"a newer version ({writer})"
            msg = (
                f"recording {path}: written by {newer}; this version reads formats up to {VERSION}"
            )
            raise ValueError(msg)
        attributes_of(file)
        yield file


def names_of(file: Any) -> list[str]:
    """Return the names of recordings in order of creation, in which h5py before 3.12 does not list them."""
    names: list[bytes] = []
    try:
        file.id.links.iterate(names.append, idx_type=hdf5().h5.INDEX_CRT_ORDER)
    except (RuntimeError, ValueError):  # a file without this order
        return list(file)
    return [name.decode() for name in names]


def attributes_of(group: Any) -> dict[str, Any]:
    """Return the attributes of a file or of a group in it, after a check of their sum."""
    return attributes(group) if group.file.attrs["version"] > 1 else dict(group.attrs)


def data_of(group: Any) -> Any:
    """Return the ids or values."""
    return group["ids" if "ids" in group else "values"]


def elements_of(group: Any) -> Any:
    """Return the ids of the elements that are recorded, or None: all."""
    return group["elements"][...] if "elements" in group else None


def ends_of(group: Any, n: int) -> tuple[Any, Any] | None:
    """Return the ids of sources and targets of n synapses, or None in a file of a version that did not store them."""
    if "pre_ids" not in group or "post_ids" not in group:
        return None
    pre, post = group["pre_ids"][...], group["post_ids"][...]
    if pre.shape != (n,) or post.shape != (n,):
        msg = f"it holds the ends of other synapses than those of {group.name[1:]}"
        raise ValueError(msg)
    return pre, post


def _require_rows(group: Any, n: int) -> None:
    """Check that the data sets hold the entries that count."""
    if not 0 <= n <= min(len(group["stamps"]), len(data_of(group))):
        msg = f"it holds fewer than the {n} entries of {group.name[1:]} that count"
        raise ValueError(msg)


def stamps_of(group: Any, n: int | None = None) -> npt.NDArray[np.int64]:
    """Return the stamps of all entries that count, or of the first n."""
    sums = Stored(group)
    n = sums.count.entries if n is None else n
    _require_rows(group, n)
    first, last = sums.around(0, n)
    stamps: npt.NDArray[np.int64] = group["stamps"][first:last]
    sums.verify(first, stamps, None)
    return stamps[:n]


def between(group: Any, start: int, stop: int, n: int | None = None) -> Iterator[Arrays]:
    """Read the entries with start < stamp <= stop among those that count, or the first n; see `blocks`."""
    sums = Stored(group)
    n = sums.count.entries if n is None else n
    _require_rows(group, n)
    stamps = group["stamps"]
    first = bisect_right(stamps, start, 0, n) if start >= 0 else 0
    last = bisect_right(stamps, stop, first, n) if stop < LAST else n
    for edge in {first, last} - {0, n}:  # what the search has read must be right
        low, high = sums.around(edge - 1, edge + 1)
        sums.verify(low, stamps[low:high], None)
    yield from _blocks(group, sums, first, last)


def blocks(group: Any, first: int, last: int) -> Iterator[Arrays]:
    """Read a range of entries in at least one block of some megabytes."""
    _require_rows(group, last)
    yield from _blocks(group, Stored(group), first, last)


def _blocks(group: Any, sums: Stored, first: int, last: int) -> Iterator[Arrays]:
    data = data_of(group)
    rows = max(1, BLOCK // max(1, int(np.prod(data.shape[1:]))))
    if sums.block:
        rows = max(1, rows // sums.block) * sums.block
    k = first
    while True:
        end = min(last, sums.around(k, k + 1)[0] + rows)
        low, high = sums.around(k, max(k, end))
        stamps, values = group["stamps"][low:high], data[low:high]
        sums.verify(low, stamps, values)
        part = slice(k - low, max(k, end) - low)
        yield stamps[part], values[part]
        k = end
        if k >= last:
            return


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
