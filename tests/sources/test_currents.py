"""Currents as functions of time: steps and sines, exact on the grid, and free while they are 0."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import Floats, make
from tests.network.test_inject import METER, currents

import spikelet as sl


def driven(what: Any, duration: float, *, n: int = 3, **options: Any) -> Floats:
    """Return the current of each step, [steps, n]."""
    net = make(**options)
    meter = net.population(n, METER)
    net.inject(meter, what)
    return currents(net, meter, duration)


# Steps


def test_each_amplitude_acts_from_its_time_on() -> None:
    got = driven(sl.StepCurrent([0.5, 1.0, 2.0], [10.0, 0.0, -7.0]), 3.0)
    expected = np.repeat([0.0, 10.0, 0.0, -7.0], [5, 5, 10, 10])
    np.testing.assert_allclose(got, np.tile(expected[:, None], 3), atol=1e-10)


def test_each_neuron_has_its_amplitudes() -> None:
    amplitudes = np.arange(12.0).reshape(4, 3)
    got = driven(sl.StepCurrent([0.0, 0.1, 0.4, 1.0], amplitudes), 1.5)
    expected = np.repeat(amplitudes, [1, 3, 6, 5], axis=0)
    np.testing.assert_allclose(got, expected, atol=1e-10)


def test_it_is_the_current_that_row_by_row_would_be() -> None:
    rng = np.random.default_rng(1)
    steps = np.sort(rng.choice(np.arange(400), 30, replace=False))
    amplitudes = rng.normal(0.0, 300.0, (30, 40)) * (rng.random((30, 1)) < 0.7)
    rows = np.zeros((500, 40))
    for step, row in zip(steps, amplitudes, strict=True):
        rows[step:] = row
    results = []
    for what in (sl.StepCurrent(steps * 0.1, amplitudes), sl.CurrentInput(rows)):
        for cuts in ([50.0], [0.1, 7.3, 42.6]):
            net = make(dtype="float32", threads=2)
            cells = net.population(90, sl.LIF())
            net.inject(cells[np.arange(80, 0, -2)], what)
            v = net.record(cells, "V_m")
            for cut in cuts:
                net.run(cut)
            results.append(v.values)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


@pytest.mark.parametrize(("snap", "steps"), [(True, [0, 3]), ("up", [1, 3])])
def test_times_off_the_grid(snap: Any, steps: list[int]) -> None:
    times = [0.04, 0.26]
    net = make()
    cells = net.population(3, METER)
    with pytest.raises(ValueError, match=r"inject .*times must lie on the grid.*snap=True.*0\.04"):
        net.inject(cells, sl.StepCurrent(times, [1.0, 2.0]))
    got = driven(sl.StepCurrent(times, [1.0, 2.0], snap=snap), 0.5)[:, 0]
    expected = np.zeros(5)
    expected[steps[0] :], expected[steps[1] :] = 1.0, 2.0
    np.testing.assert_allclose(got, expected, atol=1e-11)


def test_times_are_the_networks_and_not_in_the_past() -> None:
    net = make()
    meter = net.population(1, METER)
    net.run(1.0)
    with pytest.raises(ValueError, match=r"times must not lie in the past, before 1 ms, got 0\.9"):
        net.inject(meter, sl.StepCurrent([0.9, 2.0], [1.0, 2.0]))
    drive = net.inject(meter, sl.StepCurrent([1.0, 1.5], [1.0, 2.0]))
    np.testing.assert_allclose(currents(net, meter, 1.0)[:, 0], [1.0] * 5 + [2.0] * 5, atol=1e-11)
    drive.amplitudes = [5.0, 6.0]  # of the same times, from now on
    np.testing.assert_allclose(currents(net, meter, 0.3)[:, 0], 6.0, atol=1e-11)
    with pytest.raises(ValueError, match="in the past"):
        drive.set(times=[2.0], amplitudes=[1.0])
    drive.set(times=[2.4], amplitudes=[8.0])
    np.testing.assert_allclose(currents(net, meter, 0.3)[:, 0], [0.0, 8.0, 8.0], atol=1e-11)


def test_a_reset_brings_the_steps_back() -> None:
    net = make()
    meter = net.population(2, METER)
    net.run(1.0)
    net.inject(meter, sl.StepCurrent([1.2, 1.4], [3.0, 0.0]))
    first = currents(net, meter, 1.0)
    net.reset()
    again = currents(net, meter, 2.0)
    assert not again[:10].any()
    np.testing.assert_allclose(again[10:], first, atol=1e-11)


def test_memory_follows_the_changes() -> None:
    net = make()
    cells = net.population(10, sl.LIF())
    drive = net.inject(cells, sl.StepCurrent([0.0, 1e12], [5.0, 0.0]))  # 1e13 steps
    assert drive.amplitudes.nbytes == 16
    net.run(1.0)


# Sines


def test_a_sine_is_that_of_the_start_of_each_step() -> None:
    net = make()
    meter = net.population(2, METER)
    net.run(3.0)
    net.inject(meter, sl.SineCurrent(amplitude=50.0, offset=7.0, frequency=40.0, phase=30.0))
    t = 3.0 + 0.1 * np.arange(500)
    expected = 7.0 + 50.0 * np.sin(2 * np.pi * 40e-3 * t + np.pi / 6)
    got = currents(net, meter, 50.0)
    np.testing.assert_allclose(got, np.tile(expected[:, None], 2), atol=1e-9)


def test_each_neuron_has_its_sine() -> None:
    amplitude, frequency = np.array([1.0, 2.0, 3.0]), np.array([0.0, 10.0, 200.0])
    phase = np.array([90.0, 0.0, -45.0])
    got = driven(sl.SineCurrent(amplitude, 0.0, frequency, phase), 20.0)
    t = 0.1 * np.arange(200)[:, None]
    expected = amplitude * np.sin(2e-3 * np.pi * frequency * t + np.deg2rad(phase))
    np.testing.assert_allclose(got, expected, atol=1e-10)


def test_a_phase_with_a_unit_becomes_degrees() -> None:
    pq = pytest.importorskip("quantities")
    assert sl.SineCurrent(1.0, phase=np.pi / 2 * pq.rad).phase == pytest.approx(90.0)
    wave = sl.SinusoidalPoisson(5.0, 1.0, 2.0, phase=np.pi * pq.rad)
    assert wave.phase == pytest.approx(180.0)


def test_a_sine_keeps_its_phase_over_hours() -> None:
    net = make()
    meter = net.population(1, METER)
    net.inject(meter, sl.SineCurrent(1.0, frequency=100.0))
    net.reset(at=1e9)
    got = currents(net, meter, 10.0)[:, 0]
    np.testing.assert_allclose(got, np.sin(2 * np.pi * 0.01 * np.arange(100)), atol=1e-7)


def test_a_sine_can_be_changed() -> None:
    net = make()
    meter = net.population(1, METER)
    drive = net.inject(meter, sl.SineCurrent(0.0, offset=4.0))
    np.testing.assert_allclose(currents(net, meter, 0.2), 4.0, atol=1e-11)
    drive.set(amplitude=2.0, phase=90.0)
    np.testing.assert_allclose(currents(net, meter, 0.2), 6.0, atol=1e-11)
    drive.set(amplitude=0.0, offset=0.0)
    np.testing.assert_allclose(currents(net, meter, 0.2), 0.0, atol=1e-11)


# Bad input


@pytest.mark.parametrize(
    ("make_it", "match"),
    [
        (lambda: sl.StepCurrent([1.0, 0.5], [1.0, 2.0]), r"times must ascend, got 1 before 0\.5 at index 0"),
        (lambda: sl.StepCurrent([1.0, 1.0], [1.0, 2.0]), "times must ascend"),
        (lambda: sl.StepCurrent([-1.0], [1.0]), r"times must be .*>= 0"),
        (lambda: sl.StepCurrent([1.0], [1.0, 2.0]), r"one time for each of 2 rows, got shape \(1,\)"),
        (lambda: sl.StepCurrent(1.0, [1.0]), "one time for each of 1 rows"),
        (lambda: sl.StepCurrent([1.0], 5.0), r"amplitudes must be \[steps\] or \[steps, n\]"),
        (lambda: sl.StepCurrent([1.0], [np.inf]), "amplitudes must be finite"),
        (lambda: sl.StepCurrent([1.0], [1.0], snap="down"), "snap must be True, False"),
        (lambda: sl.SineCurrent(np.nan), "amplitude must not contain NaN"),
        (lambda: sl.SineCurrent(1.0, frequency=-1.0), "frequency must be .*>= 0"),
        (lambda: sl.SineCurrent([[1.0]]), "amplitude must have at most one dimension"),
    ],
)  # fmt: skip
def test_bad_descriptions(make_it: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make_it()


@pytest.mark.parametrize(
    ("what", "match"),
    [
        (sl.StepCurrent([1.0], [[1.0, 2.0]]), r"amplitudes must be \[steps\] or \[steps, 3\], got shape \(1, 2\)"),
        (sl.StepCurrent([1.0], [1e300]), "amplitudes must be finite and within the range of float32"),
        (sl.StepCurrent([0.12, 0.13], [1.0, 2.0], snap=True), r"times must lie in different steps of 0\.1 ms"),
        (sl.StepCurrent([1e300], [1.0]), r"times must lie within 2\^53 steps"),
        (sl.SineCurrent([1.0, 2.0]), "amplitude must be one number or 3 numbers"),
        (sl.SineCurrent(1e300), "amplitude must not add more than"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(what: Any, match: str) -> None:
    net = make(dtype="float32")
    cells = net.population(3, sl.LIF(), name="cells")
    with pytest.raises(ValueError, match=f"inject cells: {match}"):
        net.inject(cells, what)
    assert net.inputs == ()
