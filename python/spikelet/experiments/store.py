"""A folder of finished runs: each there whole or not at all.

::

    sweep.json                                   what is swept: function, seed, format
    plan.json                                    all runs, in the order of the grid
    runs/<session>-<batch>-<attempt>.runs        what a worker has done in a second, see `journal`
    runs/session                                 the one that is going on
    lock                                         of who is at it

A session begins and ends with a change of the folder of runs. So all that is in it is seen then, also where a file
system of the network remembers what was there a minute ago.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikelet._core import __version__
from spikelet._util.checks import fail
from spikelet._util.files import TEMPORARY, sync, write
from spikelet.experiments.code import digests_of, name_of
from spikelet.experiments.grid import Run
from spikelet.experiments.journal import Entry, Journal, entries

__all__ = ["Place", "Store"]

FORMAT = "spikelet sweep 1"
_SUFFIX = ".runs"
_held: dict[str, object] = {}  # a lock of POSIX does not keep out its own process


@dataclass(frozen=True)
class Place:
    """Where a store is, for workers that may see the folder or not.

    Parameters
    ----------
    folder : str
        Absolute path.
    identity : str
        Of the store: another machine may have another folder of that name.
    session : str
        Of the sweep that is going on.
    """

    folder: str
    identity: str
    session: str

    def seen(self) -> Store | None:
        """Return the store if it is visible here."""
        store = Store(Path(self.folder))
        try:
            return store if store.description()["id"] == self.identity else None
        except (OSError, ValueError):
            return None

    def require_current(self) -> None:
        """Raise RuntimeError if the sweep is over, or another one goes on: this worker has outlived its own."""
        try:
            with open(f"{self.folder}/runs/session", "rb", buffering=0) as file:  # noqa: PTH123  # a fifth of the time
                session = file.read()
        except FileNotFoundError:
            session = b""
        if session != self.session.encode():
            msg = f"another sweep has taken over the store {self.folder!r}, or its own is over"
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
        self._ended: dict[str, list[Entry]] = {}  # files that will not change

    # What it belongs to -------------------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Tell whether there is a store."""
        return (self.folder / "sweep.json").is_file()

    def description(self) -> dict[str, Any]:
        """Return what is swept; a ValueError tells of what is no store."""
        try:
            data = json.loads((self.folder / "sweep.json").read_bytes())
        except FileNotFoundError:
            fail("sweep", "store", str(self.folder), "must be a folder that a sweep made")
        except ValueError as error:
            raise _damaged(self.folder / "sweep.json", error, "take another folder") from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else data
            fail("sweep", "store", found, f"must have the format {FORMAT!r}")
        for key in ("id", "function", "source", "seed"):
            if key not in data:
                lack = f"it has no {key!r}"
                raise _damaged(self.folder / "sweep.json", lack, "take another folder")
        return data

    def create(self, function: Callable[..., Any], seed: int) -> None:
        """Make an empty store."""
        write(
            self.folder / "sweep.json",
            json.dumps(
                {
                    "format": FORMAT,
                    "id": uuid.uuid4().hex,
                    "function": name_of(function),
                    **digests_of(function),
                    "seed": seed,
                    "version": __version__,
                },
                indent=1,
            ),
        )

    def check(self, function: Callable[..., Any], seed: int) -> None:
        """Refuse the runs of another function or seed."""
        found = self.description()
        for what, own in (("function", name_of(function)), ("seed", seed)):
            if found[what] != own:
                msg = (
                    f"sweep: store {str(self.folder)!r} belongs to another sweep: its {what} is "
                    f"{found[what]!r}, not {own!r}"
                )
                raise ValueError(msg)
        # A function that was sent to a worker has lost its source, but not its code.
        digests = digests_of(function)
        both = [what for what, digest in digests.items() if digest and found.get(what)]
        if both and digests[both[0]] != found[both[0]]:
            warnings.warn(
                f"the code of {name_of(function)} has changed since the store "
                f"{str(self.folder)!r} was made; runs in it are kept as they are",
                UserWarning,
                stacklevel=3,
            )

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store; the lock ends with this process, however it does.

        Raises
        ------
        ValueError
            If someone else is at it.
        """
        if self.folder.is_dir() and not self.exists():
            foreign = {path.name for path in self.folder.iterdir()} - {"lock", "runs"}
            if any(not name.startswith(TEMPORARY) for name in foreign):
                fail("sweep", "store", str(self.folder), "must be new, empty or a sweep's")
        self.runs.mkdir(parents=True, exist_ok=True)
        sync(self.folder.parent)
        busy = "must not be in use by another sweep"
        path, own = str(self.folder.resolve()), object()
        try:  # and do not open the lock of one's own: closing it would release it
            if _held.setdefault(path, own) is not own:
                fail("sweep", "store", str(self.folder), busy)
            with (self.folder / "lock").open("a+b") as file:
                if not _lock(file.fileno()):
                    fail("sweep", "store", str(self.folder), busy)
                self._clean()
                yield
        finally:  # without a call, after which Ctrl-C may come
            if path in _held and _held[path] is own:
                del _held[path]

    def _clean(self) -> None:
        """Remove what was begun and is not finished."""
        for folder in (self.folder, self.runs):
            for left in folder.glob(f"{TEMPORARY}*"):
                left.unlink(missing_ok=True)

    def begin(self) -> Place:
        """Start a session: workers of earlier ones, if any are left, start no further run."""
        numbers = (name.partition("-")[0] for name in os.listdir(self.runs))  # noqa: PTH208
        number = 1 + max((int(n) for n in numbers if n.isdecimal()), default=0)
        session = f"{number:06d}-{uuid.uuid4().hex[:8]}"
        place = Place(str(self.folder), self.description()["id"], session)
        write(self.runs / "session", place.session)
        return place

    def end(self) -> None:
        """End the session: nobody stores anything any more."""
        (self.runs / "session").unlink()

    # The plan -----------------------------------------------------------------------------------------------------

    def set_plan(self, runs: Iterable[Run], fixed: Iterable[str]) -> None:
        """Keep the order of the runs; those of earlier plans come last."""
        merged = {run.key: run for run in runs}
        for run in self.plan()[0]:
            merged.setdefault(run.key, run)
        text = json.dumps(
            {"fixed": list(fixed), "runs": [run.to_json() for run in merged.values()]}
        )
        write(self.folder / "plan.json", text)

    def plan(self) -> tuple[list[Run], list[str]]:
        """Return all runs that were ever asked for, and the names of fixed parameters."""
        file = self.folder / "plan.json"
        try:
            data = json.loads(file.read_bytes())
            return [Run.from_json(run) for run in data["runs"]], list(data["fixed"])
        except FileNotFoundError:  # stopped before there was one
            return [], []
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            advice = "delete it, and a sweep writes it anew"
            raise _damaged(file, error, advice) from None

    # Runs ---------------------------------------------------------------------------------------------------------

    def journal(self, session: str, batch: int) -> tuple[Journal, dict[str, str]]:
        """Begin the file of a batch; return it, and the statuses of runs that a worker did before it died."""
        there: dict[str, str] = {}
        for attempt in itertools.count():
            path = self.runs / f"{session}-{batch:06d}-{attempt}{_SUFFIX}"
            with contextlib.suppress(FileExistsError):
                return Journal(path), there
            there |= {entry.run["key"]: entry.record.status for entry in entries(path)[0]}
        raise AssertionError

    def entries(self, session: str = "") -> dict[str, Entry]:
        """Return all runs that are there by key, or those of a session. What came later replaces a failed run."""
        found: dict[str, Entry] = {}
        for name in sorted(os.listdir(self.runs)):  # noqa: PTH208  # in the order of sessions
            if name.startswith(session) and name.endswith(_SUFFIX):
                for entry in self._entries_of(name):
                    before = found.setdefault(entry.run["key"], entry)
                    if before.record.status == "failed":
                        found[entry.run["key"]] = entry
        return found

    def statuses(self, session: str = "") -> dict[str, str]:
        """Return "done" or "failed" by key of what `entries` returns."""
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
        import fcntl  # noqa: PLC0415  # not on Windows, where the later one of two sweeps stops the workers of the other
    except ImportError:
        return True
    try:
        # Of the process, not of the open file: workers that were forked do not hold it on.
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # a file system without locks
        return True
    return True
