"""Events, thresholds and resets within a step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import make, source, trace, train
from tests.support.program_interpreter import Interpreter, text

import spikelet as sl
from spikelet.neurons.equations.assembly import assemble
from spikelet.neurons.equations.coefficients import Coefficients
from spikelet.neurons.equations.program import Receptor
from spikelet.neurons.equations.read_model import read_model

LINEAR = "dv/dt = -v/10 + g; dg/dt = -g/2; dh/dt = -h/3"


def receptors(effects: dict[str, str], schedule: str = "nest", **options: Any) -> list[Receptor]:
    options.setdefault("threshold", "v >= 1")
    model = read_model(options.pop("text", LINEAR), receptors=effects, schedule=schedule, **options)
    return list(assemble(model, "auto", None).listing.receptors)


@pytest.mark.parametrize(
    ("effects", "options", "states"),
    [
        ({"a": "g += weight"}, {}, [1]),
        ({"a": "g += weight", "b": "h += weight"}, {}, [1, 2]),
        ({"a": "g += weight", "b": "g += weight"}, {}, [1, 1]),
        ({"a": "g += abs(weight)"}, {}, [1]),
        ({"a": "g += abs(weight)", "b": "h += weight"}, {}, [1, 2]),
        ({"a": "g += abs(weight)", "b": "g += weight"}, {}, [-1, -1]),  # they cannot share an array
        ({"a": "v += weight"}, {}, [-1]),  # the threshold reads v
        ({"a": "v += weight"}, {"threshold": None}, [0]),
        ({"a": "v += weight"}, {"schedule": "brian2"}, [0]),  # after the test
        ({"a": "v += weight"}, {"schedule": "brian2", "reset": "v = 0"}, [-1]),
        ({"a": "g += weight"}, {"reset": "g = 0"}, [-1]),
        ({"a": "g += weight"}, {"reset": "v = g"}, [-1]),
        ({"a": "g += 2*weight"}, {}, [-1]),
        ({"a": "g += weight; h += weight"}, {}, [-1]),
        ({"a": "g += weight (unless refractory)"}, {}, [-1]),
        ({"a": "g += weight", "b": "h += g*weight"}, {}, [-1, -1]),  # b reads g
        ({"in": "h += weight", "ex": "g += weight"}, {}, [1, 2]),  # in order: ex, in
        ({"in": "h += 2*weight", "ex": "g += weight"}, {}, [-1, -1]),  # both or none
    ],
)
def test_events_that_can_wait_for_the_end_of_the_step(
    effects: dict[str, str], options: dict[str, Any], states: list[int]
) -> None:
    assert [r.state for r in receptors(effects, **options)] == states


def test_a_receptor_counts_weights_or_magnitudes() -> None:
    with pytest.raises(ValueError, match="must all use weight, or all"):
        receptors({"a": "g += weight; h += abs(weight)"})


# What happens in a step, by the slow interpreter


def machine(schedule: str, **options: Any) -> Interpreter:
    model = read_model(**options, schedule=schedule)
    made = assemble(model, "auto", None)
    values = {name: p.default for name, p in model.parameters.items()}
    return Interpreter(made.listing, Coefficients(made, values).of(values, 0.1), 1, 0.1, 0.3)


DELTA = {
    "text": "dv/dt = 0*v", "threshold": "v >= 1", "reset": "v = -5", "refractory": 0.3, "receptors": {"a": "v += weight"},
}  # fmt: skip


def test_events_come_before_the_test_of_the_threshold() -> None:
    m = machine("nest", **DELTA)
    assert m.step({"a": 2.0}).all()
    assert m.states["v"] == -5.0
    assert not m.step({"a": 100.0}).any()  # refractory, but v takes the event
    assert m.states["v"] == 95.0
    m.step()
    m.step()
    assert m.step().all()


def test_or_after_it() -> None:
    m = machine("brian2", **DELTA)
    assert not m.step({"a": 2.0}).any()
    assert m.states["v"] == 2.0
    assert m.step({"a": 7.0}).all()
    assert m.states["v"] == -5.0  # the reset comes last


def test_events_at_a_refractory_neuron_can_be_lost() -> None:
    m = machine("nest", **{**DELTA, "receptors": {"a": "v += weight (unless refractory)"}})
    assert m.step({"a": 2.0}).all()
    for _ in range(3):
        assert not m.step({"a": 100.0}).any()
        assert m.states["v"] == -5.0
    assert m.step({"a": 100.0}).all()


@pytest.mark.parametrize(
    ("schedule", "reset", "kept"),
    [
        ("nest", "v = -100", [1111.0, 1001.0]),
        ("brian2", "v = -100", [1110.0, 1000.0]),
        ("nest", "v = -100; g *= 2", [1112.0, 1002.0]),
        ("brian2", "v = -100; g *= 2", [1110.0, 1000.0]),
    ],
)
def test_in_the_step_of_its_spike_a_neuron_is_refractory_for_later_events(
    schedule: str, reset: str, kept: list[float]
) -> None:
    """With Brian2's schedule they come after the threshold, which begins the period, also one of 0."""
    net = make()
    model = sl.Equations(
        "dv/dt = 1; dg/dt = 0", threshold="v >= 0.95", reset=reset, refractory="t_ref", parameters={"t_ref": (0.0, "ms")},
        receptors={"a": "g += weight (unless refractory)"}, schedule=schedule,
    )  # fmt: skip
    cells = net.population(2, model(t_ref=[0.0, 1.0]))
    # They act with the spike at 1.0, at the two ends of the period, and after it.
    times = [0.9, 1.0, 1.9, 2.0]
    given = net.population(4, sl.SpikeSource(times, range(4)))
    weights = np.repeat([1.0, 10.0, 100.0, 1000.0], 2)
    net.connect(given, cells, sl.AllToAll(), weight=weights, delay=0.1)
    spikes = net.record(cells, "spikes")
    net.run(3.0)
    assert train(spikes) == [(10, 0), (10, 1)]
    np.testing.assert_array_equal(cells.g, kept)


