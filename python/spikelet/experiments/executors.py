"""Where runs are computed: one face for this process, loky, Dask and whatever has `submit`."""

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

from spikelet._util.checks import fail, integer
from spikelet._util.extras import extra
from spikelet._util.threads import default_threads
from spikelet.experiments.code import MAIN, main_name

__all__ = ["Pool", "check", "opened", "pickled"]

_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Pool:
    """An executor that belongs to someone else.

    Parameters
    ----------
    executor : object with `submit`
        Which.
    workers : int
        How many calls it runs at a time.
    """

    pickles = True  # the function goes to another process
    breaks = True  # as a whole when a worker dies
    patience = 2  # how often a run may be there when one dies before it has to run alone
    rest: float | None = None  # seconds after which there may be more workers

    def __init__(self, executor: Any, workers: int) -> None:
        self.executor = executor
        self._workers = workers

    @property
    def workers(self) -> int:
        """How many calls it runs at a time, now."""
        return self._workers

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a call; a broken executor is told of by the future."""
        try:
            future: Future[Any] = self.executor.submit(call, *arguments)
        except BrokenExecutor as error:
            future = Future()
            future.set_exception(error)
        return future

    def lost(self, error: BaseException) -> bool:
        """Tell whether a call failed because its worker died."""
        return isinstance(error, BrokenExecutor)

    def restart(self) -> bool:
        """Get new workers where all are gone; return whether that can be done."""
        return False

    def close(self, *, kill: bool = False) -> None:
        """Let go of workers, or kill them."""


class Serial(Pool):
    """The process of the caller."""

    pickles = False

    def __init__(self) -> None:
        super().__init__(None, 1)

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run the call now."""
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments))
        except Exception as error:  # noqa: BLE001  # raised where the result is asked for
            future.set_exception(error)
        return future


class Loky(Pool):
    """Processes on this machine: joblib's, taken from loky itself where it is installed, which starts faster."""

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
        """End the processes; all that they did is known, so there is nothing to wait for."""
        self.executor.shutdown(wait=kill, kill_workers=kill)


class Dask(Pool):
    """The workers of a `distributed.Client`; Dask itself repeats what was lost with a worker.

    Those of a queue come when their turn has come, so they are counted again and again, unless a number is given.
    """

    breaks = False
    patience = 1  # Dask has repeated it by then, but it blames waiting calls for a death too

    def __init__(self, client: Any, workers: int | None = None) -> None:
        super().__init__(client.get_executor(pure=False), workers or 0)
        self._client = client
        self.rest = None if workers else 1.0

    @property
    def workers(self) -> int:
        """The number that is given, or that of the workers that are there."""
        return self._workers or max(1, sum(self._client.nthreads().values()))

    def lost(self, error: BaseException) -> bool:
        """Tell whether Dask has given a call up because its workers died."""
        return type(error).__name__ == "KilledWorker"

    def close(self, *, kill: bool = False) -> None:
        """Give up what has not begun."""
        self.executor.shutdown(wait=not kill)


def check(executor: Any, workers: int | None, threads: int | None) -> None:
    """Refuse what `opened` has no pool for."""
    for name, value in (("workers", workers), ("threads", threads)):
        if value is not None:
            integer("sweep", name, value, 1, 2**15)
    rule = 'must be "joblib", "dask", "serial", a distributed.Client or an object with submit()'
    if isinstance(executor, str):
        if executor not in ("joblib", "dask", "serial"):
            fail("sweep", "executor", executor, rule)
    elif not callable(getattr(executor, "submit", None)):
        msg = f"sweep: executor {rule}, got {executor!r}"
        raise TypeError(msg)


@contextlib.contextmanager
def opened(executor: Any, workers: int | None, threads: int | None) -> Iterator[Pool]:
    """Make the pool that was asked for; end it if it was made here.

    Parameters
    ----------
    executor : "joblib", "dask", "serial", distributed.Client or object with `submit`
        As `sweep` takes it.
    workers : int, optional
        By default all cores, or those of the executor.
    threads : int, optional
        Of each worker.
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
        # Here a worker dies of its run, not of its network: once more is enough.
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            # No dashboard; but there is a server all the same, which would warn if its usual port is in use.
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            env=dict.fromkeys(_LIMITS, str(threads)),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def pickled(function: Callable[..., Any]) -> bytes:
    """Return a function as bytes; one of a script, a notebook or a file goes whole, not by name."""
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
    """Tell whether another process finds the same module under its name."""
    top = module.partition(".")[0]
    if top == "__main__":  # goes whole anyway
        return True
    specs = (finder.find_spec(top, None) for finder in sys.meta_path)
    spec = next((spec for spec in specs if spec is not None), None)
    file = getattr(sys.modules.get(top), "__file__", None)
    return spec is not None and (file is None or spec.origin == file)


def _end_with_parent(parent: int) -> None:
    """End this worker soon after its parent, however that ends: no one waits for it any more."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
