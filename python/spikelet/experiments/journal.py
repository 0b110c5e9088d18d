"""A file to which finished runs are appended; complete runs in it are valid however the writing ended.

A run is a line of JSON followed by its arrays, each as a .npy::

    {"crc32": "0f3c9d21", "run": {...}, "status": "done", ..., "arrays": {"spikes.times": [140128, 3141592653], ...}}

The line begins with the CRC-32 of the rest of the line, and ends with the length and the CRC-32 of each array. The last
line of a file is "end". Runs are not written to a temporary file and renamed, since that takes longer than everything
else.
"""

from __future__ import annotations

import io
import itertools
import os
import threading
import zlib
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from spikelet._util import reading
from spikelet._util.checks import integer
from spikelet._util.files import sync
from spikelet.experiments import sealed_json
from spikelet.experiments.grid import Run
from spikelet.experiments.record import Record

__all__ = ["Entry", "Journal", "Pieces", "entries", "pack"]

Pieces = list[bytes | memoryview]

END = b"end\n"
PERIOD = 0.1  # longest time that a run waits to be synchronised [s]
_datasync = getattr(os, "fdatasync", os.fsync)  # Windows and macOS have no fdatasync


class Journal:
    """Writer of a new file; as a context manager it completes the file unless there was an error.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileExistsError
        If the file exists.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        # Synchronisation overlaps with the computation of the next run.
        self._disk = ThreadPoolExecutor(1, "spikelet-disk")
        self._syncing = [self._disk.submit(sync, path.parent)]
        self._due = False  # whether a pending synchronisation covers everything written so far
        self._at_once = threading.Event()

    def add(self, pieces: Pieces) -> None:
        """Append a packed run; it survives the process at once, and a power failure a tenth of a second later."""
        try:
            for piece in pieces:
                self._file.write(piece)
            self._file.flush()
        except OSError as error:  # a full disk names no file
            raise OSError(error.errno, error.strerror, self._file.name) from error
        while self._syncing and self._syncing[0].done():
            self._syncing.pop(0).result()
        if not self._due:
            self._due = True
            self._syncing.append(self._disk.submit(self._sync_soon))

    def sync(self) -> None:
        """Wait until everything is on disk."""
        self._at_once.set()
        while self._syncing:
            self._syncing.pop(0).result()
        self._at_once.clear()

    def _sync_soon(self) -> None:
        self._at_once.wait(PERIOD)
        self._due = False  # before the call: runs added from now on may not be covered
        _datasync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.sync()
            if kind is None:
                self._file.write(END)
        finally:
            self._at_once.set()
            self._disk.shutdown()
            self._file.close()


@dataclass(frozen=True)
class Entry:
    """The place of a run in a file.

    Parameters
    ----------
    path : Path
        The file.
    run : dict
        Description of the run.
    record : Record
        The record without its arrays.
    begin, end : int
        Position of the arrays in the file.
    arrays : dict of name to (int, int)
        Length and CRC-32 of each.
    """

    path: Path
    run: dict[str, Any]
    record: Record
    begin: int
    end: int
    arrays: dict[str, tuple[int, int]]

    def read(self, names: Collection[str] | None = None) -> Record:
        """Return the record with all arrays, or only those named.

        Raises
        ------
        ValueError
            If an array is damaged.
        """
        if names is not None and not self.arrays.keys() & set(names):
            return self.record
        found, begin = {}, self.begin
        with self.path.open("rb") as file:
            for name, (length, crc) in self.arrays.items():
                if names is None or name in names:
                    file.seek(begin)
                    data = file.read(length)
                    if zlib.crc32(data) != crc:
                        raise _damaged(self.path, f"in array {name!r} of run {self.run['key']}")
                    with reading.refusing("sweep", self.path):
                        found[name] = reading.npy(data)
                begin += length
        return replace(self.record, arrays=found)


def entries(path: Path) -> tuple[list[Entry], bool]:
    """Return the runs in a file, and whether the file is complete.

    Raises
    ------
    ValueError
        If a complete file is damaged, or a description with a correct checksum is not one of a run. A file that a crash or
        a power failure cut off is not complete; the runs that are whole are returned.
    """
    found: list[Entry] = []
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - len(END)))
        complete = file.read() == END
        file.seek(0)
        while head := file.read(len(END)):
            if head == END:
                if file.read(1):
                    raise _damaged(path, "it goes on after its end")
                return found, True
            entry = None
            if sealed_json.BEGIN.startswith(head):  # else a line may be as long as the file
                entry = _described(path, head + file.readline(), file.tell())
            if entry is None and complete:
                raise _damaged(path, f"in the description of run {len(found) + 1}")
            if entry is None or entry.end > size:  # cut off, maybe at an array's own "end"
                break
            found.append(entry)
            file.seek(entry.end)
    # The last run may be truncated; after a power failure, any run since the last synchronisation may have holes.
    return list(itertools.takewhile(_intact, found)), False


def pack(run: Run, record: Record) -> Pieces:
    """Return the pieces to write for a run."""
    pieces: Pieces = []
    arrays = {}
    for name, array in record.arrays.items():
        parts = _npy(array)
        length, crc = 0, 0
        for part in parts:
            length, crc = length + len(part), zlib.crc32(part, crc)
        arrays[name] = length, crc
        pieces += parts
    text = sealed_json.text_of({"run": run.to_json(), **record.to_json(), "arrays": arrays})
    return [sealed_json.seal(text), text, b"\n", *pieces]


def _npy(array: np.ndarray[Any, Any]) -> Pieces:
    file = io.BytesIO()
    if array.dtype.names is not None:
        np.lib.format.write_array(file, array, allow_pickle=False)
        return [file.getbuffer()]
    # As write_array does for a file on disk; for a BytesIO it would make several copies.
    array = np.asarray(array, order="C")
    np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
    data = [array.reshape(-1).view(np.uint8).data] if array.nbytes else []
    return [file.getvalue(), *data]


def _described(path: Path, line: bytes, begin: int) -> Entry | None:
    """Return the entry of a line, or None if the line is incomplete."""
    if not line.endswith(b"\n") or not sealed_json.is_sealed(line[:-1]):
        return None
    with reading.refusing("sweep", path):
        own = sealed_json.content(line[:-1])
        arrays = {
            name: (integer("array", "length", length, 0), integer("array", "crc", crc, 0))
            for name, (length, crc) in own.pop("arrays").items()
        }
        run = own.pop("run")
        Run.from_json(run)
        end = begin + sum(length for length, _ in arrays.values())
        return Entry(path, run, Record.from_json(own), begin, end, arrays)


def _damaged(path: Path, where: str) -> ValueError:
    advice = "delete it to have a sweep repeat its runs"
    return ValueError(f"sweep: the file {str(path)!r} is damaged ({where}); {advice}")


def _intact(entry: Entry) -> bool:
    try:
        entry.read()
    except ValueError:
        return False
    return True
