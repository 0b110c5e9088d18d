"""Runs: progress, interrupts, threads."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import busy_network, make, spawn, train
from tests.support.running import Stop, in_thread

import spikelet as sl


def slow_network() -> sl.Network:
    """Return a network that takes some 0.1 s for each 10 ms, in two threads."""
    net = make(threads=2, dtype="float32")
    cells = net.population(200_000, sl.LIF(I_e=500.0))
    net.inject(cells, sl.NoiseInput(std=10.0))
    return net


# Progress


def test_progress_reports_the_time_simulated_in_this_run() -> None:
    net = slow_network()
    net.run(5.0)
    seen: list[float] = []
    net.run(60.0, progress=seen.append)
    assert len(seen) >= 3
    assert seen == sorted(seen)
    assert seen[0] > 0.0
    assert seen[-1] == 60.0
    np.testing.assert_allclose(np.array(seen) / 0.1, np.rint(np.array(seen) / 0.1), atol=1e-6)


@pytest.mark.parametrize("to", [None, "spikes.rec"])
@pytest.mark.parametrize("duration", [0.0, 0.3, 1.2])
def test_progress_is_reported_once_at_the_end_of_a_short_run(
    duration: float, to: str | None, tmp_path: Path
) -> None:
    net = sl.Network(dt=0.1)
    net.record(net.population(1, sl.LIF()), "spikes", to=None if to is None else tmp_path / to)
    net.run(0.7)
    seen: list[float] = []
    net.run(duration, progress=seen.append)
    assert seen == sorted(set(seen))
    if duration > 0.0:
        assert seen[-1] == duration


@pytest.mark.parametrize(("every", "duration"), [(0.1, 100.0), (1.0, 400.0)])
def test_progress_while_weights_are_sampled(every: float, duration: float) -> None:
    net, cells, _, _ = busy_network(n=3000, plastic=False)
    p = net.connect(cells, cells, sl.FixedTotalNumber(9), plasticity=sl.STDP())
    net.record(p, "weights", every=every)
    seen: list[float] = []
    net.run(duration, progress=seen.append)
    assert len(seen) >= 3
    assert seen == sorted(seen)


def test_a_failing_callback_stops_the_run_between_steps() -> None:
    net = slow_network()
    v = net.record(net.populations[0][:100], "V_m", every=0.1)

    def fail(t: float) -> None:
        raise Stop(t)

    with pytest.raises(Stop) as caught:
        net.run(1000.0, progress=fail)
    assert net.t == pytest.approx(caught.value.args[0])
    assert 0.0 < net.t < 1000.0
    assert len(v.times) == round(net.t / 0.1)
    net.run(0.5)
    other = slow_network()
    w = other.record(other.populations[0][:100], "V_m", every=0.1)
    other.run(net.t)
    np.testing.assert_array_equal(w.values, v.values)


# Interrupts


def interrupted(net: sl.Network, duration: float, after: float = 0.1) -> None:
    """Run until a signal from another thread interrupts."""
    timer = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            net.run(duration)
    finally:
        timer.cancel()
        timer.join()


def test_ctrl_c_stops_at_a_step_and_the_network_can_continue() -> None:
    net, cells, spikes, plastic = busy_network(threads=2)
    v = net.record(cells, "V_m", every=50.0)
    interrupted(net, 1e6)
    reached = net.t
    assert 0.0 < reached < 1e6
    assert reached == pytest.approx(round(reached / 0.1) * 0.1)
    end = reached + 100.0
    net.run(100.0)
    other, twins, others, twin = busy_network()
    w = other.record(twins, "V_m", every=50.0)
    other.run(end)
    assert train(others) == train(spikes)
    np.testing.assert_array_equal(w.values, v.values)
    np.testing.assert_array_equal(w.times, v.times)
    np.testing.assert_array_equal(twins.V_m[:], cells.V_m[:])
    np.testing.assert_array_equal(twin.weights, plastic.weights)


@pytest.mark.parametrize("every", [0.1, 1.0, 100.0])
def test_ctrl_c_while_weights_are_sampled(every: float) -> None:
    net, cells, _, _ = busy_network(n=3000, plastic=False)
    p = net.connect(cells, cells, sl.FixedTotalNumber(9), plasticity=sl.STDP())
    recorder = net.record(p, "weights", every=every)
    interrupted(net, 1000.0, after=0.02)
    assert net.t < 1000.0
    assert len(recorder.times) == int(net.t / every + 1e-6)


def test_ctrl_c_at_the_end_of_a_sampling_interval() -> None:
    """Each interval takes longer than the time between polls, and ends where weights are sampled."""
    net = make(dtype="float32", threads=2)
    cells = net.population(400_000, sl.LIF())
    net.inject(cells, sl.NoiseInput(std=1.0))
    one = net.population(1, sl.LIF())
    net.record(net.connect(one, one, sl.AllToAll(), delay=3.2), "weights", every=3.2)
    interrupted(net, 320.0)
    assert net.t < 320.0


def test_other_python_threads_run_during_a_run() -> None:
    net = slow_network()
    thread, errors = in_thread(lambda: net.run(20.0))
    count = 0
    while thread.is_alive():
        count += 1
        time.sleep(0.001)
    assert not errors
    assert count > 20


def test_networks_run_side_by_side() -> None:
    made = [busy_network(seed=k, threads=2) for k in range(3)]
    team = [in_thread(lambda net=net: net.run(200.0)) for net, _, _, _ in made]
    for thread, errors in team:
        thread.join()
        assert not errors
    for k, (_, _, spikes, _) in enumerate(made):
        net, _, alone, _ = busy_network(seed=k)
        net.run(200.0)
        assert train(alone) == train(spikes)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_keeps_the_floating_point_mode(threads: int) -> None:
    net, _, _, _ = busy_network(threads=threads)
    net.run(1.0)
    assert np.float64(1e-310) * 0.5 > 0.0
    assert np.float32(1e-39) * np.float32(0.5) > 0.0


@pytest.mark.parametrize("threads", [2, 3])
def test_a_run_that_changes_its_number_of_threads_gives_the_same_results(threads: int) -> None:
    """A long one: at first it tries all threads and one in turn, then it goes on with the faster."""
    found = busy_network(threads=threads), busy_network(threads=1)
    traces = [net.record(cells, "V_m", every=0.5) for net, cells, *_ in found]
    for net, *_ in found:
        net.run(1500.0)
        net.run(0.7)
    (_, cells, spikes, plastic), (_, twins, others, twin) = found
    assert train(spikes) == train(others)
    np.testing.assert_array_equal(traces[0].times, traces[1].times)
    np.testing.assert_array_equal(traces[0].values, traces[1].values)
    np.testing.assert_array_equal(cells.V_m[:], twins.V_m[:])
    np.testing.assert_array_equal(plastic.weights, twin.weights)


FOLDED = """
import os
import numpy as np
import spikelet as sl

