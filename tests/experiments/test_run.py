"""What a worker does with a run."""

from __future__ import annotations

import pytest
from tests.support.sweeps import column, sweep

import spikelet as sl
from spikelet.experiments import store as stores

pytest.importorskip("pandas")  # tables are compared as its frames


def test_threads_of_a_run(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    everything = sl.Network().threads

    def fn(x, seed):
        return sl.Network().threads

    assert column(sweep(fn, {"x": [1]}), "result") == [everything]
    assert column(sweep(fn, {"x": [1]}, threads=1), "result") == [1]
    assert sl.Network().threads == everything


def test_an_unprintable_exception_fails_its_run():
    class Odd:
        def __str__(self):
            raise RuntimeError("no")

    def fn(x, seed):
        if x == 1:
            raise SyntaxError("m", ("f", Odd(), 5, "text"))
        return x

    result = sweep(fn, {"x": [1, 2]})
    assert column(result, "status") == ["failed", "done"]
    assert result[0].error == "SyntaxError: <cannot be shown>"
    assert "in fn" in result[0].traceback


def test_workers_of_an_old_session_start_nothing(sweep, tmp_path, fn):
    """A worker may outlive its parent and run alongside the workers of the resumed sweep."""
    from spikelet.experiments.run import run_batch  # noqa: PLC0415

    result = sweep([1])
    store = stores.Store(tmp_path / "s")
    old = store.begin()
    new = store.begin()
    with pytest.raises(RuntimeError, match="another sweep has taken over"):
        run_batch(fn, result.runs, None, old, 1)
    ((status, _, record),) = run_batch(fn, result.runs, None, new, 1)
    assert (status, record) == ("done", None)


def test_a_run_that_outlives_its_session_is_not_stored(sweep, tmp_path):
    from spikelet.experiments.run import run_batch  # noqa: PLC0415

    runs = sweep([1, 2], store=None).runs
    sweep([5])
    store = stores.Store(tmp_path / "s")
    started = []

    def slow(x, seed):
        started.append(x)
        store.begin()  # the sweep was killed, and goes on elsewhere
        return x

    place = store.begin()
    with pytest.raises(RuntimeError, match="another sweep has taken over"):
        run_batch(slow, runs, None, place, 1)
    assert started == [1]
    assert store.statuses(place.session) == {}


def test_a_resubmitted_batch_is_not_repeated(sweep, tmp_path, fn, log):
    """Dask does this when a worker is lost: some of the runs may have been stored."""
    from spikelet.experiments.run import run_batch  # noqa: PLC0415

    runs = sweep([1, 2, 3, 4], store=None).runs
    sweep([5])
    store = stores.Store(tmp_path / "s")
    place = store.begin()
    fn.stop[3] = KeyboardInterrupt()  # as good as the end of the worker
    log.clear()
    with pytest.raises(KeyboardInterrupt):
        run_batch(fn, runs, None, place, 7)
    assert log == [1, 2, 3]
    fn.stop.clear()
    for again, expected in (([], [3, 4]), ([], [])):
        log[:] = again
        assert [status for status, _, _ in run_batch(fn, runs, None, place, 7)] == ["done"] * 4
        assert log == expected
    assert len(store.statuses(place.session)) == 4