@pytest.mark.parametrize(
    ("refractory", "kept"), [(None, 1111.0), (0, 1101.0), ("0*ms", 1101.0), (1.0, 1001.0)]
)
def test_a_refractory_period_of_0_has_the_step_of_the_spike(refractory: Any, kept: float) -> None:
    """Brian2's refractory period includes this step, and is here a step shorter: a period of dt there is 0 here."""
    net = make()
    model = sl.Equations(
        "dv/dt = 1; dg/dt = 0", threshold="v >= 0.95", reset="v = -100", refractory=refractory,
        receptors={"a": "g += weight (unless refractory)"}, schedule="brian2",
    )  # fmt: skip
    cell = net.population(1, model())
    given = net.population(4, sl.SpikeSource([0.8, 0.9, 1.0, 2.0], range(4)))
    net.connect(given, cell, sl.AllToAll(), weight=[1.0, 10.0, 100.0, 1000.0], delay=0.1)
    net.run(3.0)
    assert cell.g[0] == kept


UPSTROKE = "dv/dt = (40 - v + v*v/10)/10"
METHODS = ("euler", "exponential_euler", "exponential_midpoint", "heun", "rk2", "rk4")


@pytest.mark.parametrize("schedule", ["nest", "brian2"])
@pytest.mark.parametrize("method", METHODS)
def test_a_strict_threshold_fires_as_the_other(method: str, schedule: str) -> None:
    trains = []
    for threshold in ("v > 5", "v >= 5"):
        net = make()
        model = sl.Equations(
            UPSTROKE, threshold=threshold, reset="v = 0.5", initial={"v": 0.5}, method=method, schedule=schedule
        )  # fmt: skip
        spikes = net.record(net.population(1, model()), "spikes")
        net.run(10.0)
        trains.append(train(spikes))
    assert len(trains[0]) > 5
    assert trains[0] == trains[1]


@pytest.mark.parametrize("schedule", ["nest", "brian2"])
@pytest.mark.parametrize("method", METHODS)
def test_events_may_lift_a_refractory_neuron_over_its_threshold(method: str, schedule: str) -> None:
    """It is not cut to the threshold, as the upstroke of a neuron is that will be reset."""
    net = make()
    model = sl.Equations(
        UPSTROKE, threshold="v >= 5", reset="v = 0", refractory=2.0, receptors={"a": "v += weight"},
        initial={"v": 4.9}, method=method, schedule=schedule,
    )  # fmt: skip
    neuron = net.population(1, model())
    net.connect(source(net, [4]), neuron, sl.AllToAll(), weight=7.5, delay=0.1)
    v = trace(net, neuron, "v", 2.0)[:, 0]
    if schedule == "nest":
        np.testing.assert_array_equal(v, [0.0] * 4 + [7.5] * 16)
    else:  # as Brian2, it holds nothing without a flag
        assert (np.diff(v) > 0.3).all()
        assert v[4] > 7.5


