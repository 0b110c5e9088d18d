"""Sweeps that are stored, stopped and resumed."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.experiments.conftest import change

import spikelet as sl
from spikelet.experiments import store as stores

pytest.importorskip("pandas")  # tables are compared as its frames

FOLDER = Path(__file__).parents[1] / "support"


def same(a, b):
    assert a.table.equals(b.table)
    for one, other in zip(a, b, strict=True):
        assert one.arrays.keys() == other.arrays.keys()
        for name in one.arrays:
            np.testing.assert_array_equal(one[name], other[name])


def test_what_is_no_folder_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(**more):
        return sl.sweep(lambda x, seed: x, {"x": [1]}, executor="serial", **more)

    for wrong in (5, b"runs", True):
        with pytest.raises(TypeError, match="sweep: store must be the path of a folder, got"):
            run(store=wrong)
        with pytest.raises(TypeError, match="load_sweep: store must be the path of a folder, got"):
            sl.load_sweep(wrong)
    with pytest.raises(ValueError, match=r"the current one is '\.', got ''"):
        run(store="")
    assert list(tmp_path.iterdir()) == []
    Path("all.h5").write_bytes(b"results")
    rule = r"^load_sweep: store must be the folder of a store, or a file that SweepResult\.save wrote \(.*\), got"
    with pytest.raises(ValueError, match=rule):
        sl.load_sweep("all.h5")


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    monkeypatch.chdir(tmp_path)

    def large(x, seed):
        return np.zeros(x)

    def run():
        return sl.sweep(large, {"x": [10, 1_000_000]}, store="runs", executor="serial")

    before, limits = signal.getsignal(signal.SIGXFSZ), resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"disk I/O error") as caught:
            run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert Path(caught.value.filename).parent == tmp_path / "runs"
    result = run()
    assert [len(one["result"]) for one in result] == [10, 1_000_000]


def test_nothing_is_done_twice(sweep, log):
    first = sweep([1, 2])
    again = sweep([1, 2])
    assert log == [1, 2]
    same(first, again)
    larger = sweep([3, 2, 1], seeds=2)
    assert log == [1, 2, 3, 3, 2, 1]  # and the second replicates of 2 and 1
    assert list(larger.table["x"]) == [3, 3, 2, 2, 1, 1]
    same(larger, sweep([3, 2, 1], seeds=2, store=None))


def test_an_interrupted_sweep_resumes(sweep, fn, log):
    fn.stop[3] = KeyboardInterrupt()
    told = []
    with pytest.raises(KeyboardInterrupt):
        sweep([1, 2, 3, 4], progress=lambda *numbers: told.append(numbers))
    assert log == [1, 2, 3]
    del fn.stop[3]
    result = sweep([1, 2, 3, 4], progress=lambda *numbers: told.append(numbers))
    assert log == [1, 2, 3, 3, 4]
    assert told[-4:] == [(1, 0, 3), (2, 0, 2), (3, 0, 1), (4, 0, 0)]
    same(result, sweep([1, 2, 3, 4], store=None))


def test_failed_runs_are_kept_until_a_retry_is_requested(sweep, fn, log):
    fn.stop[2] = RuntimeError("no")
    first = sweep([1, 2])
    assert log == [1, 2]
    del fn.stop[2]
    kept = sweep([1, 2])
    assert log == [1, 2]
    assert list(kept.table["status"]) == ["done", "failed"]
    same(first, kept)
    right = sweep([1, 2], retry_failed=True)
    assert log == [1, 2, 2]
    assert right.complete
    assert right.failed.empty


def test_load(sweep, tmp_path, log):
    result = sweep([1, 2], seeds=2, fixed=None)
    same(result, sl.load_sweep(tmp_path / "s"))
    sweep([5])
    everything = sl.load_sweep(tmp_path / "s")
    assert list(everything.table["x"]) == [5, 1, 1, 2, 2]
    assert len(log) == 5


def test_load_of_an_unfinished_sweep(sweep, fn, tmp_path):
    fn.stop[2] = KeyboardInterrupt()
    with contextlib.suppress(KeyboardInterrupt):
        sweep([1, 2, 3])
    result = sl.load_sweep(tmp_path / "s")
    assert list(result.table["status"]) == ["done", "missing", "missing"]
    assert list(result.table["seed"]) == [run.seed for run in result]


def test_load_refuses_what_is_no_store(sweep, tmp_path):
    with pytest.raises(ValueError, match="must be the store of a sweep"):
        sl.load_sweep(tmp_path)
    sweep([1])
    change(
        tmp_path / "s", "UPDATE about SET text = json_set(text, '$.format', 'spikelet sweep 99')"
    )
    with pytest.raises(
        ValueError, match="must have the format 'spikelet sweep 2', got format 'spikelet"
    ):
        sl.load_sweep(tmp_path / "s")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"runs": [{}]}', "\x80", "\x93NUMPY", "PK\x05\x06", "SQLite format 3\0"],
)
def test_damaged_files_are_reported(sweep, tmp_path, fn, text):
    fn.stop[2] = RuntimeError("stop")
    whole = sweep([1, 2], store=None)  # the second one fails
    sweep([1, 2])
    file = tmp_path / "s" / "sweep.sqlite"
    before = file.read_bytes()
    for damaged in (text.encode(), text.encode() + before[len(text) :], before[: len(before) // 2]):
        file.write_bytes(damaged)
        if damaged == before:
            continue
        calls = [lambda: sl.load_sweep(tmp_path / "s")]
        if len(damaged) > 1:  # SQLite takes a file of one byte for an empty one
            calls.append(lambda: sweep([1, 2]))
        for call in calls:
            with pytest.raises(
                ValueError, match=r"sweep\.sqlite' is damaged|store of a sweep"
            ) as told:
                call()
            assert type(told.value) is ValueError
            assert file.read_bytes() == damaged  # it may still be of use
    file.write_bytes(before)
    same(sl.load_sweep(tmp_path / "s"), whole)
    file.unlink()
    same(sweep([1, 2]), whole)


def test_damaged_arrays_are_reported(sweep, tmp_path):
    whole = sweep([1], store=None)
    sweep([1])
    change(tmp_path / "s", "UPDATE arrays SET npy = substr(npy, 1, length(npy) - 1)")
    found = sl.load_sweep(tmp_path / "s")
    assert found.table.equals(whole.table)
    with pytest.raises(ValueError, match=r"sweep\.sqlite' cannot be read: an array of shape"):
        found.arrays("noise")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW more AS SELECT 1", "DROP TABLE arrays", "CREATE TRIGGER t AFTER INSERT ON runs BEGIN SELECT 1; END",
        "ALTER TABLE runs ADD COLUMN more", "DELETE FROM about", "INSERT INTO about VALUES ('{}')", "UPDATE about SET text = '['",
        "UPDATE about SET text = json_remove(text, '$.seed')", "UPDATE about SET text = json_set(text, '$.fixed', 3)",
        "UPDATE about SET text = json_set(text, '$.seed', 'x')", "UPDATE runs SET record = '{}'", "UPDATE runs SET arrays = '3'",
        "UPDATE runs SET record = json_set(record, '$.status', 'missing')", "UPDATE runs SET record = json_set(record, '$.host', 3)",
        "UPDATE runs SET record = json_set(record, '$.scalars.y', json('[1]'))", "UPDATE runs SET record = x'ff'",
        "UPDATE runs SET record = json_set(record, '$.more', 1)", "UPDATE runs SET record = json_set(record, '$.seconds', '1')",
        "UPDATE plan SET run = json_set(run, '$.seed', 5)", "UPDATE plan SET run = json_set(run, '$.replicate', 1)",
        "UPDATE plan SET run = json_set(run, '$.parameters.x', 1)", "UPDATE plan SET key = 'k' || rowid",
        "UPDATE plan SET run = json_set(run, '$.key', '0')", "UPDATE plan SET run = 'x'", "UPDATE plan SET run = CAST(x'ff' AS TEXT)",
    ],
)  # fmt: skip
def test_a_changed_store_is_refused(sweep, tmp_path, statement):
    """A seed or a parameter that was changed on disk must not be reported as that of a run; a view might never end."""
    sweep([2.5])
    change(tmp_path / "s", statement)
    for read in (lambda: sl.load_sweep(tmp_path / "s"), lambda: sweep([2.5])):
        with pytest.raises(ValueError, match=r"store|sqlite"):
            read()


def test_other_sweeps_are_refused(sweep, tmp_path, log):
    def other(x, seed):
        return x

    sweep([1])
    with pytest.raises(ValueError, match=r"its function is '.*fn', not '.*other'"):
        sweep([1], other)
    with pytest.raises(ValueError, match="its seed is 0, not 1"):
        sweep([1], seed=1)
    with pytest.raises(ValueError, match="must not exist if resume is False"):
        sweep([1], resume=False)
    assert log == [1]
    sweep([1], store=tmp_path / "new", resume=False)
    assert log == [1, 1]


def test_a_folder_with_other_files_is_refused(sweep, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "thesis.tex").write_text("important")
    with pytest.raises(ValueError, match="must be new, empty or the store of a sweep"):
        sweep([1])
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["thesis.tex"]


def test_a_store_is_a_folder(sweep, tmp_path):
    (tmp_path / "s").write_text("")
    with pytest.raises(ValueError, match=r"store must be a folder, not a file, got '.*s'"):
        sweep([1])


def test_a_nameless_function_is_refused_with_a_store(sweep):
    class Callable:
        def __call__(self, x, seed):
            return x

    with pytest.raises(TypeError, match="fn must be a function if there is a store"):
        sweep([1], Callable())
    assert sweep([1], Callable(), store=None).complete


def test_a_run_is_stored_before_it_is_reported(sweep, tmp_path):
    told = []

    def look(done, failed, remaining):
        found = sl.load_sweep(tmp_path / "s")  # while the sweep runs
        told.append([run.status for run in found])

    sweep([1, 2, 3], progress=look)
    assert told == [["done"] * n + ["missing"] * (3 - n) for n in (1, 2, 3)]
    assert {path.name for path in (tmp_path / "s").iterdir()} == {"sweep.sqlite", "lock"}


def test_a_run_that_took_long_is_on_disk_at_once(sweep, monkeypatch, fn):
    """Short ones are together with the next of them."""
    modes = []
    commit = stores.Writer.add

    def add(self, pairs):
        pairs = [(run, replace(record, seconds=took[run.parameters["x"]])) for run, record in pairs]
        commit(self, pairs)
        modes.append(self._db.execute("PRAGMA synchronous").fetchone()[0])

    took = dict(enumerate([0.04, 0.04, 0.04, 5.0, 0.01, float("nan"), 0.0]))
    monkeypatch.setattr(stores.Writer, "add", add)
    sweep(list(took))
    full, normal = 2, 1  # as SQLite numbers them
    assert modes == [normal, normal, full, full, normal, full, normal]


@pytest.mark.parametrize("code", ["SQLITE_FULL", "SQLITE_IOERR_WRITE"])
def test_a_full_disk_stops_the_sweep(sweep, monkeypatch, tmp_path, code):
    """A limit on pages of the database is as good as a full disk."""

    def full(self, pairs):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = getattr(sqlite3, code)
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(stores.Writer, "add", full)
        with pytest.raises(OSError, match="disk is full") as caught:
            sweep([1, 2, 3, 4, 5])
        assert Path(caught.value.filename).parent == tmp_path / "s"
    assert sweep([1, 2, 3, 4, 5]).complete


def test_two_sweeps_at_once_are_refused(sweep, tmp_path):
    inside, leave = threading.Event(), threading.Event()

    def slow(x, seed):
        inside.set()
        assert leave.wait(30)
        return x

    thread = threading.Thread(target=sweep, args=([1], slow))
    thread.start()
    try:
        assert inside.wait(30)
        with pytest.raises(ValueError, match="must not be in use by another sweep"):
            sweep([1], slow)
        code = (
            "import sys, pathlib\n"
            "from spikelet.experiments.store import Store\n"
            "with Store(pathlib.Path(sys.argv[1])).locked(): pass"
        )
        command = [sys.executable, "-c", code, str(tmp_path / "s")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "must not be in use by another sweep" in done.stderr
    finally:
        leave.set()
        thread.join()
    assert subprocess.run(command, check=False).returncode == 0


def test_ctrl_c_at_any_moment_leaves_the_store_free(tmp_path):
    """At the start of a function or after a call, which is where Python looks for signals."""

    def hold(n):
        count = itertools.count(1)

        def look(frame, event, what):
            own = frame.f_code.co_name == "locked" and event in ("call", "c_return")
            if own and next(count) == n:
                raise KeyboardInterrupt

        before = sys.getprofile()
        sys.setprofile(look)
        try:
            with stores.Store(tmp_path).locked():
                pass
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(before)
        return False

    for n in itertools.count(1):
        if not hold(n):
            break
        with stores.Store(tmp_path).locked():
            pass
    assert n > 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_computes_no_runs(tmp_path):
    """It computes none, however it leaves the function. It runs in a process of its own, since it might hang."""
    code = """
