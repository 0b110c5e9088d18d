"""A folder of finished runs, each of which is stored completely or not at all.

::

    sweep.json                                   the sweep: function, seed, format
    plan.json                                    all runs, in the order of the grid
    runs/<session>-<batch>-<attempt>.runs        about a second of a worker's runs, see `journal`
    runs/session                                 the current session
    lock                                         held by the sweep that uses the store

A session begins and ends with a change to the folder of runs, which invalidates caches of network file systems, so that
all its files are visible.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikelet._core import __version__
from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail
from spikelet._util.files import TEMPORARY, sync, write
from spikelet.experiments import sealed_json
from spikelet.experiments.code import digests_of, name_of
from spikelet.experiments.grid import Run
from spikelet.experiments.journal import Entry, Journal, entries

__all__ = ["Place", "Store", "folder_of"]

FORMAT = "spikelet sweep 1"
_SUFFIX = ".runs"
_held: dict[str, object] = {}  # POSIX locks do not exclude the process that holds them


def folder_of(where: str, store: Any) -> Path:
    """Return the absolute path of the folder of a store.

    Raises
    ------
    TypeError, ValueError
        If it is no path, or an empty one, which would be the current folder.
    """
    if not isinstance(store, str | os.PathLike):
        fail(where, "store", store, "must be the path of a folder", error=TypeError)
    if not os.fspath(store):
        fail(where, "store", store, "must be the path of a folder; the current one is '.'")
    return Path(store).absolute()


@dataclass(frozen=True)
class Place:
    """The place of a store, for workers that may or may not see the folder.

    Parameters
    ----------
    folder : str
        Absolute path.
    identity : str
        Identity of the store, since another machine may have another folder of that name.
    session : str
        The current session.
    """

    folder: str
    identity: str
    session: str

    def seen(self) -> Store | None:
        """Return the store if it is visible on this machine."""
        store = Store(Path(self.folder))
        try:
            return store if store.description()["id"] == self.identity else None
        except (OSError, ValueError):
            return None

    def require_current(self) -> None:
        """Raise RuntimeError if this worker has outlived its sweep: it is over, or another one is running."""
        try:
            with open(f"{self.folder}/runs/session", "rb", buffering=0) as file:  # noqa: PTH123  # five times as fast as Path.read_bytes
                session = file.read()
        except FileNotFoundError:
            session = b""
        if session != self.session.encode():
            msg = f"another sweep has taken over the store {self.folder!r}, or this sweep is over"
            raise RuntimeError(msg)


class Store:
    """The runs of a sweep on disk.

    Parameters
    ----------
    folder : Path
        Absolute path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self._ended: dict[str, list[Entry]] = {}  # complete files, which do not change

    # The description -------------------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Return whether the store exists."""
        return (self.folder / "sweep.json").is_file()

    def description(self) -> dict[str, Any]:
        """Return the description of the sweep; raise ValueError if the folder is not a store."""
        try:
            data = sealed_json.content((self.folder / "sweep.json").read_bytes())
        except FileNotFoundError:
            fail("sweep", "store", str(self.folder), "must be the store of a sweep")
        except NotADirectoryError:
            rule = "must be a folder; load_sweep() reads a file of SweepResult.save"
            fail("sweep", "store", str(self.folder), rule)
        except ValueError as error:
            raise _damaged(self.folder / "sweep.json", error, "use another folder") from None
        if data.get("format") != FORMAT:
            found = data.get("format")
            fail("sweep", "store", found, f"must have the format {FORMAT!r}", got="format")
        kinds = {
            "format": str, "id": str, "function": str, "source": str | None, "code": str | None, "seed": int,
            "version": str,
        }  # fmt: skip
        for key in {*kinds, *data} - {"code", "version"}:
            if key not in data or key not in kinds or not isinstance(data[key], kinds[key]):
                wrong = f"{key!r} is missing, unknown or of the wrong type"
                raise _damaged(self.folder / "sweep.json", wrong, "use another folder")
        return data

    def create(self, function: Callable[..., Any], seed: int) -> None:
        """Create an empty store."""
        text = sealed_json.text_of(
            {
                "format": FORMAT,
                "id": uuid.uuid4().hex,
                "function": name_of(function),
                **digests_of(function),
                "seed": seed,
                "version": __version__,
            },
            indent=1,
        )
        write(self.folder / "sweep.json", sealed_json.seal(text) + text)

    def check(self, function: Callable[..., Any], seed: int) -> None:
        """Check that the store belongs to this function and seed."""
        found = self.description()
        for what, own in (("function", name_of(function)), ("seed", seed)):
            if found[what] != own:
                msg = (
                    f"sweep: store {str(self.folder)!r} belongs to another sweep: its {what} is "
                    f"{found[what]!r}, not {own!r}"
                )
                raise ValueError(msg)
        # A function that was sent to a worker has lost its source, but not its byte code.
        digests = digests_of(function)
        both = [what for what, digest in digests.items() if digest and found.get(what)]
        if both and digests[both[0]] != found[both[0]]:
            warn_caller(
                f"the code of {name_of(function)} has changed since the store "
                f"{str(self.folder)!r} was made; the stored runs are kept",
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the store; the lock ends with this process, however it ends.

        Raises
        ------
        ValueError
            If another sweep uses the store.
        """
        if self.folder.exists() and not self.folder.is_dir():
            fail("sweep", "store", str(self.folder), "must be a folder, not a file")
        if self.folder.is_dir() and not self.exists():
            foreign = {path.name for path in self.folder.iterdir()} - {"lock", "runs"}
            if any(not name.startswith(TEMPORARY) for name in foreign):
                fail(
                    "sweep", "store", str(self.folder), "must be new, empty or the store of a sweep"
                )
        self.runs.mkdir(parents=True, exist_ok=True)
        sync(self.folder.parent)
        busy = "must not be in use by another sweep"
        path, own = str(self.folder.resolve()), object()
        try:  # a second descriptor must not be opened: closing it would release the lock
            if _held.setdefault(path, own) is not own:
                fail("sweep", "store", str(self.folder), busy)
            with (self.folder / "lock").open("a+b") as file:
                if not _lock(file.fileno()):
                    fail("sweep", "store", str(self.folder), busy)
                self._clean()
                yield
        finally:  # without a function call, after which Ctrl-C might strike
            if path in _held and _held[path] is own:
                del _held[path]

    def _clean(self) -> None:
        """Remove unfinished files."""
        for folder in (self.folder, self.runs):
            for left in folder.glob(f"{TEMPORARY}*"):
                left.unlink(missing_ok=True)

    def begin(self) -> Place:
        """Start a session; workers of earlier sessions start no further runs."""
        numbers = (name.partition("-")[0] for name in os.listdir(self.runs))  # noqa: PTH208
        number = 1 + max((int(n) for n in numbers if n.isdecimal()), default=0)
        session = f"{number:06d}-{uuid.uuid4().hex[:8]}"
        place = Place(str(self.folder), self.description()["id"], session)
        write(self.runs / "session", place.session)
        return place

    def end(self) -> None:
        """End the session; its workers store nothing more."""
        (self.runs / "session").unlink()

    # The plan -----------------------------------------------------------------------------------------------------

    def set_plan(self, runs: Iterable[Run], fixed: Iterable[str]) -> None:
        """Store the order of the runs; runs of earlier plans come last."""
        merged = {run.key: run for run in runs}
        for run in self.plan()[0]:
            merged.setdefault(run.key, run)
        text = sealed_json.text_of(
            {"fixed": list(fixed), "runs": [run.to_json() for run in merged.values()]}
        )
        write(self.folder / "plan.json", sealed_json.seal(text) + text)

    def plan(self) -> tuple[list[Run], list[str]]:
        """Return all runs that were ever planned, and the names of fixed parameters."""
        file = self.folder / "plan.json"
        try:
            stored = file.read_bytes()
        except FileNotFoundError:  # stopped before it was written
            return [], []
        try:
            data = sealed_json.content(stored)
            if data.keys() != {"fixed", "runs"}:
                fail("sweep", "plan", sorted(data), "must have fixed and runs")
            runs = [Run.from_json(run) for run in data["runs"]]
            if len({run.key for run in runs}) < len(runs):
                fail("sweep", "plan", len(runs), "must have each run once", got="number")
            if not sealed_json.is_sealed(stored):  # of an earlier version, without a checksum
                seed = self.description()["seed"]
                for run in runs:
                    if not run.has_seed_of(seed):
                        fail("sweep", f"seed of run {run.key}", run.seed, f"must come from {seed}")
            fixed = list(data["fixed"])
            if any(name not in runs[0].parameters for name in fixed):
                fail("sweep", "fixed", fixed, "must be parameters")
            return runs, fixed
        except (ValueError, LookupError, TypeError, AttributeError, RuntimeError) as error:
            advice = "delete it to have a sweep write it again"
            raise _damaged(file, error, advice) from None

    # Runs ---------------------------------------------------------------------------------------------------------

    def journal(self, session: str, batch: int) -> tuple[Journal, dict[str, str]]:
        """Start the file of a batch; also return the statuses of runs that a worker finished before it died."""
        there: dict[str, str] = {}
        for attempt in itertools.count():
            path = self.runs / f"{session}-{batch:06d}-{attempt}{_SUFFIX}"
            with contextlib.suppress(FileExistsError):
                return Journal(path), there
            there |= {entry.run["key"]: entry.record.status for entry in entries(path)[0]}
        raise AssertionError

    def entries(self, session: str = "") -> dict[str, Entry]:
        """Return all stored runs by key, or those of a session. A later run replaces a failed one."""
        found: dict[str, Entry] = {}
        for name in sorted(os.listdir(self.runs)):  # noqa: PTH208  # in order of session
            if name.startswith(session) and name.endswith(_SUFFIX):
                for entry in self._entries_of(name):
                    before = found.setdefault(entry.run["key"], entry)
                    if before.record.status == "failed":
                        found[entry.run["key"]] = entry
        return found

    def statuses(self, session: str = "") -> dict[str, str]:
        """Return the statuses ("done" or "failed") of all stored runs by key, or those of a session."""
        return {key: entry.record.status for key, entry in self.entries(session).items()}

    def _entries_of(self, name: str) -> list[Entry]:
        there = self._ended.get(name)
        if there is None:
            there, ended = entries(self.runs / name)
            if ended:
                self._ended[name] = there
        return there


def _damaged(path: Path, error: object, advice: str) -> ValueError:
    name = f"{type(error).__name__}: " if isinstance(error, Exception) else ""
    text = str(error).partition("\n")[0]
    return ValueError(f"sweep: the file {str(path)!r} is damaged ({name}{text}); {advice}")


def _lock(descriptor: int) -> bool:
    try:
        import fcntl  # noqa: PLC0415  # not on Windows, where the later of two sweeps stops the workers of the earlier one
    except ImportError:
        return True
    try:
        # lockf, unlike flock, belongs to the process: forked workers do not keep the lock.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True