@pytest.mark.parametrize("method", ["heun", "rk2", "rk4"])
def test_an_upstroke_that_is_not_held_stays_finite(method: str) -> None:
    """The other state sees v at its limit, not where a step of exp(v) leads."""
    net = make()
    model = sl.Equations(
        "dv/dt = exp(v) - v + 3; dw/dt = v + 0*w*w", threshold="v >= 3", reset="v = -1", refractory="0.5 - dt",
        method=method, schedule="brian2",
    )  # fmt: skip
    neuron = net.population(1, model())
    spikes = net.record(neuron, "spikes")
    w = trace(net, neuron, "w", 20.0)
    assert len(spikes.times) > 5
    at = np.rint(spikes.times / 0.1).astype(int) - 1
    assert (np.diff(w, axis=0, prepend=0.0)[at] <= 0.31).all()


# Models as in Brian2's scripts; spikes as Brian2 2.9 prints them for its refractory periods of 2.2 and 6 ms, as steps of 0.1
# ms. Its NeuronGroup has the equations and the reset, its Synapses `on_pre` with a weight of 1 and a delay of 0.1 ms; a
# SpikeGeneratorGroup spikes in the steps of `_GIVEN`. Method: "exponential_euler".
_GIVEN = [3, 20, 21, 40, 41, 42, 77, 120, 121, 150, 151, 152, 153, 200, 240, 241, 300, 301]
_HELD = "(unless refractory)"
_LEAK, _COND = "dv/dt = (1.3 - v)/(10*ms)", "dv/dt = (1.2 - v + g*(3 - v))/(10*ms)"
_ADAPT, _A, _G = "dv/dt = (1.6 - v - a)/(10*ms)", "da/dt = -a/(50*ms)", "dg/dt = -g/(5*ms)"
_V, _VA, _WEAK = "v = 0", "v = 0; a += 0.1", "v += 0.1*weight"


@pytest.mark.parametrize(
    ("text", "reset", "on_pre", "after_2_2", "after_6"),
    [
        (_LEAK, _V, _WEAK, [47, 138, 216, 303], [47, 138, 216, 303]),
        (f"{_LEAK} {_HELD}", _V, _WEAK, [47, 152, 268], [47, 155, 303]),
        (_LEAK, "v -= 0.5", "v += weight", [5, *range(27, 400, 22)], [5, *range(65, 400, 60)]),
        (f"{_ADAPT} {_HELD}\n{_A}", _VA, f"{_WEAK}; a += 0.02*weight", [44, 152, 288], [44, 155, 303]),
        (f"{_ADAPT}\n{_A} {_HELD}", _VA, f"{_WEAK}; a += 0.02*weight", [44, 123, 202, 303], [44, 123, 202, 303]),
        (f"{_COND}\n{_G}", _V, "g += 0.2*weight", [57, 110, 160, 204, 260, 324], [57, 117, 177, 237, 302, 378]),
        (f"{_COND} {_HELD}\n{_G} {_HELD}", _V, "g += 0.2*weight", [57, 132, 209, 288], [57, 155, 247, 350]),
        (f"{_COND}\n{_G} {_HELD}", _V, "g += 0.2*weight", [57, 104, 161, 199, 248, 295, 372], [57, 117, 177, 237, 297, 357]),
    ],
)  # fmt: skip
def test_flags_mean_what_they_do_in_brian2(
    text: str, reset: str, on_pre: str, after_2_2: list[int], after_6: list[int]
) -> None:
    """Flagged states are held and ignore events, others do neither."""
    model = sl.Equations(
        text, threshold="v > 1", reset=reset, refractory="t_ref - dt", receptors={"ex": on_pre},
        parameters={"t_ref": (2.2, "ms")}, method="exponential_euler" if "g" in on_pre else "auto", schedule="brian2",
    )  # fmt: skip
    net = make()
    cells = net.population(2, model(t_ref=[2.2, 6.0]))
    net.connect(
        source(net, [step + 1 for step in _GIVEN]), cells, sl.AllToAll(), weight=1.0, delay=0.1
    )
    spikes = net.record(cells, "spikes")
    net.run(40.0)
    steps = np.rint(spikes.times / 0.1).astype(int) - 1  # stamped a step later than in Brian2
    assert [steps[spikes.ids == k].tolist() for k in (0, 1)] == [after_2_2, after_6]


def test_effects_are_in_order_and_see_each_other() -> None:
    m = machine(
        "nest",
        text="dx/dt = 0; dy/dt = 0; dz/dt = 0",
        receptors={"a": "x += weight; y += x*weight", "b": "z += y*weight"},
    )
    m.step({"a": 3.0, "b": 2.0})
    assert [float(m.states[name][0]) for name in "xyz"] == [3.0, 9.0, 18.0]


def test_assignments_of_a_reset_are_in_order() -> None:
    m = machine(
        "nest",
        text="dx/dt = 0; dy/dt = 0",
        threshold="x >= 1",
        reset="y = x; x = y + 1; y *= 2",
        initial={"x": 3},
    )
    m.states["x"][:] = 3.0
    m.step()
    assert [float(m.states[name][0]) for name in "xy"] == [4.0, 6.0]


