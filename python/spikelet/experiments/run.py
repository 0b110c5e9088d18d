"""The worker's side of a sweep: call the function, and keep its results."""

from __future__ import annotations

import contextlib
import dataclasses
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
from spikelet.experiments.return_values import NotStorableError, scalars_and_arrays
from spikelet.experiments.store import Place
from spikelet.ranks import alone

__all__ = ["perform", "run_batch"]

Outcome = tuple[str, float, Record | None]
"""Status, seconds, and the record unless it is in the store."""


def perform(
    function: Callable[..., Any], run: Run, threads: int | None, *, copy: bool
) -> tuple[Record, Pieces]:
    """Call the function for a run.

    Parameters
    ----------
    function : callable
        Function of the parameters and a seed.
    run : Run
        The run.
    threads : int, optional
        Number of threads of networks that do not set it themselves; by default their own choice.
    copy : bool
        Copy arrays, since the next run may write to the same ones.

    Returns
    -------
    Record, Pieces
        A record with the status "done" or "failed", and the pieces to write. KeyboardInterrupt propagates.
    """
    start = time.perf_counter()
    about: dict[str, Any] = {}
    try:
        with _threads(threads), alone():  # the ranks of an executor compute different runs
            value = _call(function, run)
        about = _about(start)
        record = Record("done", **about)
        try:
            scalars, arrays = scalars_and_arrays(value)
        except NotStorableError as error:  # the run is not lost: what can be stored is kept
            record = _failed(TypeError(*error.args), about)
            scalars, arrays = error.scalars, error.arrays
        if copy:
            arrays = {name: array.copy(order="K") for name, array in arrays.items()}
        record = dataclasses.replace(record, scalars=scalars, arrays=arrays)
        return record, pack(run, record)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # other runs go on, even if this one cannot be written
        record = _failed(error, about or _about(start))
        return record, pack(run, record)


def run_batch(
    function: bytes | Callable[..., Any],
    runs: Sequence[Run],
    threads: int | None,
    place: Place | None,
    batch: int,
) -> list[Outcome]:
    """Compute several runs one after another; all runs that are returned are on disk.

    Parameters
    ----------
    function : callable or bytes
        The function; bytes are a pickled function.
    runs : sequence of Run
        The runs.
    threads : int, optional
        As for `perform`.
    place : Place, optional
        The store; if it is not visible on this machine, records are returned.
    batch : int
        Number of this batch in the sweep. An executor may give it to another worker after one has died.

    Returns
    -------
    list of Outcome
        Outcomes in the order of the runs.
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
    """Call the function; a child process that it forked ends here, or it would compute the other runs too."""
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
        text = "".join(traceback.format_exception_only(error)).strip()
        where = traceback.format_exc()
    except Exception:  # noqa: BLE001  # it cannot be formatted: a SyntaxError with odd arguments, notes that raise
        text = f"{type(error).__name__}: <cannot be shown>"
        where = "".join(traceback.format_tb(trace)) + text
    return Record("failed", error=_readable(text), traceback=_readable(where), **about)


def _readable(text: str) -> str:
    """Return text that every file format can store."""
    return text.encode("utf-8", "backslashreplace").decode()


@functools.lru_cache(maxsize=4)
def _unpickled(function: bytes) -> Callable[..., Any]:
    loaded: Callable[..., Any] = pickle.loads(function)
    return loaded


@contextlib.contextmanager
def _threads(threads: int | None) -> Iterator[None]:
    """Set the default number of threads of networks, through OMP_NUM_THREADS."""
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
