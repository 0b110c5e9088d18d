"""The worker's side of a sweep: call the function, and record what it returns."""

from __future__ import annotations

import contextlib
import functools
import json
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
from spikelet.experiments.record import Arrays, NotStorableError, Record, scalars_and_arrays
from spikelet.ranks import alone

BATCH_SECONDS = 0.25
"""Duration of a batch of runs, after which a worker reports [s]; the end of a sweep costs this work of each worker."""


def perform(function: Callable[..., Any], run: Run, threads: int | None) -> Record:
    """Call the function for a run.

    Parameters
    ----------
    function : callable
        Function of the parameters and a seed.
    run : Run
        The run.
    threads : int, optional
        Number of threads of networks that do not set it themselves; by default their own choice.

    Returns
    -------
    Record
        Its status is "done" or "failed". KeyboardInterrupt propagates.
    """
    start = time.perf_counter()
    seconds: float | None = None
    scalars: dict[str, Any] = {}
    arrays: Arrays = {}
    failure: dict[str, Any] = {}
    try:
        with _threads(threads), alone():  # the ranks of an executor compute different runs
            value = _call(function, run)
        seconds = time.perf_counter() - start
        try:
            scalars, arrays = scalars_and_arrays(value)
        except NotStorableError as error:  # the run is not lost: what can be stored is kept
            scalars, arrays = error.scalars, error.arrays
            failure = _described(TypeError(*error.args))
        json.dumps(scalars)  # as they are stored: an integer may have too many digits
        # Copied, since the next run may write to the same arrays.
        arrays = {name: array.copy(order="K") for name, array in arrays.items()}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # other runs go on
        scalars, arrays, failure = {}, {}, _described(error)
    return Record(
        "failed" if failure else "done",
        scalars,
        arrays,
        **failure,
        seconds=time.perf_counter() - start if seconds is None else seconds,
        host=platform.node(),
        version=__version__,
        simd=simd_level(),
    )


def run_batch(function: bytes, runs: Sequence[Run], threads: int) -> list[Record]:
    """Compute several runs, one after another.

    Parameters
    ----------
    function : bytes
        The pickled function.
    runs : sequence of Run
        The runs.
    threads : int
        As for `perform`.

    Returns
    -------
    list of Record
        Records in the order of the runs. When `BATCH_SECONDS` are over, the remaining runs are left to another batch, so
        that finished ones are stored soon.
    """
    call, start, records = _unpickled(function), time.monotonic(), []
    for run in runs:
        records.append(perform(call, run, threads))
        if time.monotonic() - start > BATCH_SECONDS:
            break
    return records


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


def _described(error: BaseException) -> dict[str, Any]:
    """Return the error and its traceback as text that every file format can store."""
    trace = sys.exc_info()[2]
    try:
        text = "".join(traceback.format_exception_only(error)).strip()
        where = traceback.format_exc()
    except Exception:  # noqa: BLE001  # it cannot be formatted: a SyntaxError with odd arguments, notes that raise
        text = f"{type(error).__name__}: <cannot be shown>"
        where = "".join(traceback.format_tb(trace)) + text
    texts = {"error": text, "traceback": where}
    return {name: each.encode("utf-8", "backslashreplace").decode() for name, each in texts.items()}


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
