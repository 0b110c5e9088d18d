"""The same sweep wherever it runs; runs are repeated where a worker dies."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context

import numpy as np
import pytest
from tests.support.swept import Deadly, die, die_below, die_once, simulate, slow_then_die, threads

import spikelet as sl
from spikelet.experiments.store import Store

pytest.importorskip("pandas")  # tables are compared as its frames

GRID = {"weight": [20.0, 60.0], "n": [5, 10]}


def reproducible(result):
    table = result.table
    return table.drop(columns="pid") if hasattr(table, "drop") else table


@pytest.fixture(scope="module")
def serial():
    return sl.sweep(simulate, GRID, seeds=2, seed=3, executor="serial")


@pytest.fixture(scope="module")
def client():
    """Two workers of Dask; they start once for all tests."""
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            silence_logs=50,
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def check(serial, tmp_path, executor, **options):
    """Compare with the serial run, without and with a store."""
    for store in (None, tmp_path / "store"):
        result = sl.sweep(
            simulate, GRID, seeds=2, seed=3, executor=executor, store=store, **options
        )
        assert reproducible(result).equals(reproducible(serial))
        for one, other in zip(result, serial, strict=True):
            assert one.arrays.keys() == other.arrays.keys()
            for name, array in one.arrays.items():
                np.testing.assert_array_equal(array, other[name])
                assert array.dtype == other[name].dtype
            assert one.status == "failed" or one["pid"] != str(os.getpid())
    assert len(Store(tmp_path / "store").load()[2]) == len(serial)


def test_joblib_is_as_serial(serial, tmp_path):
    pytest.importorskip("joblib")
    check(serial, tmp_path, "joblib", workers=2)


def test_process_pool_is_as_serial(serial, tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        check(serial, tmp_path, executor)


def test_dask_is_as_serial(serial, tmp_path, client):
    check(serial, tmp_path, client)


def test_dask_by_name_next_to_another_cluster(serial, tmp_path):
    pytest.importorskip("distributed")
    with socket.socket() as used:
        with contextlib.suppress(OSError):  # it is in use by someone else
            used.bind(("", 8787))
            used.listen()
        result = sl.sweep(
            simulate, GRID, seeds=2, seed=3, executor="dask", workers=2, store=tmp_path / "s"
        )
    assert reproducible(result).equals(reproducible(serial))


def test_threads_of_a_pool_are_as_serial(serial):
    with ThreadPoolExecutor(2) as executor:
        result = sl.sweep(simulate, GRID, seeds=2, seed=3, executor=executor)
    assert reproducible(result).equals(reproducible(serial))


def test_a_worker_has_one_thread(client):
    grid = {"x": [1, 2]}
    assert set(sl.sweep(threads, grid, executor=client).table["result"]) == {1}
    result = sl.sweep(threads, grid, executor=client, threads=2)
    assert set(result.table["result"]) <= {1, 2}  # as many as there are cores


def test_a_run_survives_the_death_of_a_dask_worker(tmp_path, client):
    grid, fixed = {"x": range(8)}, {"flag": str(tmp_path / "flag")}
    result = sl.sweep(die_once, grid, fixed=fixed, executor=client, store=tmp_path / "s")
    assert list(result.table["result"]) == [2 * x for x in range(8)]


def test_a_run_survives_the_death_of_a_joblib_worker(tmp_path):
    pytest.importorskip("joblib")
    grid, fixed = {"x": range(8)}, {"flag": str(tmp_path / "flag")}
    result = sl.sweep(die_once, grid, fixed=fixed, workers=2)
    assert list(result.table["result"]) == [2 * x for x in range(8)]


def test_a_worker_that_dies_costs_no_more_than_a_batch(tmp_path):
    pytest.importorskip("joblib")
    grid, fixed = {"x": range(10)}, {"folder": str(tmp_path)}
    result = sl.sweep(slow_then_die, grid, fixed=fixed, workers=1, store=tmp_path / "s")
    assert result.complete
    assert [run["result"] for run in result] == list(range(10))
    assert len(Store(tmp_path / "s").load()[2]) == 10
    assert len((tmp_path / "log").read_text().split()) <= 12


SCRIPT = """
import sys
import spikelet as sl

