"""Runs are distributed to workers, and repeated where a worker dies."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

import spikelet as sl
from spikelet.experiments.store import Store

pytest.importorskip("pandas")  # tables are compared as its frames


def threads(x, seed):
    return sl.Network().threads


def die(x, seed):
    if x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return 2 * x


class Growing:
    """A client of Dask whose workers come when their turn has come."""

    def __init__(self, executor):
        self.executor = executor
        self.submit = executor.submit
        self.asked = 0

    def get_executor(self, pure):
        return self.executor

    def nthreads(self):
        self.asked += 1
        return {"one": 3} if self.asked > 1 else {}


together = threading.Barrier(6)


def meet(x, seed):
    together.wait(timeout=30)
    return x


@pytest.mark.parametrize("workers", [None, 3])
def test_dask_workers_that_start_later(workers):
    # Two batches a worker: three workers have all six at a time, a single one would have two.
    client = Growing(ThreadPoolExecutor(6))
    result = sl.sweep(meet, {"x": range(6)}, executor=client, workers=workers)
    assert result.complete, result.failed
    assert (client.asked == 0) == (workers is not None)


def test_a_run_that_keeps_killing_its_worker_fails(tmp_path):
    pytest.importorskip("joblib")
    result = sl.sweep(die, {"x": range(20)}, workers=2, store=tmp_path / "s")
    assert list(result.failed["x"]) == [3]
    assert result[3].error == "worker died (TerminatedWorkerError)"
    assert "SIGKILL" in result[3].traceback
    assert [run["result"] for run in result if run.status == "done"] == [
        2 * x for x in range(20) if x != 3
    ]


def die_below(x, limit, seed):
    if x < limit:
        os._exit(1)
    return x


def test_runs_that_kill_their_workers_at_the_start_do_not_stop_others():
    pytest.importorskip("joblib")
    result = sl.sweep(die_below, {"x": range(6)}, fixed={"limit": 4}, workers=2)
    assert [run.status for run in result] == ["failed"] * 4 + ["done"] * 2


class Deadly:
    """Kills whoever gets it."""

    def __call__(self, x, seed):
        return x

    def __reduce__(self):
        return os._exit, (1,)


def test_workers_that_die_without_a_run_are_reported():
    pytest.importorskip("joblib")
    with pytest.raises(RuntimeError, match="workers die before they start any run"):
        sl.sweep(Deadly(), {"x": range(8)}, workers=1)


def test_a_given_executor_that_breaks(tmp_path):
    with (
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor,
        pytest.warns(RuntimeWarning, match="runs are missing") as told,
    ):
        result = sl.sweep(die, {"x": range(30)}, executor=executor, store=tmp_path / "s")
    assert told[0].filename == __file__
    missing = [run for run in result if run.status == "missing"]
    assert result[3].status == "missing"
    assert all(run.error.startswith("BrokenProcessPool") for run in missing)
    assert all(run["result"] == 2 * run.parameters["x"] for run in result if run.status == "done")
    assert Store(tmp_path / "s").statuses().keys() == {run.run.key for run in result} - {
        run.run.key for run in missing
    }


class Broken:
    """An executor all of whose workers are dead."""

    def submit(self, call, *arguments):
        raise BrokenExecutor("dead")


class Cancelling:
    """An executor that cancels."""

    def submit(self, call, *arguments):
        future: Future[None] = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future


def test_other_executors_that_fail():
    with pytest.warns(RuntimeWarning, match=r"runs are missing \(BrokenExecutor: dead\)"):
        result = sl.sweep(threads, {"x": [1, 2]}, executor=Broken())
    assert [run.status for run in result] == ["missing"] * 2
    with pytest.raises(RuntimeError, match="executor cancelled runs"):
        sl.sweep(threads, {"x": [1, 2]}, executor=Cancelling())
