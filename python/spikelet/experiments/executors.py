"""Executors: loky, Dask and any object with `submit`; runs are distributed to them, and repeated where a worker dies."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import pickle
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from typing import Any

from spikelet._util.checks import fail, integer, shown
from spikelet._util.extras import extra
from spikelet._util.threads import default_threads
from spikelet.experiments.code import MAIN, main_name
from spikelet.experiments.grid import Run
from spikelet.experiments.record import Record
from spikelet.experiments.run import BATCH_SECONDS, run_batch

_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")

_DOUBTFUL = 2
"""Number of times all workers may die before any run is done; then an empty batch tests whether they can live."""

Take = Callable[[list[tuple[Run, Record]]], None]


class _Pool:
    """An executor that the caller provides.

    Parameters
    ----------
    executor : object with `submit`
        The executor.
    workers : int
        Number of calls that it runs at a time.
    """

    breaks = True  # whether the executor breaks when a worker dies
    patience = 2  # how many deaths of workers a run may witness before it has to run alone
    rest: float | None = None  # seconds after which the number of workers is checked again

    def __init__(self, executor: Any, workers: int) -> None:
        self.executor = executor
        self.given = workers

    @property
    def workers(self) -> int:
        """Number of calls that it currently runs at a time."""
        return self.given

    def submit(self, *call: Any) -> Future[Any]:
        """Start a call; the future reports a broken executor."""
        try:
            future: Future[Any] = self.executor.submit(*call)
        except BrokenExecutor as error:
            future = Future()
            future.set_exception(error)
        return future

    def lost(self, error: BaseException | None) -> bool:
        """Return whether a call failed because its worker died."""
        return isinstance(error, BrokenExecutor)

    def restart(self) -> bool:
        """Start new workers after all have died; return whether that is possible."""
        return False

    def close(self, *, kill: bool = False) -> None:
        """Release the workers, or kill them."""


class _Loky(_Pool):
    """Processes on this machine: loky, or joblib's copy of it, which starts more slowly."""

    def __init__(self, workers: int, threads: int) -> None:
        alone = importlib.util.find_spec("loky") is not None
        name = "loky" if alone else "joblib.externals.loky"
        self._loky = extra(name, 'sweep: executor="joblib"')
        self._environment = dict.fromkeys(_LIMITS, str(threads)) | {MAIN: main_name()}
        super().__init__(None, workers)
        self.restart()

    def restart(self) -> bool:
        """Start new processes."""
        if self.executor is not None:
            self.close(kill=True)
        self.executor = self._loky.ProcessPoolExecutor(
            self.given,
            initializer=_end_with_parent,
            initargs=(os.getpid(),),
            env=self._environment,
        )
        return True

    def close(self, *, kill: bool = False) -> None:
        """End the processes; all their results are known, so there is nothing to wait for."""
        self.executor.shutdown(wait=kill, kill_workers=kill)


class _Dask(_Pool):
    """The workers of a `distributed.Client`; Dask itself repeats calls that were lost with a worker.

    Workers of a queueing system may start at any time, so they are counted repeatedly unless a number is given.
    """

    breaks = False
    patience = 1  # Dask has repeated the call by then, but it also blames waiting calls for a death

    def __init__(self, client: Any, workers: int | None = None) -> None:
        super().__init__(client, workers or 0)
        self._tasks: set[Any] = set()  # Dask forgets a call whose future is gone
        self.rest = None if workers else 1.0

    @property
    def workers(self) -> int:
        """The given number, or the current number of workers."""
        return self.given or max(1, sum(self.executor.nthreads().values()))

    def submit(self, *call: Any) -> Future[Any]:
        """Start a call.

        `Client.get_executor` would do the same, but its futures fail where a worker dies while its result is fetched.
        """
        future: Future[Any] = Future()
        task = self.executor.submit(*call, pure=False)
        self._tasks.add(task)

        def finish(task: Any) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                future.cancel()
            if not future.set_running_or_notify_cancel():
                return
            try:
                # A result that was lost with its worker is computed again.
                future.set_result(task.result())
            except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                future.set_exception(error)

        task.add_done_callback(finish)
        return future

    def lost(self, error: BaseException | None) -> bool:
        """Return whether Dask gave up a call because its workers died."""
        return type(error).__name__ == "KilledWorker"

    def close(self, *, kill: bool = False) -> None:
        """Cancel calls that have not finished; without `kill` there are none."""
        if kill and self._tasks:
            self.executor.cancel(list(self._tasks))