def local(x, seed):
    return sl.Network(seed=seed).seed * x

if __name__ == "__main__":
    result = sl.sweep(local, {"x": [1, 2]}, workers=2, store=sys.argv[1])
    assert result.complete, result.failed
    store = sys.argv[1] + "-inner"

    def outer(x, seed):
        import warnings
        warnings.simplefilter("error")
        return sl.sweep(local, {"x": [x]}, executor="serial", store=store).complete

    sl.sweep(local, {"x": [0]}, workers=1, store=store)
    assert sl.sweep(outer, {"x": [1]}, workers=1)[0]["result"]
    print([run["result"] == run.seed * run.parameters["x"] for run in result])
"""


def test_functions_of_scripts(tmp_path):
    pytest.importorskip("joblib")
    script = tmp_path / "study.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "s")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[True, True]"
    for store in ("s", "s-inner"):
        with closing(sqlite3.connect(tmp_path / store / "sweep.sqlite")) as db:
            ((about,),) = db.execute("SELECT text FROM about")
        assert json.loads(about)["function"] == "study:local"


WAITING = """
import sys, time
import spikelet as sl

def fn(x, seed):
    if x:
        print("started", flush=True)
        for _ in range(6000):
            time.sleep(0.01)  # a signal that comes just before a sleep does not shorten it
    return x

sl.sweep(fn, {"x": range(20)}, executor=sys.argv[1], workers=2, store=sys.argv[2])
"""


@pytest.mark.parametrize("executor", ["joblib", "serial"])
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_an_interrupt_stops_at_once_and_keeps_finished_runs(tmp_path, executor):
    if executor == "joblib":
        pytest.importorskip("joblib")
    script = tmp_path / "study.py"
    script.write_text(WAITING)
    child = subprocess.Popen(
        [sys.executable, str(script), executor, str(tmp_path / "s")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert child.stdout.readline() == "started\n"
        deadline = time.monotonic() + 30
        store = Store(tmp_path / "s")
        while time.monotonic() < deadline and not (store.exists() and store.load()[2]):
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGINT)  # as Ctrl-C does
        _, error = child.communicate(timeout=30)
    finally:
        child.kill()
    assert "KeyboardInterrupt" in error
    result = sl.load_sweep(tmp_path / "s")
    assert [run.status for run in result] == ["done"] + ["missing"] * 19


def test_what_cannot_be_sent_to_workers_is_named():
    pytest.importorskip("joblib")
    lock = threading.Lock()
    with pytest.raises(
        TypeError,
        match=r"fn must be picklable .*lock.*; create inside the function .*executor=\"serial\"",
    ):
        sl.sweep(lambda x, seed: bool(lock) and x, {"x": [1]}, workers=1)


class Growing:
    """A client of Dask whose workers come when their turn has come."""

    def __init__(self, executor):
        self.executor = executor
        self.asked = 0

    def get_executor(self):
        """Return what tells a client of Dask from other objects with `submit`."""

    def submit(self, *call, pure):
        return self.executor.submit(*call)

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


def test_runs_that_kill_their_workers_at_the_start_do_not_stop_others():
    pytest.importorskip("joblib")
    result = sl.sweep(die_below, {"x": range(6)}, fixed={"limit": 4}, workers=2)
    assert [run.status for run in result] == ["failed"] * 4 + ["done"] * 2


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
    assert Store(tmp_path / "s").load()[2].keys() == {run.run.key for run in result} - {
        run.run.key for run in missing
    }


class Broken:
    """An executor all of whose workers are dead."""

    def submit(self, call, *arguments):
        raise BrokenExecutor("dead")


class Canceling:
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
        sl.sweep(threads, {"x": [1, 2]}, executor=Canceling())
