"""The store of a sweep: a folder with an SQLite database of its description, its plan and the runs that are finished.

::

    sweep.sqlite     about: the sweep as JSON; plan: all runs in the order of the grid; runs: the finished ones;
                     arrays: what they returned, as .npy
    lock             held by the sweep that uses the store

Only the process that called `sweep` writes, so a run is stored once, and nothing is stored when a sweep is over.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from spikelet._core import __version__
from spikelet._util import reading
from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail
from spikelet._util.files import sync
from spikelet.experiments.code import digests_of, name_of
from spikelet.experiments.grid import Run
from spikelet.experiments.record import Record

FORMAT = "spikelet sweep 2"
UNSYNCED = 0.1
"""Longest time of computation that a power failure costs [s]; a finished run survives the process at once."""

_FILE = "sweep.sqlite"
_OWN = {"lock", "lock-journal", _FILE, *(f"{_FILE}-{end}" for end in ("journal", "wal", "shm"))}
_TABLES = (
    "CREATE TABLE about (text TEXT NOT NULL)",
    "CREATE TABLE plan (key TEXT PRIMARY KEY, run TEXT NOT NULL)",
    "CREATE TABLE runs (key TEXT PRIMARY KEY, record TEXT NOT NULL, arrays TEXT NOT NULL)",
    "CREATE TABLE arrays (key TEXT, name TEXT, part INTEGER, npy BLOB, PRIMARY KEY (key, name, part))",
)
_PART = 2**28  # bytes of a .npy in one row; SQLite stores at most 1e9
_PATIENCE = 60.0  # seconds to wait for a reader
_SYSTEM = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_BUSY: errno.EAGAIN,
}
"""Errors of SQLite that are errors of the system; others come from a damaged file."""


def folder_of(where: str, store: Any) -> Path:
    """Return the absolute path of the folder of a store.

    Raises
    ------
    TypeError, ValueError
        If it is not a path, or an empty one, which would be the current folder.
    """
    if not isinstance(store, str | os.PathLike):
        fail(where, "store", store, "must be the path of a folder", error=TypeError)
    if not os.fspath(store):
        fail(where, "store", store, "must be the path of a folder; the current one is '.'")
    return Path(store).absolute()


@dataclass(frozen=True)
class Entry:
    """A stored run, whose arrays are read when they are asked for.

    Parameters
    ----------
    file : Path
        The database.
    key : str
        Key of the run.
    record : Record
        The record without its arrays.
    arrays : tuple of str
        Names of the arrays.
    """

    file: Path
    key: str
    record: Record
    arrays: tuple[str, ...]

    def read(self, names: Collection[str] | None = None) -> Record:
        """Return the record with all arrays, or only those named.

        Raises
        ------
        ValueError
            If an array is damaged.
        """
        wanted = [name for name in self.arrays if names is None or name in names]
        if not wanted:
            return self.record
        found = {}
        with _opened(self.file) as db, reading.refusing("sweep", self.file):
            for name in wanted:
                parts = db.execute(
                    "SELECT npy FROM arrays WHERE key = ? AND name = ? ORDER BY part",
                    (self.key, name),
                )
                found[name] = reading.npy(b"".join(part for (part,) in parts))
        return replace(self.record, arrays=found)


class Store:
    """The runs of a sweep on disk.

    Parameters
    ----------
    folder : Path
        Absolute path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / _FILE

    def exists(self) -> bool:
        """Return whether the store exists; one that was killed while it was created does not."""
        if not self._file.is_file():
            return False
        with _opened(self._file) as db:
            return db.execute("SELECT * FROM sqlite_master").fetchone() is not None

    def load(self) -> tuple[list[Run], list[str], dict[str, Entry]]:
        """Return all runs that were ever planned, the names of fixed parameters, and the finished runs by key.

        Raises
        ------
        ValueError
            If the folder is not a store, or the store is damaged.
        """
        if self.folder.is_file():
            rule = "must be a folder; load_sweep() reads a file of SweepResult.save"
            fail("sweep", "store", str(self.folder), rule)
        if not self.exists():
            fail("sweep", "store", str(self.folder), "must be the store of a sweep")
        with _opened(self._file) as db, reading.refusing("sweep", self._file):
            about = self._about(db)
            return *_plan(db, about), self._entries(db)

    @contextlib.contextmanager
    def writing(self, function: Callable[..., Any], seed: int, *, resume: bool) -> Iterator[Writer]:
        """Open the store of a function and a seed, or create it; another sweep cannot use it meanwhile.

        Raises
        ------
        ValueError
            If the store belongs to another sweep or is in use, or exists although `resume` is False.
        OSError
            If it cannot be written.
        """
        if self.folder.exists() and not self.folder.is_dir():
            fail("sweep", "store", str(self.folder), "must be a folder, not a file")
        if self.exists():
            if not resume:
                fail("sweep", "store", str(self.folder), "must not exist if resume is False")
        elif self.folder.is_dir() and {path.name for path in self.folder.iterdir()} - _OWN:
            fail("sweep", "store", str(self.folder), "must be new, empty or the store of a sweep")
        self.folder.mkdir(parents=True, exist_ok=True)
        sync(self.folder.parent)
        with self.locked(), _opened(self._file, create=True) as db:
            if not self.exists():
                about: dict[str, Any] = {"format": FORMAT, "function": name_of(function)}
                about |= digests_of(function)
                about |= {"seed": seed, "version": __version__, "fixed": []}
                db.execute("PRAGMA page_size = 16384")  # arrays are written a third faster
                with _transaction(db):
                    for table in _TABLES:
                        db.execute(table)
                    db.execute("INSERT INTO about VALUES (?)", (json.dumps(about),))
            with reading.refusing("sweep", self._file):
                about = self._about(db)
                entries = self._entries(db)
            for what, own in (("function", name_of(function)), ("seed", seed)):
                if about[what] != own:
                    msg = (
                        f"sweep: store {str(self.folder)!r} belongs to another sweep: its {what} is "
                        f"{about[what]!r}, not {own!r}"
                    )
                    raise ValueError(msg)
            db.execute(
                "PRAGMA journal_mode = WAL"
            )  # stays a rollback journal where WAL cannot work
            try:
                yield Writer(db, self._file, about, entries)
            finally:  # one file again, unless a reader has it open
                with contextlib.suppress(sqlite3.OperationalError):
                    db.execute("PRAGMA busy_timeout = 0")
                    db.execute("PRAGMA journal_mode = DELETE")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the store by a transaction in an empty database; the lock ends with this process, however it ends.

        Raises
        ------
        ValueError
            If another sweep uses the store.
        """
        file = self.folder / "lock"
        with _errors(file), contextlib.closing(sqlite3.connect(file, timeout=0)) as lock:
            try:
                lock.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                fail("sweep", "store", str(self.folder), "must not be in use by another sweep")
            yield

    def _about(self, db: sqlite3.Connection) -> dict[str, Any]:
        tables = {sql for (sql,) in db.execute("SELECT sql FROM sqlite_master") if sql is not None}
        if tables != set(_TABLES):  # a view would run what a stranger wrote
            fail("sweep", "store", str(self.folder), "must be the store of a sweep")
        ((text,),) = db.execute("SELECT text FROM about LIMIT 2")
        about = reading.json_value(text)
        if about["format"] != FORMAT:
            rule = f"must have the format {FORMAT!r}"
            fail("sweep", "store", about["format"], rule, got="format")
        kinds = {"function": str, "seed": int, "source": str | None, "code": str | None}
        for key, kind in kinds.items():
            if not isinstance(about[key], kind):
                fail("sweep", f"{key} of a store", about[key], "must be as a sweep wrote it")
        return dict(about)

    def _entries(self, db: sqlite3.Connection) -> dict[str, Entry]:
        found = {}
        for key, text, arrays in db.execute("SELECT key, record, arrays FROM runs"):
            record = Record.from_json(reading.json_value(text))
            names = tuple(map(str, reading.json_value(arrays)))
            found[key] = Entry(self._file, key, record, names)
        return found


class Writer:
    """The store of a running sweep, by the process that called `sweep`.

    Parameters
    ----------
    db : sqlite3.Connection
        The database.
    file : Path
        Its file.
    about : dict
        Description of the sweep.
    entries : dict of str to Entry
        The finished runs by key.
    """

    def __init__(
        self, db: sqlite3.Connection, file: Path, about: dict[str, Any], entries: dict[str, Entry]
    ) -> None:
        self._db, self._file, self._about = db, file, about
        self.entries = entries
        self._unsynced = 0.0

    def warn_of_other_code(self, function: Callable[..., Any]) -> None:
        """Warn if the code of the function has changed since the store was made."""
        # A function that was sent to a worker has lost its source, but not its byte code.
        digests = digests_of(function)
        both = [what for what, digest in digests.items() if digest and self._about[what]]
        if both and digests[both[0]] != self._about[both[0]]:
            warn_caller(
                f"the code of {name_of(function)} has changed since the store "
                f"{str(self._file.parent)!r} was made; the stored runs are kept",
            )

    def set_plan(self, runs: Sequence[Run], fixed: Sequence[str]) -> None:
        """Store the order of the runs; runs of earlier plans come last."""
        with reading.refusing("sweep", self._file):
            earlier, _ = _plan(self._db, self._about)
        merged = {run.key: run for run in runs}
        for run in earlier:
            merged.setdefault(run.key, run)
        self._about["fixed"] = list(fixed)
        with _transaction(self._db) as db:
            db.execute("UPDATE about SET text = ?", (json.dumps(self._about),))
            db.execute("DELETE FROM plan")
            rows = ((key, json.dumps(run.to_json())) for key, run in merged.items())
            db.executemany("INSERT INTO plan VALUES (?, ?)", rows)

    def add(self, pairs: Sequence[tuple[Run, Record]]) -> None:
        """Store finished runs, all of them or none; a later record replaces that of a failed run."""
        self._unsynced += sum(record.seconds for _, record in pairs)
        whole = not self._unsynced < UNSYNCED  # not a number after the death of a worker
        self._db.execute(f"PRAGMA synchronous = {'FULL' if whole else 'NORMAL'}")
        with _transaction(self._db) as db:
            for run, record in pairs:
                db.execute("DELETE FROM arrays WHERE key = ?", (run.key,))
                for name, array in record.arrays.items():
                    data = _npy(array)
                    for part, begin in enumerate(range(0, len(data), _PART)):
                        row = (run.key, name, part, data[begin : begin + _PART])
                        db.execute("INSERT INTO arrays VALUES (?, ?, ?, ?)", row)
                names = tuple(record.arrays)
                texts = json.dumps(record.to_json()), json.dumps(names)
                db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?)", (run.key, *texts))
        for run, record in pairs:
            short = replace(record, arrays={})
            self.entries[run.key] = Entry(self._file, run.key, short, tuple(record.arrays))
        if whole:
            self._unsynced = 0.0


def _plan(db: sqlite3.Connection, about: dict[str, Any]) -> tuple[list[Run], list[str]]:
    runs = []
    for key, text in db.execute("SELECT key, run FROM plan ORDER BY rowid"):
        run = Run.from_json(reading.json_value(text))
        if run.key != key or not run.has_seed_of(about["seed"]):
            fail("sweep", f"seed and key of run {key}", text, "must come from the sweep")
        runs.append(run)
    fixed = list(about["fixed"])
    if any(name not in run.parameters for name in fixed for run in runs[:1]):
        fail("sweep", "fixed", fixed, "must be parameters")
    return runs, fixed


@contextlib.contextmanager
def _opened(file: Path, *, create: bool = False) -> Iterator[sqlite3.Connection]:
    mode = "rwc" if create else "rw"  # a file that cannot be written is opened for reading
    with (
        _errors(file),
        contextlib.closing(
            sqlite3.connect(
                f"{file.as_uri()}?mode={mode}", timeout=_PATIENCE, isolation_level=None, uri=True
            )
        ) as db,
    ):
        db.execute("PRAGMA trusted_schema = OFF")
        yield db


@contextlib.contextmanager
def _errors(file: Path) -> Iterator[None]:
    """Turn errors of SQLite into an OSError that names the file, or, if it is damaged, a ValueError."""
    try:
        yield
    except sqlite3.Error as error:
        code = _SYSTEM.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if code is not None:
            raise OSError(code, f"{os.strerror(code)} ({error})", str(file)) from error
        msg = f"sweep: the file {str(file)!r} is damaged ({error}); use another folder"
        raise ValueError(msg) from error


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk may have ended it
            db.execute("ROLLBACK")
        raise


def _npy(array: np.ndarray[Any, Any]) -> memoryview:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return file.getbuffer()
