"""Many networks at once: the results of single runs, errors, interrupts."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import busy_network, make, spawn, train
from tests.support.running import Stop, in_thread

import spikelet as sl


def unlike() -> list[tuple[sl.Network, Any, Any, Any]]:
    """Return networks that differ in size, seed, precision, threads and plasticity."""
    return [
        busy_network(n=20 + 13 * k, seed=k, threads=1 + k % 3, dtype=("float32", "float64")[k % 2], plastic=k % 4 != 1)
        for k in range(9)
    ]  # fmt: skip


def diverging(rising: float) -> sl.Network:
    """Return a network whose state is soon no longer a number."""
    kind = sl.Equations("dx/dt = x**2 + I_e", parameters={"I_e": 1.0}, method="rk4", name="Blow")
    net = make(threads=1)
    net.population(1, kind(I_e=rising), name="runaway")
    return net


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_are_those_of_single_runs(threads: int) -> None:
    found, expected = unlike(), unlike()
    nets = [net for net, *_ in found]
    voltages = [net.record(cells, "V_m", every=1.0) for net, cells, *_ in found]
    others = [net.record(cells, "V_m", every=1.0) for net, cells, *_ in expected]
    sl.run_all(nets, 60.0, threads=threads)
    sl.run_all(iter(nets), 40.0, threads=threads)  # and again, in another cut
    sl.run_all(nets, 0.0)
    for net, *_ in expected:
        net.run(100.0)
    for (net, cells, spikes, p), (other, twins, trains, q) in zip(found, expected, strict=True):
        assert net.t == 100.0
        assert len(spikes.times) > 0
        assert train(spikes) == train(trains)
        np.testing.assert_array_equal(cells.V_m[:], twins.V_m[:])
        np.testing.assert_array_equal(p.weights, q.weights)
        assert other.t == net.t
    for a, b in zip(voltages, others, strict=True):
        np.testing.assert_array_equal(a.values, b.values)


def test_each_network_can_have_a_duration_of_its_own() -> None:
    nets = [make(dt=dt) for dt in (0.1, 0.5, 0.1)]
    sl.run_all(nets, [1.0, 2.5, 0.0])
    assert [net.t for net in nets] == [1.0, 2.5, 0.0]
    sl.run_all(nets, [5.0 - net.t for net in nets])
    assert [net.t for net in nets] == [5.0, 5.0, 5.0]
    sl.run_all([], 10.0)
    sl.run_all(np.array(nets, dtype=object), np.array([1.0, 1.0, 1.0]))
    assert nets[0].t == 6.0


def test_networks_that_record_to_files_run_too(tmp_path: Path) -> None:
    found, expected = unlike()[:4], unlike()[:4]
    files = [
        net.record(cells, "spikes", to=tmp_path / f"{k}.rec")
        for k, (net, cells, *_) in enumerate(found[1:3])
    ]
    seen: list[int] = []
    sl.run_all([net for net, *_ in found], 100.0, progress=seen.append)
    for net, *_ in expected:
        net.run(100.0)
    for (_, _, spikes, _), (_, _, trains, _) in zip(found, expected, strict=True):
        assert train(spikes) == train(trains)
    for file, (_, _, trains, _) in zip(files, expected[1:3], strict=True):
        assert train(file) == train(trains)
    assert seen[-1] == 4
    assert seen == sorted(set(seen))


def test_the_end_of_short_runs_is_reported() -> None:
    nets = [make() for _ in range(3)]
    seen: list[int] = []
    sl.run_all(nets, 1.0, progress=seen.append)
    assert seen[-1] == 3
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_names_its_network_and_the_others_run(threads: int) -> None:
    good = [busy_network(seed=k) for k in range(4)]
    nets = [good[0][0], good[1][0], diverging(1.0), good[2][0], diverging(2.0), good[3][0]]
    with pytest.raises(FloatingPointError, match=r"run_all: networks\[2\]: population runaway: x of neuron 0 is .*; networks\[4\] failed, too"):  # fmt: skip
        sl.run_all(nets, 50.0, threads=threads)
    for k, (net, _, spikes, _) in enumerate(good):
        other, _, trains, _ = busy_network(seed=k)
        other.run(50.0)
        assert net.t == 50.0
        assert train(spikes) == train(trains)
    with pytest.raises(RuntimeError, match=r"networks\[1\]: .*failed"):
        sl.run_all([good[0][0], nets[2]], 1.0)
    assert good[0][0].t == 51.0


def test_invalid_arguments_are_refused_before_anything_runs() -> None:
    a, b = make(), make()
    for arguments, error, message in (
        (([a, b, a], 1.0), ValueError, r"run_all: networks\[2\] must be another network, got networks\[0\] again"),
        (([a, "b"], 1.0), TypeError, r"run_all: networks\[1\] must be a Network, got 'b'"),
        (([a, b], -1.0), ValueError, r"run_all: networks\[0\]: duration must be >= 0"),
        (([a, b], 0.05), ValueError, r"run_all: networks\[0\]: duration must be a multiple of dt"),
        (([a, b], [1.0, 0.05]), ValueError, r"run_all: networks\[1\]: duration must be a multiple of dt"),
        (([a, b], [1.0]), ValueError, r"run_all: duration must be one, or one for each of the 2 networks, got length 1"),
        ((a, 1.0), TypeError, r"run_all: networks must be an iterable of Network"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            sl.run_all(*arguments)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="run_all: threads"):
        sl.run_all([a, b], 1.0, threads=0)
    with pytest.raises(TypeError, match="run_all: progress"):
        sl.run_all([a, b], 1.0, progress=3)  # type: ignore[arg-type]
    assert a.t == b.t == 0.0


def test_errors_of_networks_come_before_those_of_progress() -> None:
    def report(finished: int) -> None:
        raise KeyError(finished)

    nets = [diverging(1.0), busy_network()[0]]
    with pytest.raises(FloatingPointError, match=r"networks\[0\]"):
        sl.run_all(nets, 100.0, progress=report)


def long_networks() -> list[tuple[sl.Network, Any, Any, Any]]:
    return [busy_network(seed=k) for k in range(6)]


@pytest.mark.parametrize("threads", [1, 2])
def test_ctrl_c_stops_each_network_at_a_step(threads: int) -> None:
    found = long_networks()
    nets = [net for net, *_ in found]
    timer = threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            sl.run_all(nets, 1e6, threads=threads)
    finally:
        timer.cancel()
        timer.join()
    reached = [net.t for net in nets]
    assert any(t > 0.0 for t in reached)
    assert sum(t > 0.0 for t in reached) <= threads
    end = max(reached) + 20.0
    sl.run_all(nets, [end - t for t in reached])
    for (_, cells, spikes, _), (other, twins, trains, _) in zip(
        found, long_networks(), strict=True
    ):
        other.run(end)
        assert train(spikes) == train(trains)
        np.testing.assert_array_equal(cells.V_m[:], twins.V_m[:])


def test_progress_counts_networks_and_may_stop() -> None:
    nets = [net for net, *_ in long_networks()]
    seen: list[int] = []

    def report(n: int) -> None:
        seen.append(n)
        if n >= 2:
            raise Stop

    with pytest.raises(Stop):
        sl.run_all(nets, 2000.0, threads=2, progress=report)
    assert seen == sorted(seen)
    assert 2 <= seen[-1] < 6
    for net in nets:
        net.run(1.0)


def test_networks_in_use_are_refused_and_none_stays_taken() -> None:
    nets = [net for net, *_ in long_networks()]
    started = threading.Event()
    stop = threading.Event()

    def hold(_: float) -> None:
        started.set()
        if stop.is_set():
            raise Stop

    thread, errors = in_thread(lambda: nets[3].run(1e6, progress=hold))
    assert started.wait(10.0)
    with pytest.raises(
        RuntimeError, match=r"networks\[3\]: Network: it is running in another thread"
    ):
        sl.run_all(nets, 1.0)
    stop.set()
    thread.join()
    assert isinstance(errors[0], Stop)
    assert nets[0].t == 0.0
    sl.run_all(nets, 1.0)
    assert nets[0].t == 1.0


def test_networks_are_refused_to_others_while_they_run() -> None:
    nets = [net for net, *_ in long_networks()]
    refused: list[str] = []

    def disturb(_: int) -> None:
        try:
            nets[-1].run(1.0)
        except RuntimeError as error:
            refused.append(str(error))
            raise Stop from None

    with pytest.raises(Stop):
        sl.run_all(nets, 5000.0, threads=1, progress=disturb)
    assert refused == [
        "Network: it is running and has called this callback; wait until the run is over"
    ]
    begin = time.monotonic()
    sl.run_all(nets[-1:], 1.0)
    assert time.monotonic() - begin < 60.0


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted as Linux does")
def test_one_of_many_fetches_only_the_memory_that_it_keeps() -> None:
    """The layout of a small network works in the memory that the one before has freed."""
    printed = spawn("""
import resource, spikelet as sl

def make(seed):
    net = sl.Network(dt=0.1, seed=seed)
    cells = net.population(100, sl.LIF())
    net.connect(cells, cells, sl.FixedOutdegree(10), weight=20.0, delay=1.5)
    net.inject(cells, sl.PoissonInput(rate=8000.0, weight=35.0))
    return net

def faults(nets):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    sl.run_all(nets, 1.0, threads=1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults([make(0)])
print(faults([make(seed) for seed in range(200)]) / 200)
""")
    assert float(printed) < 40  # 11; with memory given back after each layout, 75
