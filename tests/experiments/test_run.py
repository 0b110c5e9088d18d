"""What a worker does with a run."""

from __future__ import annotations

import pickle

import pytest
from tests.support.sweeps import column, sweep

import spikelet as sl
from spikelet.experiments import run as run_module
from spikelet.experiments.grid import plan

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


def test_a_batch_ends_when_its_time_is_over(monkeypatch):
    """Its other runs go to another batch, so that finished runs are stored soon."""
    runs = plan({"x": range(9)}, None, 1, 0)
    clock = iter([0.0, 0.1, 0.2, 0.3])
    monkeypatch.setattr(run_module.time, "monotonic", lambda: next(clock))
    records = run_module.run_batch(pickle.dumps(dict), runs, 1)
    assert [record.status for record in records] == ["done"] * 3
