"""What a process knows of ranks without MPI."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import spikelet as sl
from spikelet import ranks
from spikelet.ranks import Exchanges, alone


@pytest.fixture
def no_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mpi4py", "mpi4py.MPI"):
        monkeypatch.setitem(sys.modules, name, None)  # the import fails
    monkeypatch.delitem(sys.modules, "mpi4py.MPI")


def test_a_plain_process_is_alone() -> None:
    net = sl.Network()
    assert (net.ranks.rank, net.ranks.size, net.ranks.comm) == (0, 1, None)
    net.run(10.0)
    assert net.exchanges == Exchanges(0, 0, 0, 0, 0, 0.0)
    assert str(net.exchanges).startswith("0 exchanges")
    assert net.ranks.gather("nothing", 3) == [3]


@pytest.mark.parametrize("name", ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"])
def test_several_processes_need_mpi4py(
    name: str, no_mpi: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    assert sl.Network().ranks.size == 1
    monkeypatch.setenv(name, "2")
    with pytest.raises(ImportError, match=r"spikelet\[mpi\]"):
        sl.Network()
    assert sl.Network(comm=None).ranks.size == 1
    with alone():
        assert sl.Network().ranks.size == 1


@pytest.mark.parametrize("comm", [3, "local", object()])
def test_what_is_no_communicator_is_refused(comm: Any) -> None:
    with pytest.raises(TypeError, match="comm must be a communicator"):
        sl.Network(comm=comm)


def test_an_uncaught_error_is_reported_by_the_hook_before_and_aborts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[Any] = []

    class Comm:
        def Abort(self, code: int) -> None:
            calls.append(code)

    def report(*error: Any) -> None:
        calls.append(error)
        raise RuntimeError("the report fails, too")

    monkeypatch.setattr(sys, "excepthook", report)
    ranks._abort_on_errors(Comm())
    error = ValueError("x")
    with pytest.raises(RuntimeError, match="the report fails"):
        sys.excepthook(ValueError, error, None)
    assert calls == [(ValueError, error, None), 1]
