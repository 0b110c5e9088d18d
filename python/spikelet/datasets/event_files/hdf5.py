"""Columns t, x, y, p in an HDF5 file, at its root or in its group "events"; and opening such files with suspicion."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from spikelet._util.extras import extra
from spikelet.datasets.event_files.assembling import Demands
from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.formats import Format
from spikelet.datasets.event_files.values import NAMES, check_options, from_columns, from_table

MAGIC = b"\x89HDF\r\n\x1a\n"
_MOST_FOR_ONE, _SMALL = (
    100,
    2**26,
)  # bytes of data for a byte of a compressed file; bytes that are always read
# What h5py raises for damaged files.
_BROKEN = (
    OSError, RuntimeError, KeyError, TypeError, AttributeError, IndexError, OverflowError, ValueError, MemoryError,
)  # fmt: skip


@contextlib.contextmanager
def opened(where: str, path: Path) -> Iterator[Any]:
    """Open a file to read; whatever h5py raises becomes a ValueError that names it."""
    h5py = extra("h5py", where, "hdf5")
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except _BROKEN as error:
        if isinstance(error, FileNotFoundError | PermissionError) or str(error).startswith(
            f"{where}: "
        ):
            raise
        text = " ".join(f"{type(error).__name__}: {error}".split())
        msg = f"{where}: {path}: the file cannot be read as HDF5: {text:.300}"
        raise ValueError(msg) from error


def checked(where: str, path: Path, file: Any, name: str, *, ragged: bool = False) -> Any:
    """Return a one-dimensional dataset that lies within the file and can be no larger than it allows.

    Parameters
    ----------
    where, path : str, Path
        The call and the file, for errors.
    file : h5py.File or Group
        Where to look.
    name : str
        Path of the dataset.
    ragged : bool
        Whether its elements are lists of numbers.
    """
    h5py = extra("h5py", where, "hdf5")
    msg = f"{where}: {path}: dataset {name!r} must"
    at = file
    for part in name.split("/"):
        link = at.get(part, getlink=True) if isinstance(at, h5py.Group) else None
        if type(link) is not h5py.HardLink:  # others may lead to another file
            raise ValueError(f"{msg} exist, in this file")
        at = at[part]
    if not isinstance(at, h5py.Dataset) or at.is_virtual or at.external:
        raise ValueError(f"{msg} be a dataset that is stored in this file")
    if at.ndim != 1:
        raise ValueError(f"{msg} have one dimension, got shape {at.shape}")
    base = h5py.check_vlen_dtype(at.dtype)
    kind = at.dtype if base is None else base
    if (base is not None) != ragged or getattr(kind, "kind", "O") not in "biufV":
        raise ValueError(
            f"{msg} hold {'lists of numbers' if ragged else 'numbers'}, got {at.dtype}"
        )
    most = max(_SMALL, _MOST_FOR_ONE * path.stat().st_size)
    if at.size * max(1, at.dtype.itemsize) > most:
        raise ValueError(
            f"{msg} have at most {most} bytes, for the size of the file, got shape {at.shape}"
        )
    return at


def read(
    file: EventFile, demands: Demands, columns: str = "txyp", unit: str = "us"
) -> NDArray[Any]:
    """Read the columns, or one dataset of records called events."""
    check_options(file, columns, unit)
    with opened(file.where, file.path) as root:
        group, prefix = root, ""
        if "spikes" in root and "labels" in root:
            file.refuse(
                0,
                "the file",
                "holds many recordings: use datasets.read_spiking_speech",
                sorted(root),
            )
        if "events" in root:
            if not hasattr(root["events"], "keys"):
                table = checked(file.where, file.path, root, "events")[...]
                return from_table(file, table, columns, unit, demands)
            group, prefix = root["events"], "events/"
        wanted = [name for names in NAMES.values() for name in names]
        names = [name for name in group if name.lower() in wanted]
        found = {name: checked(file.where, file.path, root, prefix + name)[...] for name in names}
        return from_columns(file, found, unit, demands)


FORMAT = Format(
    "hdf5",
    "columns in HDF5",
    (".h5", ".hdf5"),
    lambda head: head.startswith(MAGIC),
    read,
    ("columns", "unit"),
)
