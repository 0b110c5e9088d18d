"""A folder of finished runs: one file a run, each there whole or not at all.

::

    sweep.json          what is swept: function, seed, format
    plan.json           all runs, in the order of the grid
    runs/<key>.npz      a finished run
    runs/<key>.json     a failed run
    lock, session       who is at it
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import uuid
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikelet._checks import fail
from spikelet._core import __version__
from spikelet._files import TEMPORARY, replaced, sync, write
from spikelet.experiments.code import digests_of, name_of
from spikelet.experiments.grid import Run
from spikelet.experiments.record import Record, unpacked

__all__ = ["Place", "Store"]

FORMAT = "spikelet sweep 1"
_SUFFIX = {"done": ".npz", "failed": ".json"}
_guard = threading.Lock()
_held: set[Path] = set()  # a lock of POSIX does not keep out its own process


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

    def current(self) -> bool:
        """Tell whether the sweep is still the one that is going on in the store."""
        try:
            return (Path(self.folder) / "session").read_text() == self.session
        except OSError:
            return True


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
            foreign = {path.name for path in self.folder.iterdir()} - {"lock", "session", "runs"}
            if any(not name.startswith(TEMPORARY) for name in foreign):
                fail("sweep", "store", str(self.folder), "must be new, empty or a sweep's")
        self.runs.mkdir(parents=True, exist_ok=True)
        sync(self.folder.parent)
        busy = "must not be in use by another sweep"
        path = self.folder.resolve()
        with _guard:  # and do not open the lock of one's own: closing it would release it
            if path in _held:
                fail("sweep", "store", str(self.folder), busy)
            _held.add(path)
        try:
            with (self.folder / "lock").open("a+b") as file:
                if not _lock(file.fileno()):
                    fail("sweep", "store", str(self.folder), busy)
                self._clean()
                yield
                self._clean()  # a worker may have died while it wrote
        finally:
            _held.discard(path)

    def _clean(self) -> None:
        """Remove what was begun and is not finished."""
        for folder in (self.folder, self.runs):
            for left in folder.glob(f"{TEMPORARY}*"):
                left.unlink(missing_ok=True)

    def begin(self) -> Place:
        """Start a session: workers of earlier ones, if any are left, start no further run."""
        place = Place(str(self.folder), self.description()["id"], uuid.uuid4().hex)
        write(self.folder / "session", place.session)
        return place

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

    def statuses(self) -> dict[str, str]:
        """Return "done" or "failed" by key of all runs that are there."""
        names = [os.path.splitext(name) for name in os.listdir(self.runs)]  # noqa: PTH122, PTH208
        found = {key: "failed" for key, suffix in names if suffix == _SUFFIX["failed"]}
        return found | {key: "done" for key, suffix in names if suffix == _SUFFIX["done"]}

    def has(self, key: str) -> str | None:
        """Return "done" or "failed" if a run is there."""
        return next((status for status in _SUFFIX if self._file(key, status).exists()), None)

    def forget(self, key: str) -> None:
        """Drop a failed run."""
        self._file(key, "failed").unlink(missing_ok=True)

    def write(self, run: Run, record: Record) -> None:
        """Keep a run: it is on the disk when this returns."""
        self.prepare(run, record)()

    def prepare(self, run: Run, record: Record) -> Callable[[], None]:
        """Write a run; it is on the disk, and kept, when what is returned has been called: by any thread."""
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(replaced(self._file(run.key, record.status)))
            record.write(file, run)
            return stack.pop_all().close

    def read(self, key: str, arrays: Collection[str] | None = None) -> Record:
        """Return what is known of a run, with all arrays or some of them."""
        for status in _SUFFIX:
            path = self._file(key, status)
            try:
                with path.open("rb") as file:
                    return Record.read(file, arrays) if status == "done" else unpacked(file.read())
            except FileNotFoundError:
                continue
            except (OSError, MemoryError):
                raise
            except Exception as error:  # noqa: BLE001  # an archive may be broken in many ways
                advice = "delete it, and a sweep does the run again"
                raise _damaged(path, error, advice) from None
        return Record("missing")

    def _file(self, key: str, status: str) -> Path:
        return self.runs / (key + _SUFFIX[status])


def _damaged(path: Path, error: object, advice: str) -> ValueError:
    name = f"{type(error).__name__}: " if isinstance(error, Exception) else ""
    text = str(error).partition("\n")[0]
    return ValueError(f"sweep: the file {str(path)!r} is damaged ({name}{text}); {advice}")


def _lock(descriptor: int) -> bool:
    try:
        import fcntl  # noqa: PLC0415  # not on Windows, where two sweeps do each other no harm but the work
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