if hasattr(os, "sched_setaffinity"):  # one core for two threads: one of them is faster
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def run(threads):
    net = sl.Network(dt=0.1, seed=3, threads=threads)
    cells, others = net.population(1000, sl.LIF()), net.population(150, sl.LIF())
    first = net.connect(cells, cells, sl.FixedOutdegree(10), weight=5.0, delay=0.1)
    net.connect(cells, others, sl.FixedOutdegree(5), weight=sl.Normal(30.0, 3.0), delay=2.0)
    net.inject(cells, sl.PoissonInput(rate=8000.0, weight=35.0))
    net.inject(others, sl.NoiseInput(mean=300.0, std=100.0, every=1.0))
    spikes, v = net.record(cells, "spikes"), net.record(cells[:7], "V_m")
    weights = net.record(first, "weights", every=50.0)
    for duration in (300.0, 0.1, 523.4, 700.0):
        net.run(duration)
    found = spikes.times, spikes.ids, v.times, v.values, weights.times, weights.values
    return *found, cells.V_m[:], others.V_m[:]


one, two = run(1), run(2)
assert len(one[0]) > 1000
print(all(np.array_equal(a, b) for a, b in zip(one, two, strict=True)))
"""


def test_a_network_with_fewer_cores_than_threads_gives_the_same_results() -> None:
    """Where one thread stays faster, the network is laid out for one."""
    assert spawn(FOLDED).strip() == "True"


# States that are no numbers


@pytest.mark.parametrize(
    ("model", "parameters", "dtype"),
    [
        (sl.LIF, {"C_m": 1e-300}, "float32"),
        (sl.LIF, {"E_L": 1e100}, "float32"),
        (sl.LIFAlpha, {"I_e": -1e308}, "float32"),
        (sl.LIFCond, {"E_ex": -1e308}, "float32"),
        (sl.LIFDelta, {"V_reset": -1e308}, "float32"),
        (sl.IF, {"C_m": 1e-300}, "float32"),
        (sl.LIF, {"C_m": 1e-300, "I_e": -1e300}, "float64"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*SI units:UserWarning")
@pytest.mark.parametrize("threads", [1, 3])
def test_a_run_that_ends_with_a_state_that_is_no_number_says_so(
    model: type, parameters: dict[str, float], dtype: str, threads: int
) -> None:
    net = make(threads=threads, dtype=dtype)
    net.population(3, sl.LIF())
    cells = net.population(70, model(**parameters), name="cells")
    weight = {"LIFDelta": 30.0}.get(model.__name__, 500.0)
    net.inject(cells, sl.PoissonInput(5000.0, weight))
    with pytest.raises(
        FloatingPointError,
        match=rf"population cells: (V_m|I_syn_ex) of neuron \d+ is -?(inf|nan) by .* ms \({model.__name__}: ",
    ):
        net.run(50.0)


@pytest.mark.filterwarnings("ignore:.*SI units:UserWarning")
def test_the_neuron_that_diverged_is_named() -> None:
    net = make(dtype="float32")
    capacities = np.full(130, 250.0)
    capacities[97] = 1e-45
    net.population(130, sl.LIF(C_m=capacities, I_e=300.0), name="cells")
    with pytest.raises(
        FloatingPointError, match=r"population cells: V_m of neuron 97 is -?nan by 5 ms"
    ):
        net.run(5.0)


@pytest.mark.parametrize("together", [False, True])
def test_a_threshold_that_becomes_infinite_ends_a_run(together: bool) -> None:
    nets = [make(dtype="float32", threads=1) for _ in range(3)]
    for net, plus in zip(nets, (0.5, [0.5, 1e39, 0.5], 1e38), strict=True):
        cells = net.population(3, sl.LIF(I_e=500.0, theta_plus=plus), name="cells")
        net.inject(cells[:1], sl.CurrentInput([-1e3] * 1000))
    with pytest.raises(
        FloatingPointError, match=r"population cells: theta of neuron 1 is inf by 50 ms"
    ):
        sl.run_all(nets, 50.0) if together else nets[1].run(50.0)
    if not together:
        sl.run_all([nets[0], nets[2]], 50.0)
    for net, theta in ((nets[0], [0.0, 1.5, 1.5]), (nets[2], np.float32([0.0, 1e38, 1e38]))):
        np.testing.assert_allclose(net.populations[0].theta, theta, rtol=1e-6)


@pytest.mark.parametrize("together", [False, True])
def test_weights_whose_sum_is_infinite_end_a_run(together: bool) -> None:
    net = make(dtype="float32")
    cells = net.population(1, sl.LIF(), name="cells")
    source = net.population(4, sl.SpikeSource.from_trains([[1.0]] * 4))
    net.connect(source, cells, sl.AllToAll(), weight=3e38, delay=1.0)
    net.run(1.5)
    with pytest.raises(FloatingPointError, match="population cells: "):
        sl.run_all([net], 5.0) if together else net.run(5.0)


def test_a_network_that_failed_says_why_in_names() -> None:
    nets = [make(dtype="float32") for _ in range(3)]
    for net in nets[1:]:
        net.population(3, sl.LIF(), name="others")
        net.population(3, sl.LIF(I_e=500.0, theta_plus=1e39), name="cells")
    why = r"the network has failed: a run stopped half-way \(population cells: theta of neuron 0 is inf by 50 ms\); build"
    with pytest.raises(
        FloatingPointError, match=r"networks\[1\]: population cells: .* networks\[2\] failed"
    ):
        sl.run_all(nets, 50.0)
    for net in nets[1:]:
        with pytest.raises(RuntimeError, match=why):
            net.run(1.0)


def test_a_loop_of_short_runs_ends_soon_after_a_state_is_no_number() -> None:
    net = make(dtype="float32")
    cells = net.population(1, sl.LIF(V_th=1e3), name="cells")
    source = net.population(4, sl.SpikeSource.from_trains([[5.0]] * 4))
    net.connect(source, cells, sl.AllToAll(), weight=-3e38, delay=1.0)
    net.run(5.9)

    def loop() -> None:
        for _ in range(65):
            net.run(0.1)

    with pytest.raises(FloatingPointError, match="population cells: "):
        loop()


@pytest.mark.filterwarnings("ignore:.*SI units:UserWarning")
def test_the_run_after_a_change_of_parameters_is_checked() -> None:
    net = make(dtype="float32")
    cells = net.population(1, sl.LIF(I_e=300.0), name="cells")
    net.run(1.0)
    cells.C_m = 1e-300
    with pytest.raises(FloatingPointError, match=r"V_m of neuron 0 is -?nan by 1\.1 ms"):
        net.run(0.1)


# Memory


@pytest.mark.parametrize(("what", "every"), [("V_m", 0.1), ("weights", 1.0)])
def test_samples_that_exceed_the_memory_are_refused(what: str, every: float) -> None:
    """Before the run, which would end in the middle, and for what it would record alone."""
    net = make()
    cells = net.population(100, sl.LIF(I_e=500.0))
    loop = net.connect(cells, cells, sl.AllToAll(), weight=1.0, delay=1.0)
    target = cells if what == "V_m" else loop
    recorder = net.record(target, what, every=every)
    net.run(5.0)
    with pytest.raises(ValueError, match=r"^run: the samples .* GB left: record fewer elements"):
        net.run(1e10)
    recorder.pause()
    net.record(target, what, every=every, start=1e9)
    net.run(2.0)
    assert (net.t, recorder.times[-1]) == (7.0, 5.0)
    assert len(recorder.times) == 5 / every