@pytest.mark.parametrize(
    ("threshold", "fires"),
    [("x > 1", False), ("x >= 1", True), ("x < 1", False), ("x <= 1", True), ("x == 1", True), ("x != 1", False),
     ("x >= 1 and y > 0", False), ("x > 1 or y == 0", True), ("not x > 1", True), ("not (x >= 1 and y >= 0)", False)],
)  # fmt: skip
def test_conditions(threshold: str, fires: bool) -> None:
    m = machine("nest", text="dx/dt = 0; dy/dt = 0", threshold=threshold)
    m.states["x"][:] = 1.0
    assert m.step().item() == fires, text(m.listing)


@pytest.mark.parametrize(
    "threshold", ["x >= 1", "x > 1", "1 <= x", "x >= 1 and y > 5", "y >= 1", "not x < 1", None]
)
def test_a_variable_that_is_not_a_number_is_found(threshold: str | None) -> None:
    m = machine("nest", text="dx/dt = x*y; dy/dt = 0*y*y", threshold=threshold)
    m.step()
    m.states["x"][:] = np.nan
    m.states["y"][:] = 0.0
    with pytest.raises(FloatingPointError):
        m.step()


def test_linear_models_without_a_threshold_test_nothing() -> None:
    m = machine("nest", text="dx/dt = -x")
    assert m.listing.spiked == -1
    assert len(m.listing.step) == 1


def test_a_lif_takes_no_more_than_a_kernel() -> None:
    """Instructions, registers and coefficients: as few as by hand."""
    model = read_model(
        "dV/dt = -V/tau + (I + K + I_e)/C; dI/dt = -I/tau_I; dK/dt = -K/tau_K", threshold="V >= th", reset="V = 0",
        refractory=2.0, receptors={"ex": "I += weight", "in": "K += weight"},
        parameters={"tau": 10.0, "tau_I": 2.0, "tau_K": 3.0, "C": 250.0, "I_e": 1.0, "th": 15.0},
    )  # fmt: skip
    listing = assemble(model, "auto", "I_e").listing
    assert len(listing.step) == 8, text(listing)
    assert len(listing.reset) == 1
    assert listing.registers <= 2
    assert len(listing.coefficients) == 8
    assert not listing.constants[1:]


def test_random_numbers_differ_by_occurrence_neuron_and_step() -> None:
    kind = sl.Equations("da/dt = 0; db/dt = 0; dc/dt = 0", threshold="rand() < 0.5",
                        reset="a = rand(); b = rand(); c = randn()")  # fmt: skip
    net = make(0.1)
    cells = net.population(4000, kind())
    spikes = net.record(cells, "spikes")
    a = trace(net, cells, "a", 0.2)
    assert len(spikes.times) == pytest.approx(4000, rel=0.1)
    new = a[0] != 0
    assert len(np.unique(a[0][new])) == new.sum()
    b, c = np.asarray(cells.b), np.asarray(cells.c)
    both = (b != 0) & (a[1] != 0)
    assert abs(np.corrcoef(a[1][both], b[both])[0, 1]) < 0.1
    assert a[0][new].mean() == pytest.approx(0.5, abs=0.03)
    assert c[both].std() == pytest.approx(1.0, abs=0.05)


def test_time_is_that_of_the_start_of_the_step() -> None:
    kind = sl.Equations("dx/dt = 2*t", method="rk2")  # exact for a rate that is linear in time
    net = make(0.1)
    values = trace(net, net.population(1, kind()), "x", 5.0)[:, 0]
    np.testing.assert_allclose(values, (0.1 * np.arange(1, 51)) ** 2, rtol=1e-12)


def test_a_spike_train_of_given_inputs_to_all_receptors() -> None:
    kind = sl.Equations(LINEAR, receptors=dict.fromkeys("abc", "g += weight"))
    net = make(0.1)
    cells = net.population(2, kind())
    for k, name in enumerate("abc"):
        net.connect(
            source(net, [10 * k + 5]),
            cells,
            sl.AllToAll(),
            weight=k + 1.0,
            delay=0.1,
            receptor=name,
        )
    g = trace(net, cells, "g", 4.0)[:, 0]
    jumps = {5: 1.0, 15: 2.0, 25: 3.0}
    expected, value = [], 0.0
    for step in range(40):
        value = value * np.exp(-0.05) + jumps.get(step, 0.0)
        expected.append(value)
    np.testing.assert_allclose(g, expected, rtol=1e-13)
    assert train(net.record(cells, "spikes")) == []
