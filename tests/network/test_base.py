"""Time is a multiple of the time step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import busy_network, make

import spikelet as sl


def test_reset_to_another_time_draws_other_noise() -> None:
    net = sl.Network(dt=0.5, seed=4)
    X, E = net.population(20, sl.PoissonSource(80.0)), net.population(30, sl.LIFDelta())
    stdp = sl.STDP(A_plus=0.5, A_minus=0.4, w_max=10.0)
    net.connect(X, E, sl.AllToAll(), weight=2.0, delay=1.5, plasticity=stdp)
    few = net.connect(X, E, sl.FixedProbability(0.3), weight=2.0, delay=2.0, plasticity=stdp)
    many = net.connect(
        X, E, sl.FixedProbability(0.3), weight=2.0, delay=sl.Uniform(0.5, 4.0), plasticity=stdp
    )
    spikes = net.record(E, "spikes")

    def trial(at: float) -> tuple[np.ndarray, ...]:
        net.reset(at=at)
        assert net.t == at
        net.run(100.0)
        return spikes.times - at, spikes.ids, few.weights, many.weights

    first, later = trial(0.0), trial(1e9 + 0.5)
    assert len(first[0]) > 100
    assert len(first[0]) != len(later[0]) or (first[1] != later[1]).any()
    for at, expected in ((0.0, first), (1e9 + 0.5, later)):
        for ours, theirs in zip(trial(at), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    for bad, text in ((-1.0, ">= 0"), (0.3, "a multiple of dt"), (float("inf"), "finite")):
        with pytest.raises(ValueError, match=rf"reset: at must be .*{text}"):
            net.reset(at=bad)


# Time


@pytest.mark.parametrize("dt", [0.1, 0.025, 1.0, 0.05, 0.3, 2.0])
def test_time_is_a_multiple_of_dt_without_drift(dt: float) -> None:
    net = make(dt)
    assert net.t == 0.0
    for _ in range(1000):
        net.run(dt)
    assert net.t == pytest.approx(1000 * dt, rel=1e-15)
    net.run(977 * dt)
    assert net.t == pytest.approx(1977 * dt, rel=1e-15)


def test_a_run_of_0_ms_does_nothing() -> None:
    net, cells, spikes, plastic = busy_network()
    net.run(0.0)
    assert net.t == 0.0
    net.run(10.0)
    states, weights = np.asarray(cells.V_m), plastic.weights
    net.run(0.0)
    assert net.t == 10.0
    np.testing.assert_array_equal(cells.V_m[:], states)
    np.testing.assert_array_equal(plastic.weights, weights)
    assert len(spikes.times) > 0


def test_a_long_time_is_on_the_grid() -> None:
    net = make()
    net.run(1e6)
    net.run(12_345.6)
    assert net.t == 1_012_345.6


@pytest.mark.parametrize("kind", [np.float32, np.float16, lambda x: np.array(x, np.float32)])
def test_a_time_in_single_precision_is_the_decimal_that_it_shows(kind: Any) -> None:
    net = sl.Network(dt=kind(0.1))
    assert net.dt == 0.1
    cells = net.population(1, sl.LIF(I_e=500.0))
    v_m = net.record(cells, "V_m", every=kind(0.3))
    net.run(1000.0)
    net.run(np.float32(1000.1))
    assert net.t == 2000.1
    assert v_m.times[-1] == 2000.1
    with pytest.raises(
        ValueError, match=r"run: duration must be a multiple of dt = 0.1 ms, got 0.25"
    ):
        net.run(np.float32(0.25))
