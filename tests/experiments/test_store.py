"""Sweeps that are stored, stopped and resumed."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import spikelet as sl
from spikelet._util.files import TEMPORARY
from spikelet.experiments import journal as journals
from spikelet.experiments import store as stores

pytest.importorskip("pandas")  # tables are compared as its frames

FOLDER = Path(__file__).parents[2] / "bench" / "python"


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
        with pytest.raises(OSError, match="File too large") as caught:
            run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert Path(caught.value.filename).parent == tmp_path / "runs" / "runs"
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


def test_load_refuses_what_is_no_store(tmp_path):
    with pytest.raises(ValueError, match="must be the store of a sweep"):
        sl.load_sweep(tmp_path)
    (tmp_path / "sweep.json").write_text('{"format": "spikelet sweep 99"}')
    with pytest.raises(
        ValueError, match="must have the format 'spikelet sweep 1', got format 'spikelet"
    ):
        sl.load_sweep(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"runs": [{}]}', "\x80", "\x93NUMPY", "PK\x05\x06"]
)
def test_damaged_files_are_reported(sweep, tmp_path, fn, text):
    fn.stop[2] = RuntimeError("stop")
    whole = sweep([1, 2], store=None)  # the second one fails
    sweep([1, 2])
    for name in ("sweep.json", "plan.json"):
        file = tmp_path / "s" / name
        before = file.read_bytes()
        file.write_text(text)
        with pytest.raises(ValueError, match=r"damaged|format") as told:
            repr(sl.load_sweep(tmp_path / "s"))
        assert type(told.value) is ValueError
        assert name in str(told.value) or name == "sweep.json"
        file.write_bytes(before)
    same(sl.load_sweep(tmp_path / "s"), whole)
    files = sorted((tmp_path / "s" / "runs").iterdir())
    for file in files:
        file.write_text(text)
    found = sl.load_sweep(tmp_path / "s")
    assert [run.status for run in found] == ["missing"] * 2
    same(sweep([1, 2]), whole)


def test_damaged_arrays_are_reported(sweep, tmp_path):
    whole = sweep([1], store=None)
    sweep([1])
    (file,) = (tmp_path / "s" / "runs").iterdir()
    data = bytearray(file.read_bytes())
    data[data.index(b"NUMPY") + 140] ^= 1
    file.write_bytes(data)
    found = sl.load_sweep(tmp_path / "s")
    assert found.table.equals(whole.table)
    with pytest.raises(
        ValueError, match=r"is damaged \(in array 'noise' of run .*delete it to have a sweep"
    ) as told:
        found.arrays("noise")
    assert str(file) in str(told.value)
    file.unlink()
    same(sweep([1]), whole)


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


def test_unfinished_files_are_cleaned_up(sweep, tmp_path):
    sweep([1])
    left = tmp_path / "s" / f"{TEMPORARY}1"
    left.write_text("half of")
    result = sweep([1])
    assert not left.exists()
    same(result, sweep([1], store=None))


def test_a_run_is_on_disk_before_it_is_reported(sweep, monkeypatch):
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc")
    events = []

    def recording(call):
        def recorded(descriptor):
            path = Path(f"/proc/self/fd/{descriptor}").readlink()
            size = os.fstat(descriptor).st_size
            call(descriptor)
            events.append((path.name, size))

        return recorded

    monkeypatch.setattr(os, "fsync", recording(os.fsync))
    monkeypatch.setattr(journals, "_datasync", recording(journals._datasync))
    result = sweep([1], progress=lambda *numbers: events.append(numbers))
    path = result._records[result[0].run.key].path
    told = events.index((1, 0, 0))
    assert ("runs", path.parent.stat().st_size) in events[:told]
    assert (path.name, path.stat().st_size - len(journals.END)) in events[:told]


@pytest.mark.parametrize("when", ["add", "sync"])
def test_a_full_disk_stops_the_sweep(sweep, monkeypatch, log, when):
    def full(self, *args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journals.Journal, when, full)
        with pytest.raises(OSError, match="No space left"):
            sweep([1, 2, 3, 4, 5])
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
        pytest.importorskip("fcntl")
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
            with stores.Store(tmp_path / "s").locked():
                pass
        except KeyboardInterrupt:
            return True
        finally:
            sys.setprofile(before)
        return False

    for n in itertools.count(1):
        if not hold(n):
            break
        with stores.Store(tmp_path / "s").locked():
            pass
    assert n > 5


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


def test_results_are_sent_if_a_worker_cannot_see_the_folder(sweep, tmp_path, fn):
    from spikelet.experiments.run import run_batch  # noqa: PLC0415

    result = sweep([1])
    other = stores.Place(str(tmp_path / "s"), "another store of that name", "session")
    nowhere = stores.Place(str(tmp_path / "nowhere"), "id", "session")
    for place in (other, nowhere):
        ((status, _, record),) = run_batch(fn, result.runs, None, place, 1)
        assert status == "done"
        assert record.scalars == {"y": 2}


def test_results_that_were_sent_are_stored(sweep, monkeypatch, log):
    with monkeypatch.context() as patch:
        patch.setattr(stores.Place, "seen", lambda self: None)
        away = sweep([1, 2])
    same(away, sweep([1, 2], store=None))
    log.clear()
    same(away, sweep([1, 2]))
    assert log == []


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


def test_nobody_stores_anything_when_a_sweep_is_over(sweep, tmp_path, fn):
    from spikelet.experiments.run import run_batch  # noqa: PLC0415

    runs = sweep([1], store=None).runs
    place = []
    begin = stores.Store.begin

    def recording(self):
        place.append(begin(self))
        return place[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores.Store, "begin", recording)
        sweep([2])
    with pytest.raises(RuntimeError, match="or this sweep is over"):
        run_batch(fn, runs, None, place[0], 1)
    assert len(stores.Store(tmp_path / "s").entries()) == 1


def test_what_cannot_be_written_fails_its_run(sweep, monkeypatch):
    """Here for a warning of numpy about such names, which is an error in these tests."""

    def odd(x, seed):
        return np.zeros(1, [("é漢" if x == 2 else "a", "<i4")])

    result = sweep([1, 2, 3], odd)
    assert [run.status for run in result] == ["done", "failed", "done"]
    assert result[1].error.startswith("UserWarning: Stored array in format 3.0")
    monkeypatch.setattr(stores.Place, "seen", lambda self: None)
    assert sweep([4, 2, 5], odd).failed["x"].tolist() == [2]


def test_a_changed_plan_is_refused(sweep, tmp_path):
    """A seed or a parameter that was changed on disk must not be reported as that of a run."""
    sweep([1, 2.5])
    for name in ("plan.json", "sweep.json"):
        file = tmp_path / "s" / name
        whole = file.read_bytes()
        for byte in range(0, len(whole), 3):
            damaged = bytearray(whole)
            damaged[byte] ^= 1
            file.write_bytes(damaged)
            with pytest.raises(ValueError, match=f"{name}|format"):
                sl.load_sweep(tmp_path / "s")
        file.write_bytes(whole)
    assert len(sl.load_sweep(tmp_path / "s")) == 2


@pytest.mark.parametrize("change", [{"seed": 5}, {"key": "0" * 32}, {"replicate": 1}, {"x": 1}])
def test_a_changed_plan_of_an_earlier_version_is_refused(sweep, tmp_path, change):
    result = sweep([1, 2.5])
    file = tmp_path / "s" / "plan.json"
    plan = json.loads(file.read_bytes())
    del plan["crc32"]
    file.write_text(json.dumps(plan))
    same(sl.load_sweep(tmp_path / "s"), result)
    plan["runs"][0] |= change
    file.write_text(json.dumps(plan))
    with pytest.raises(ValueError, match=r"plan\.json.* is damaged"):
        sl.load_sweep(tmp_path / "s")
