"""The same sweep wherever it runs, and when workers die."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import spikelet as sl
from spikelet.experiments.journal import entries
from spikelet.experiments.store import Store

pytest.importorskip("pandas")  # tables are compared as its frames

GRID = {"weight": [20.0, 60.0], "n": [5, 10]}


def threads(x, seed):
    return sl.Network().threads


def simulate(weight, n, seed):
    net = sl.Network(dt=0.1, seed=seed)
    neurons = net.population(n, sl.LIF(I_e=400.0))
    net.inject(neurons, sl.PoissonInput(rate=1000.0, weight=weight))
    spikes = net.record(neurons, "spikes")
    net.run(50.0)
    if weight == 60.0 and n == 10:
        raise ValueError("this one fails")
    noise = np.random.default_rng(seed).normal()
    return {
        "rate": spikes.rates().mean(),
        "noise": noise,
        "spikes": spikes,
        "pid": str(os.getpid()),
    }


def die_once(x, flag, seed):
    if x == 3 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * x


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
    assert len(Store(tmp_path / "store").statuses()) == len(serial)


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


def die_writing(folder, x, seed):
    if x == 3 and not list(Path(folder).glob("once")):
        Path(folder, "once").touch()
        with max(Path(folder, "s", "runs").glob("*.runs")).open(
            "ab"
        ) as file:  # as a worker leaves it that dies here
            file.write(b'{"crc32": "01')
        os._exit(1)
    return x


def test_a_worker_that_dies_while_writing_leaves_nothing(tmp_path):
    pytest.importorskip("joblib")
    grid, fixed = {"x": range(6)}, {"folder": str(tmp_path)}
    result = sl.sweep(die_writing, grid, fixed=fixed, workers=1, store=tmp_path / "s")
    assert result.complete
    assert [run["result"] for run in result] == list(range(6))
    files = [entries(path) for path in (tmp_path / "s" / "runs").glob("*.runs")]
    assert [ended for _, ended in files].count(False) == 1
    assert sorted(entry.run["key"] for there, _ in files for entry in there) == sorted(
        run.run.key for run in result
    )


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
        assert '"function": "study:local"' in (tmp_path / store / "sweep.json").read_text()


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
        while time.monotonic() < deadline and not (
            (tmp_path / "s" / "plan.json").exists() and Store(tmp_path / "s").statuses()
        ):
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
