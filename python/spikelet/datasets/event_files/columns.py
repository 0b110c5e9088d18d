"""Arrays of numpy (.npy, .npz): structured, or of four columns, or one array for each field."""

from __future__ import annotations

import zipfile
from typing import Any

from numpy.typing import NDArray

from spikelet._util import reading
from spikelet.datasets.event_files.assembling import Demands
from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.formats import Format
from spikelet.datasets.event_files.values import NAMES, check_options, from_columns, from_table

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_MOST_FOR_ONE, _SMALL = (
    100,
    2**26,
)  # bytes of data for a byte of a compressed file; bytes that are always read


def read(
    file: EventFile, demands: Demands, columns: str = "txyp", unit: str = "us"
) -> NDArray[Any]:
    """Read an array, or the arrays of an archive that are called events, or t, x, y, p."""
    check_options(file, columns, unit)
    if file.head(len(_ZIP)) == _ZIP:
        arrays = _archive(file)
        if "events" in arrays or len(arrays) == 1:
            table = arrays.get("events", next(iter(arrays.values())))
            return from_table(file, table, columns, unit, demands)
        return from_columns(file, arrays, unit, demands)
    with reading.refusing(file.where, file.path):
        table = reading.npy(bytes(file.read(0, file.size)), copy=False)
    return from_table(file, table, columns, unit, demands)


def _archive(file: EventFile) -> dict[str, NDArray[Any]]:
    most = max(_SMALL, _MOST_FOR_ONE * file.size)
    wanted = {"events", *(name for names in NAMES.values() for name in names)}
    with reading.refusing(file.where, file.path), reading.archive(file.path) as opened:
        members = {reading.name_of(member): member for member in opened.infolist()}
        if len(members) > 1:  # others may lie beside them: labels, frames
            members = {name: member for name, member in members.items() if name.lower() in wanted}
        total = sum(member.file_size for member in members.values())
        if total > most:
            raise ValueError(
                f"arrays must have at most {most} bytes together, as they are compressed; got {total}"
            )
        return {name: reading.npy(_inflate(opened, member)) for name, member in members.items()}


def _inflate(opened: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the bytes of a file of an archive: at most as many as it states."""
    data = opened.read(member)
    if len(data) != member.file_size:
        raise ValueError(f"{member.filename!r} must have {member.file_size} bytes, got {len(data)}")
    return data


FORMAT = Format(
    "columns",
    "arrays of numpy",
    (".npy", ".npz"),
    lambda head: head.startswith((_NPY, _ZIP)),
    read,
    ("columns", "unit"),
)
