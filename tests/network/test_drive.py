"""Handles of inputs: parameters that change between runs, removal, and what they leave alone."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import MODELS, STRONG, Floats, make, spawn, trace
from tests.network.test_inject import FLEETING, METER

import spikelet as sl


def both(net: sl.Network, cells: Any, duration: float) -> Floats:
    """Run and return what arrived at both receptors, [2, steps, n]."""
    inhibitory = net.record(cells, "I_syn_in")
    excitatory = trace(net, cells, "I_syn_ex", duration)
    return np.stack([excitatory, np.asarray(inhibitory.values)])


# What a change does


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("part", [slice(None), [70, 3, 64]])
def test_another_rate_gives_the_trains_of_a_network_that_had_it_all_along(
    part: Any, array: bool
) -> None:
    def built(rate: float) -> tuple[sl.Network, Any, sl.Drive]:
        net = make()
        cells = net.population(90, FLEETING)
        n = len(cells[part])
        net.inject(cells, sl.PoissonInput(rate=2e3, weight=0.01))
        target = cells if part == slice(None) else cells[part]
        rates = np.full(n, rate) if array else rate
        return net, cells, net.inject(target, sl.PoissonInput(rate=rates, weight=1.0))

    net, cells, drive = built(5e3)
    before = trace(net, cells, "I_syn_ex", 5.0)
    drive.rate = np.full(len(drive.target), 3e4) if array else 3e4
    after = trace(net, cells, "I_syn_ex", 5.0)
    net, cells, _ = built(5e3)
    np.testing.assert_array_equal(trace(net, cells, "I_syn_ex", 5.0), before)
    net, cells, _ = built(3e4)
    expected = trace(net, cells, "I_syn_ex", 10.0)
    np.testing.assert_array_equal(expected[50:], after)
    assert (expected[:50] != before).any()


def test_other_weights_keep_the_trains_of_each_neuron() -> None:
    counts = []
    for weights in ([1.0, 2.0, 3.0, 4.0], [-1.0, -2.0, -3.0, -4.0], [1.0, -2.0, 3.0, -4.0]):
        net = make()
        cells = net.population(4, FLEETING)
        drive = net.inject(cells, sl.PoissonInput(rate=2e4, weight=1.0))
        drive.weight = weights
        np.testing.assert_array_equal(drive.weight, weights)
        arrived = both(net, cells, 10.0)
        negative = np.array(weights) < 0
        assert not arrived[0][:, negative].any()
        assert not arrived[1][:, ~negative].any()
        counts.append(arrived.sum(axis=0) / weights)
    np.testing.assert_array_equal(counts[0], counts[1])
    np.testing.assert_array_equal(counts[0], counts[2])
    assert counts[0].sum() > 100


def test_weights_of_both_signs_keep_the_streams_of_the_receptors() -> None:
    def run(change: bool) -> Floats:
        net = make()
        cells = net.population(4, FLEETING)
        drive = net.inject(cells, sl.PoissonInput(rate=2e4, weight=[1.0, -1.0, 1.0, -1.0]))
        if change:
            drive.weight = [0.0, -2.0, 0.0, -2.0]
        return both(net, cells, 10.0)[1]

    np.testing.assert_array_equal(2 * run(False), run(True))


def test_noise_keeps_its_numbers_unless_its_interval_changes() -> None:
    def built() -> tuple[sl.Network, Any, sl.Drive]:
        net = make()
        meter = net.population(80, METER)
        return net, meter, net.inject(meter[[70, 2]], sl.NoiseInput(std=1.0, every=0.5))

    def currents(net: sl.Network, meter: Any, duration: float) -> Floats:
        start = np.asarray(meter.V_m)
        v = trace(net, meter, "V_m", duration)
        return np.diff(np.vstack([start[None], v]), axis=0)[:, [70, 2]]

    net, meter, _ = built()
    plain = currents(net, meter, 9.0)
    net, meter, drive = built()
    first = currents(net, meter, 4.2)  # within an interval
    drive.set(mean=10.0, std=[2.0, 3.0])
    second = currents(net, meter, 4.8)
    np.testing.assert_array_equal(first, plain[:42])
    np.testing.assert_allclose(second, 10.0 + plain[42:] * [2.0, 3.0], atol=1e-9)
    drive.set(mean=0.0, std=1.0, every=0.1)
    third = currents(net, meter, 9.0)
    for row in plain[::5]:  # none of the old draws comes again
        assert (np.abs(third - row) > 1e-9).all(axis=1).all()
    assert len(np.unique(third.round(6))) == third.size
    assert drive.start == 0.0


def test_new_values_of_a_current_start_when_they_are_set() -> None:
    values = np.arange(1.0, 31.0)
    net = make()
    meter = net.population(3, METER)
    drive = net.inject(meter[[2, 0]], sl.CurrentInput(values))
    first = trace(net, meter, "V_m", 1.0)
    assert drive.start == 0.0
    drive.values = np.stack([10 * values, 20 * values], axis=1)
    assert drive.start == 1.0
    second = np.diff(np.vstack([first[-1:], trace(net, meter, "V_m", 4.0)]), axis=0)
    np.testing.assert_allclose(first[:, 2], np.cumsum(values[:10]))
    np.testing.assert_allclose(second[:30, 2], 10 * values)
    np.testing.assert_allclose(second[:30, 0], 20 * values)
    assert not second[30:].any()
    assert not second[:, 1].any()


# Removal


@pytest.mark.parametrize("model", MODELS)
def test_a_removed_input_is_one_without_events_or_current(model: Any) -> None:
    w = 0.05 * STRONG[model.__name__]

    def run(stop: Any) -> Floats:
        net = make(dtype="float32")
        cells = net.population(200, model())
        part = cells[[150, 7, 64, 65]]
        inputs = [
            net.inject(part, sl.PoissonInput(rate=2e4, weight=w)),
            net.inject(cells, sl.PoissonInput(rate=np.full(200, 3e3), weight=-w)),
            net.inject(part, sl.CurrentInput(np.full((300, 4), 20.0))),
            net.inject(cells[:90], sl.NoiseInput(std=90.0, every=0.7)),
        ]
        net.inject(cells[60:], sl.PoissonInput(rate=1e4, weight=w))
        net.inject(cells[60:], sl.NoiseInput(std=50.0))
        first = trace(net, cells, "V_m", 4.3)
        for drive in inputs:
            stop(drive)
        return np.vstack([first, trace(net, cells, "V_m", 6.0)])

    def silence(drive: sl.Drive) -> None:
        zero = {"rate": 0.0, "values": np.zeros(3), "std": 0.0}
        name = next(name for name in zero if hasattr(drive, name))
        setattr(drive, name, zero[name])

    removed = run(lambda drive: drive.remove())
    np.testing.assert_array_equal(removed, run(silence))
    assert (removed != run(lambda _: None)).any()


def test_inputs_of_a_network_are_those_that_were_not_removed() -> None:
    net = make()
    cells = net.population(5, sl.LIF(), name="cells")
    one = net.inject(cells, sl.NoiseInput())
    two = net.inject(cells[[3, 1]], sl.PoissonInput(rate=10.0, weight=1.0))
    three = net.inject(cells, sl.CurrentInput(np.ones(3)))
    assert net.inputs == (one, two, three)
    two.remove()
    two.remove()
    assert net.inputs == (one, three)
    assert [d.removed for d in (one, two, three)] == [False, True, False]
    assert two.rate == 10.0
    with pytest.raises(ValueError, match="input to cells: it was removed and cannot be set"):
        two.rate = 1.0
    assert "removed" in repr(two)
    four = net.inject(cells, sl.NoiseInput())
    assert net.inputs == (one, three, four)
    assert len({d.number for d in (one, two, three, four)}) == 4


# What errors leave alone


BAD: list[tuple[int, dict[str, Any], tuple[str, ...]]] = [
    (0, {"rate": -1.0}, ("rate", "-1.0", ">= 0")),
    (0, {"rate": [1.0, 2.0]}, ("input to cells", "rate", "(2,)", "3 numbers")),
    (0, {"rate": 1e12}, ("input to cells", "rate", "2.621e+09 Hz", "262144 events")),
    (0, {"rate": np.nan}, ("rate", "NaN")),
    (0, {"rate": 5.0, "weight": [np.inf, 1.0, 1.0]}, ("weight", "inf", "finite")),
    (0, {"weight": 1e308}, ("input to cells", "weight", "1e+308", "float64")),
    (1, {"values": np.ones((4, 2))}, ("input to cells", "values", "(4, 2)", "[steps, 3]")),
    (1, {"values": [1.0, np.inf]}, ("values", "inf", "finite")),
    (2, {"std": -2.0}, ("std", "-2.0", ">= 0")),
    (2, {"mean": 3.0, "std": [1.0] * 4}, ("input to cells", "std", "(4,)")),
    (2, {"every": 0.15}, ("input to cells", "every", "0.15", "multiple of dt")),
    (2, {"mean": 1e308, "std": 1e308}, ("input to cells", "mean and std", "1e+308")),
]


@pytest.mark.parametrize(("k", "change", "words"), BAD)
def test_an_error_changes_nothing(k: int, change: dict[str, Any], words: tuple[str, ...]) -> None:
    def run(*, fail: bool) -> Floats:
        net = make()
        cells = net.population(70, sl.LIF(), name="cells")
        part = cells[[66, 5, 9]]
        drives = (
            net.inject(part, sl.PoissonInput(rate=9e3, weight=20.0)),
            net.inject(part, sl.CurrentInput(np.full(100, 30.0))),
            net.inject(part, sl.NoiseInput(std=30.0)),
        )
        first = trace(net, cells, "V_m", 3.0)
        if fail:
            before = drives[k].input
            with pytest.raises(ValueError, match="must") as caught:
                drives[k].set(**change)
            for word in words:
                assert word in str(caught.value)
            assert drives[k].input is before
            assert drives[k].start == 0.0
        return np.vstack([first, trace(net, cells, "V_m", 8.0)])

    np.testing.assert_array_equal(run(fail=True), run(fail=False))


def test_what_cannot_be_set_says_so() -> None:
    net = make()
    cells = net.population(5, sl.LIF(), name="cells")
    drive = net.inject(cells[:3], sl.PoissonInput(rate=[1.0, 2.0, 3.0], weight=4.0))
    assert repr(drive) == "Drive(PoissonInput to cells: 3 of 5 neurons, from 0 ms on)"
    assert drive.weight == 4.0
    with pytest.raises(AttributeError, match=r"has no 'amplitude' \(there are: rate, weight"):
        _ = drive.amplitude
    with pytest.raises(AttributeError, match=r"has no 'values' \(there are: rate, weight"):
        drive.values = 3.0
    for name in ("target", "input", "number", "network", "removed", "set"):
        with pytest.raises(AttributeError, match=f"{name} cannot be set"):
            setattr(drive, name, None)
    with pytest.raises(ValueError, match="assign a whole array"):
        drive.rate[0] = 5.0
    drive.rate *= 2
    np.testing.assert_array_equal(drive.rate, [2.0, 4.0, 6.0])
    with pytest.raises(TypeError, match="save the network"):
        pickle.dumps(drive)
    for copied in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="save the network"):
            copied(drive)


def test_not_while_the_network_runs() -> None:
    net = make()
    cells = net.population(5, sl.LIF())
    drive = net.inject(cells, sl.NoiseInput())
    refused = []

    def report(_: float) -> None:
        for call in (lambda: drive.set(std=2.0), drive.remove):
            with pytest.raises(RuntimeError, match="running"):
                call()
            refused.append(call)

    duration = 1000.0
    while not refused:  # until a run takes longer than the interval between two reports
        net.run(duration, progress=report)
        duration *= 4
    assert net.inputs == (drive,)
    assert drive.std == 1.0


# What follows


def test_arrays_of_the_caller_can_change_and_a_description_cannot() -> None:
    rates, values = np.array([1e4, 2e4]), np.full((50, 2), 30.0)
    net = make()
    cells = net.population(2, sl.LIF())
    drives = [
        net.inject(cells, sl.PoissonInput(rate=rates, weight=rates)),
        net.inject(cells, sl.CurrentInput(values)),
        net.inject(cells, sl.NoiseInput(mean=rates, std=rates)),
    ]
    rates[:] = values[:] = 7.0
    np.testing.assert_array_equal(drives[0].weight, [1e4, 2e4])
    np.testing.assert_array_equal(drives[1].values, 30.0)
    np.testing.assert_array_equal(drives[2].std, [1e4, 2e4])
    for array in (drives[0].input.rate, drives[1].input.values, drives[2].input.mean):
        assert not array.flags.writeable


def test_inputs_need_no_new_layout() -> None:
    net = make(threads=2)
    cells = net.population(300, sl.LIF())
    net.connect(cells, cells, sl.FixedIndegree(20), plasticity=sl.STDP(w_max=9.0), weight=1.0)
    net.run(1.0)
    layouts = net.engine.sim.layouts
    for k in range(5):
        drive = net.inject(cells[k : 50 + k], sl.CurrentInput(np.ones(20)))
        net.run(1.0)
        drive.values = np.ones(3)
        net.run(1.0)
        drive.remove()
        net.run(1.0)
    assert net.engine.sim.layouts == layouts
    net.population(1, sl.LIF())
    net.run(1.0)
    assert net.engine.sim.layouts == layouts + 1


def test_an_input_on_nobody_can_change_and_go() -> None:
    net = make()
    cells = net.population(5, sl.LIF())
    for what, change in (
        (sl.PoissonInput(rate=9.0, weight=1.0), {"rate": 7.0}),
        (sl.CurrentInput(np.ones((5, 0))), {"values": np.ones(3)}),
        (sl.NoiseInput(), {"every": 0.2}),
    ):
        drive = net.inject(cells[:0], what)
        net.run(1.0)
        drive.set(**change)
        net.run(1.0)
        drive.remove()
        net.run(1.0)
    assert net.inputs == ()


def test_a_current_that_is_over_comes_back_after_a_reset() -> None:
    net = make()
    meter = net.population(100, METER)
    net.inject(meter[[80, 3]], sl.CurrentInput(np.full(7, 5.0)))
    first = trace(net, meter, "V_m", 2.0)
    net.run(3.0)
    net.reset()
    np.testing.assert_array_equal(trace(net, meter, "V_m", 2.0), first)
    assert np.ptp(first[:, 80]) == pytest.approx(30.0)


@pytest.mark.parametrize("threads", [1, 3])
def test_changes_survive_saving(threads: int, tmp_path: Path) -> None:
    def finish(net: sl.Network) -> Floats:
        cells = net.populations[0]
        assert [d.target.index for d in net.inputs] == [0] * 4
        net.inputs[1].weight = net.inputs[1].weight * 2
        net.inputs[2].std = 30.0
        net.inputs[3].remove()
        net.inject(cells[9:99], sl.NoiseInput(std=80.0))
        net.inject(cells, sl.PoissonInput(rate=1e3, weight=np.linspace(-30.0, 40.0, 300)))
        return trace(net, cells, "V_m", 20.0)

    net = make(threads=threads)
    cells = net.population(300, sl.LIF(I_e=200.0), name="cells")
    part = cells[[250, 5, 64]]
    gone = net.inject(cells, sl.PoissonInput(rate=3e3, weight=[20.0, -20.0] * 150))
    net.inject(part, sl.PoissonInput(rate=3e3, weight=[20.0, -20.0, 20.0]))
    last = net.inject(cells, sl.PoissonInput(rate=3e3, weight=30.0))
    noise = net.inject(part, sl.NoiseInput(std=100.0, every=0.5))
    net.inject(part, sl.CurrentInput(np.full((90, 3), [10.0, 20.0, 30.0])))
    net.run(4.7)
    gone.remove()
    noise.every = 0.3
    last.weight = -30.0
    net.save(tmp_path / "c")
    other = sl.Network.load(tmp_path / "c", threads=4 - threads)
    assert [d.number for d in other.inputs] == [d.number for d in net.inputs]
    assert [d.start for d in other.inputs] == [d.start for d in net.inputs]
    np.testing.assert_array_equal(finish(other), finish(net))


def test_the_last_input_of_a_saved_network_may_be_gone(tmp_path: Path) -> None:
    net = make()
    cells = net.population(5, FLEETING)
    net.inject(cells, sl.PoissonInput(rate=1e4, weight=1.0)).remove()
    net.save(tmp_path / "c")
    what = sl.PoissonInput(rate=1e4, weight=1.0)
    traces = []
    for n in (net, sl.Network.load(tmp_path / "c")):
        n.inject(n.populations[0], what)
        traces.append(trace(n, n.populations[0], "I_syn_ex", 5.0))
    np.testing.assert_array_equal(*traces)
    fresh = make()
    fresh.inject(fresh.population(5, FLEETING), what)
    assert (trace(fresh, fresh.populations[0], "I_syn_ex", 5.0) != traces[0]).any()


def test_memory_follows_the_targets() -> None:
    """A current for 20 of 200 000 neurons took steps times population, 3.2 GB; noise and rates for all of them."""
    code = """
import numpy as np, spikelet as sl
def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) >> 10
net = sl.Network(threads=1)
cells = net.population(200_000, sl.LIF())
net.run(0.1)
before = resident()
for part in (cells[:20], cells[::10_000]):
    net.inject(part, sl.CurrentInput(np.zeros((2000, 20))))
    for _ in range(50):
        net.inject(part, sl.NoiseInput(mean=np.zeros(20)))
        net.inject(part, sl.PoissonInput(rate=np.ones(20), weight=1.0))
        net.inject(part, sl.PoissonInput(rate=1.0, weight=1.0))
net.run(1.0)
print(resident() - before)
"""
    assert int(spawn(code)) < 30  # MB