import os, sys
import spikelet as sl
def fn(x, seed):
    if x == 2:
        return x
    child = os.fork()
    if child == 0:
        if x == 0:
            return x
        sys.exit(7) if x == 1 else 1 / 0
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
result = sl.sweep(fn, {"x": [0, 1, 2, 3]}, executor="serial", store=sys.argv[1])
print([run["result"] for run in result])
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "s")], stdout=subprocess.PIPE,
        text=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stdout == "[0, 7, 2, 1]\n"


def test_retried_runs_replace_failed_ones(sweep, fn, log):
    fn.stop |= {1: RuntimeError("first"), 2: RuntimeError("first"), 3: RuntimeError("first")}
    sweep([1, 2, 3])
    del fn.stop[1]
    fn.stop |= {2: RuntimeError("second"), 3: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        sweep([1, 2, 3], retry_failed=True)
    kept = sweep([1, 2, 3])
    assert [run.error for run in kept] == [None, "RuntimeError: second", "RuntimeError: first"]
    fn.stop.clear()
    assert sweep([1, 2, 3], retry_failed=True).complete
    assert log == [1, 2, 3, 1, 2, 3, 2, 3]


def test_a_killed_sweep_resumes(tmp_path):
    """Few kills of a short sweep; the script does many."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc")
    pytest.importorskip("joblib")
    command = [sys.executable, str(FOLDER / "crash_sweep.py"), "--runs", "40", "--kills", "3"]
    done = subprocess.run(
        [*command, "--pause", "0.01", "--seed", "3"], cwd=tmp_path, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok after 3 kills" in done.stdout


def test_what_cannot_be_written_fails_its_run(sweep):
    """Names that a .npy file holds only in a version that some programs cannot read."""

    def odd(x, seed):
        return np.zeros(1, [("é漢" if x == 2 else "é", "<i4")])

    result = sweep([1, 2, 3], odd)
    assert [run.status for run in result] == ["done", "failed", "done"]
    assert "result 'result' must be a number, a string, an array" in result[1].error
    assert "fields must have names in Latin-1" in result[1].error
    assert result[0]["result"].dtype.names == ("é",)


def test_a_large_array_is_stored_in_parts(sweep, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_PART", 1000)
    sweep([1], lambda x, seed: np.arange(1000))
    (run,) = sl.load_sweep(tmp_path / "s")
    np.testing.assert_array_equal(run["result"], np.arange(1000))


def test_a_reader_does_not_stop_a_sweep(sweep, tmp_path, log):
    def fn(x, seed):
        if not readers:
            readers.append(sqlite3.connect(tmp_path / "s" / "sweep.sqlite", isolation_level=None))
            readers[0].execute("BEGIN")
            assert readers[0].execute("SELECT count(*) FROM runs").fetchone() == (0,)
        return x

    readers = []
    result = sweep([1, 2], fn)
    same(sl.load_sweep(tmp_path / "s"), result)
    readers[0].close()
    same(sweep([1, 2], fn), result)
    assert {path.name for path in (tmp_path / "s").iterdir()} == {"sweep.sqlite", "lock"}