def check(executor: Any, workers: int | None, threads: int | None) -> None:
    """Check the arguments of a sweep about where it runs."""
    for name, value in (("workers", workers), ("threads", threads)):
        if value is not None:
            integer("sweep", name, value, 1, 2**15)
    rule = 'must be "joblib", "dask", "serial", a distributed.Client or an object with submit()'
    if isinstance(executor, str):
        if executor not in ("joblib", "dask", "serial"):
            fail("sweep", "executor", executor, rule)
    elif not callable(getattr(executor, "submit", None)):
        msg = f"sweep: executor {rule}, got {shown(executor)}"
        raise TypeError(msg)


def compute(
    function: Callable[..., Any],
    runs: Iterable[Run],
    executor: Any,
    workers: int | None,
    threads: int,
    take: Take,
) -> str | None:
    """Compute runs on an executor.

    Parameters
    ----------
    function : callable
        Function of the parameters and a seed.
    runs : iterable of Run
        The runs.
    executor : "joblib", "dask", distributed.Client or object with `submit`
        As for `sweep`.
    workers : int, optional
        By default all cores, or those of the executor.
    threads : int
        Number of threads of each worker.
    take : callable
        Receives runs with their records as they finish.

    Returns
    -------
    str or None
        Why the remaining runs were not computed, or None if all were.

    Raises
    ------
    TypeError
        If the function cannot be pickled.
    RuntimeError
        If workers die without computing any run.
    """
    with _opened(executor, workers, threads) as pool:
        pickled = _pickled(function)
        return _schedule(
            pool, runs, lambda batch: pool.submit(run_batch, pickled, batch, threads), take
        )


@contextlib.contextmanager
def _opened(executor: Any, workers: int | None, threads: int) -> Iterator[_Pool]:
    """Yield the requested pool, and close it afterwards."""
    cores = default_threads()
    with contextlib.ExitStack() as stack:
        if executor == "joblib":
            pool: _Pool = _Loky(workers or cores, threads)
        elif executor == "dask":
            number = workers or cores
            pool = _Dask(stack.enter_context(_local_cluster(number, threads)), number)
        elif hasattr(executor, "get_executor"):
            pool = _Dask(executor, workers)
        else:
            known = getattr(executor, "_max_workers", None) or getattr(executor, "num_workers", 0)
            pool = _Pool(executor, workers or (known if isinstance(known, int) else 0) or cores)
        try:
            yield pool
        except BaseException:
            pool.close(kill=True)
            raise
        pool.close()


