"""The worker's side: call the function, keep what it returns."""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from spikelet._core import __version__, simd_level
from spikelet.experiments.grid import Run
from spikelet.experiments.journal import Pieces, pack
from spikelet.experiments.record import Record
from spikelet.experiments.return_values import scalars_and_arrays
from spikelet.experiments.store import Place
from spikelet.ranks import alone

__all__ = ["perform", "run_batch"]

Outcome = tuple[str, float, Record | None]
"""Status, seconds, and the record if it is not in the store."""


def perform(
    function: Callable[..., Any], run: Run, threads: int | None, *, copy: bool
) -> tuple[Record, Pieces]:
    """Call the function for a run.

    Parameters
    ----------
    function : callable
        Of the parameters and a seed.
    run : Run
        Which.
    threads : int, optional
        Of a network that does not say; by default its own choice.
    copy : bool
        Copy arrays: the next run may write into the same ones.

    Returns
    -------
    Record, Pieces
        "done" or "failed", and what is to be written. KeyboardInterrupt goes through.
    """
    start = time.perf_counter()
    about: dict[str, Any] = {}
    try:
        with _threads(threads), alone():  # the ranks of an executor do different runs
            value = _call(function, run)
        about = _about(start)
        scalars, arrays = scalars_and_arrays(value)
        if copy:
            arrays = {name: array.copy(order="K") for name, array in arrays.items()}
        record = Record("done", scalars, arrays, **about)
        return record, pack(run, record)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # the other runs go on; also if this one cannot be written
        record = _failed(error, about or _about(start))
        return record, pack(run, record)


def run_batch(
    function: bytes | Callable[..., Any],
    runs: Sequence[Run],
    threads: int | None,
    place: Place | None,
    batch: int,
) -> list[Outcome]:
    """Do some runs, one after the other; all that is told of is on the disk.

    Parameters
    ----------
    function : callable or bytes
        Pickled if bytes.
    runs : sequence of Run
        Which.
    threads : int, optional
        As `perform` has it.
    place : Place, optional
        Where to store; if it is not seen here, records go back.
    batch : int
        Number of these runs in the sweep. An executor may hand them to another worker when one has died.

    Returns
    -------
    list of Outcome
        In the order of runs.
    """
    call = _unpickled(function) if isinstance(function, bytes) else function
    store = place.seen() if place is not None else None
    outcomes: list[Outcome] = []
    if store is None or place is None:
        for run in runs:
            record, _ = perform(call, run, threads, copy=True)
            outcomes.append((record.status, record.seconds, record))
        return outcomes
    place.require_current()
    journal, there = store.journal(place.session, batch)
    with journal:
        for run in runs:
            if run.key in there:
                outcomes.append((there[run.key], 0.0, None))
                continue
            record, pieces = perform(call, run, threads, copy=False)
            place.require_current()
            journal.add(pieces)
            outcomes.append((record.status, record.seconds, None))
    return outcomes


def _call(function: Callable[..., Any], run: Run) -> Any:
    """Call the function; a child that it forked ends here, or it would do the other runs too."""
    process, status = os.getpid(), 1
    try:
        value = function(**run.parameters, seed=run.seed)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        raise
    finally:
        if os.getpid() != process:
            os._exit(status)
    return value


def _about(start: float) -> dict[str, Any]:
    return {
        "seconds": time.perf_counter() - start,
        "host": platform.node(),
        "version": __version__,
        "simd": simd_level(),
    }


def _failed(error: BaseException, about: dict[str, Any]) -> Record:
    trace = sys.exc_info()[2]
    try:
        told = "".join(traceback.format_exception_only(error)).strip()
        where = traceback.format_exc()
    except Exception:  # noqa: BLE001  # it cannot be shown: a SyntaxError of odd arguments, notes that raise
        told = f"{type(error).__name__}: <cannot be shown>"
        where = "".join(traceback.format_tb(trace)) + told
    return Record("failed", error=_readable(told), traceback=_readable(where), **about)


def _readable(text: str) -> str:
    """Return what every file can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


@functools.lru_cache(maxsize=4)
def _unpickled(function: bytes) -> Callable[..., Any]:
    loaded: Callable[..., Any] = pickle.loads(function)
    return loaded


@contextlib.contextmanager
def _threads(threads: int | None) -> Iterator[None]:
    """Tell networks how many threads to use, as `Network` understands it."""
    before = os.environ.get("OMP_NUM_THREADS")
    if threads is None or before == str(threads):
        yield
        return
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("OMP_NUM_THREADS", None)
        else:
            os.environ["OMP_NUM_THREADS"] = before
