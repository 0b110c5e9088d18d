"""Executors: one interface to this process, loky, Dask and any object with `submit`."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from typing import Any

from spikelet._util.checks import fail, integer, shown
from spikelet._util.extras import extra
from spikelet._util.threads import default_threads
from spikelet.experiments.code import MAIN, main_name

__all__ = ["Pool", "check", "opened", "pickled"]

_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Pool:
    """An executor that the caller provides.

    Parameters
    ----------
    executor : object with `submit`
        The executor.
    workers : int
        Number of calls that it runs at a time.
    """

    pickles = True  # whether the function is sent to another process
    breaks = True  # whether the executor breaks when a worker dies
    patience = 2  # how many deaths of workers a run may witness before it has to run alone
    rest: float | None = None  # seconds after which the number of workers is checked again

    def __init__(self, executor: Any, workers: int) -> None:
        self.executor = executor
        self._workers = workers

    @property
    def workers(self) -> int:
        """Number of calls that it currently runs at a time."""
        return self._workers

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a call; the future reports a broken executor."""
        try:
            future: Future[Any] = self.executor.submit(call, *arguments)
        except BrokenExecutor as error:
            future = Future()
            future.set_exception(error)
        return future

    def lost(self, error: BaseException) -> bool:
        """Return whether a call failed because its worker died."""
        return isinstance(error, BrokenExecutor)

    def restart(self) -> bool:
        """Start new workers after all have died; return whether that is possible."""
        return False

    def close(self, *, kill: bool = False) -> None:
        """Release the workers, or kill them."""


class Serial(Pool):
    """Computation in the current process."""

    pickles = False

    def __init__(self) -> None:
        super().__init__(None, 1)

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run the call at once."""
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments))
        except Exception as error:  # noqa: BLE001  # raised by the future
            future.set_exception(error)
        return future


class Loky(Pool):
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
            self.executor.shutdown(wait=True, kill_workers=True)
        self.executor = self._loky.ProcessPoolExecutor(
            self._workers,
            initializer=_end_with_parent,
            initargs=(os.getpid(),),
            env=self._environment,
        )
        return True

    def close(self, *, kill: bool = False) -> None:
        """End the processes; all their results are known, so there is nothing to wait for."""
        self.executor.shutdown(wait=kill, kill_workers=kill)


class Dask(Pool):
    """The workers of a `distributed.Client`; Dask itself repeats calls that were lost with a worker.

    Workers of a queueing system may start at any time, so they are counted repeatedly unless a number is given.
    """

    breaks = False
    patience = 1  # Dask has repeated the call by then, but it also blames waiting calls for a death

    def __init__(self, client: Any, workers: int | None = None) -> None:
        super().__init__(client.get_executor(pure=False), workers or 0)
        self._client = client
        self.rest = None if workers else 1.0

    @property
    def workers(self) -> int:
        """The given number, or the current number of workers."""
        return self._workers or max(1, sum(self._client.nthreads().values()))

    def lost(self, error: BaseException) -> bool:
        """Return whether Dask gave up a call because its workers died."""
        return type(error).__name__ == "KilledWorker"

    def close(self, *, kill: bool = False) -> None:
        """Cancel calls that have not started."""
        self.executor.shutdown(wait=not kill)


def check(executor: Any, workers: int | None, threads: int | None) -> None:
    """Check the arguments of `opened`."""
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


@contextlib.contextmanager
def opened(executor: Any, workers: int | None, threads: int | None) -> Iterator[Pool]:
    """Yield the requested pool, and close it afterwards.

    Parameters
    ----------
    executor : "joblib", "dask", "serial", distributed.Client or object with `submit`
        As for `sweep`.
    workers : int, optional
        By default all cores, or those of the executor.
    threads : int, optional
        Number of threads of each worker.
    """
    cores = default_threads()
    with contextlib.ExitStack() as stack:
        if executor == "serial":
            pool: Pool = Serial()
        elif executor == "joblib":
            pool = Loky(workers or cores, threads or 1)
        elif executor == "dask":
            number = workers or cores
            pool = Dask(stack.enter_context(_local_cluster(number, threads or 1)), number)
        elif hasattr(executor, "get_executor"):
            pool = Dask(executor, workers)
        else:
            known = getattr(executor, "_max_workers", None) or getattr(executor, "num_workers", 0)
            pool = Pool(executor, workers or (known if isinstance(known, int) else 0) or cores)
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


def pickled(function: Callable[..., Any]) -> bytes:
    """Pickle a function; functions from scripts, notebooks or loose files are pickled by value.

    Raises
    ------
    TypeError
        If the function, or a value that it uses, cannot be pickled.
    """
    try:
        return _by_value_or_name(function)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        way_out = 'create inside the function what cannot be sent to other processes, or pass executor="serial"'
        msg = f"sweep: fn must be picklable with what it uses, got {shown(function)} ({error}); {way_out}"
        raise TypeError(msg) from error


def _by_value_or_name(function: Callable[..., Any]) -> bytes:
    for name in ("cloudpickle", "joblib.externals.cloudpickle"):
        try:
            cloudpickle = importlib.import_module(name)
        except ImportError:
            continue
        module = sys.modules.get(function.__module__) if hasattr(function, "__module__") else None
        if module is None or _importable(module.__name__):
            return bytes(cloudpickle.dumps(function))
        cloudpickle.register_pickle_by_value(module)
        try:
            return bytes(cloudpickle.dumps(function))
        finally:
            cloudpickle.unregister_pickle_by_value(module)
    return pickle.dumps(function)


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