@contextlib.contextmanager
def _local_cluster(workers: int, threads: int) -> Iterator[Any]:
    what = 'sweep: executor="dask"'
    dask, distributed = (extra(name, what, "dask") for name in ("dask", "distributed"))
    with (
        # A local worker dies because of its run, not because of the network: one more attempt is enough.
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            # Without a dashboard there is still a server, which would warn if its usual port is in use.
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            env=dict.fromkeys(_LIMITS, str(threads)),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def _schedule(
    pool: _Pool,
    runs: Iterable[Run],
    submit: Callable[[list[Run]], Future[list[Record]]],
    take: Take,
) -> str | None:
    """Compute all runs; return why not if the executor broke.

    A run that was in progress when a worker died is repeated in a batch of its own, and then with no other run in
    progress, so that the cause is certain; if the worker dies again, the run has failed.
    """
    fresh, suspects = deque(runs), deque[Run]()
    flying: dict[Future[list[Record]], list[Run]] = {}
    deaths: Counter[str] = Counter()
    seconds, n_done, n_broken = 0.0, 0, 0
    failure: BaseException | None = None

    def fill() -> None:
        # Two batches per worker, so that none waits for the next one; batches get smaller towards the end.
        workers = pool.workers
        while suspects and len(flying) < 2 * workers:
            alone = deaths[suspects[0].key] >= pool.patience
            if alone and flying:
                return
            batch = [suspects.popleft()]
            flying[submit(batch)] = batch
            if alone:
                return
        while fresh and len(flying) < 2 * workers:
            size = int(BATCH_SECONDS * n_done / seconds) if seconds > 0 else 1
            size = max(1, min(size, len(fresh) // (2 * workers)))
            batch = [fresh.popleft() for _ in range(size)]
            flying[submit(batch)] = batch

    try:
        while fresh or suspects or flying:
            fill()
            finished, _ = wait(flying, pool.rest, return_when=FIRST_COMPLETED)
            only = len(flying) == 1
            lost = [error for future in finished if pool.lost(error := _error(future))]
            broken = bool(lost) and pool.breaks
            if broken:  # all futures end now, some of them successfully
                finished = wait(flying).done
                n_broken += 1
            going = not broken or pool.restart()
            pairs: list[tuple[Run, Record]] = []
            for future in finished:
                batch, error = flying.pop(future), _error(future)
                if error is None:
                    records = future.result()
                    fresh.extendleft(reversed(batch[len(records) :]))
                    seconds += sum(record.seconds for record in records)
                    n_done += len(records)
                    pairs += zip(batch, records, strict=False)
                elif not pool.lost(error):
                    failure = error
                elif only and len(batch) == 1 and deaths[batch[0].key] >= pool.patience:
                    name = type(error).__name__
                    text = f"worker died ({name})"
                    record = Record("failed", error=text, traceback=f"{name}: {error}")
                    pairs.append((batch[0], record))
                else:
                    deaths.update(run.key for run in batch)
                    suspects += batch
            if pairs:
                take(pairs)
            if failure is not None:
                raise failure
            if not going:
                return f"{type(lost[0]).__name__}: {lost[0]}"
            if (
                broken
                and n_broken % _DOUBTFUL == 0
                and not n_done
                and (error := _error(submit([])))
            ):
                msg = f"sweep: workers die before they start any run ({error})"
                raise RuntimeError(msg) from error
    except BaseException:
        for future in flying:
            future.cancel()
        raise
    return None


def _error(future: Future[Any]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:  # cancelled by someone else
        return RuntimeError(f"the executor cancelled runs ({error!r})")


def _pickled(function: Callable[..., Any]) -> bytes:
    """Pickle a function; functions from scripts, notebooks or loose files are pickled by value."""
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    cloudpickle: Any = pickle
    for name in ("joblib.externals.cloudpickle", "cloudpickle"):
        with contextlib.suppress(ImportError):
            cloudpickle = importlib.import_module(name)
    local = module is not None and cloudpickle is not pickle and not _importable(module.__name__)
    try:
        if local:
            cloudpickle.register_pickle_by_value(module)
        return bytes(cloudpickle.dumps(function))
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        way_out = 'create inside the function what cannot be sent to other processes, or pass executor="serial"'
        msg = f"sweep: fn must be picklable with what it uses, got {shown(function)} ({error}); {way_out}"
        raise TypeError(msg) from error
    finally:
        if local:
            cloudpickle.unregister_pickle_by_value(module)


def _importable(module: str) -> bool:
    """Return whether another process finds the same module under this name."""
    top = module.partition(".")[0]
    if top == "__main__":  # pickled by value anyway
        return True
    specs = (finder.find_spec(top, None) for finder in sys.meta_path)
    spec = next((spec for spec in specs if spec is not None), None)
    file = getattr(sys.modules.get(top), "__file__", None)
    return spec is not None and (file is None or spec.origin == file)


def _end_with_parent(parent: int) -> None:
    """End this worker soon after its parent ends, for whatever reason."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
