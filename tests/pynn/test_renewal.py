from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyNN.errors import InvalidParameterValueError
from pyNN.parameters import Sequence
from scipy import stats

from spikelet.pynn import renewal


def _times(source: Any) -> list[np.ndarray]:
    return [train.magnitude for train in source.get_data().segments[-1].spiketrains]


def test_gamma_intervals(sim: Any) -> None:
    sim.setup(timestep=0.01)
    kind = sim.SpikeSourceGamma(alpha=[2, 5, 3], beta=[200.0, 400.0, 0.0])
    source = sim.Population(3, kind)
    source.record("spikes")
    sim.run(20000.0)
    a, b, silent = _times(source)
    for times, alpha, beta in ((a, 2, 200.0), (b, 5, 400.0)):
        test = stats.kstest(np.diff(times), "gamma", args=(alpha, 0, 1000.0 / beta))
        assert len(times) > 1400
        assert test.pvalue > 1e-4
    assert len(silent) == 0


def test_dead_times(sim: Any) -> None:
    sim.setup(timestep=0.01)
    kind = sim.SpikeSourcePoissonRefractory(rate=[100.0, 50.0, 0.0], tau_refrac=[5.0, 0.0, 5.0])
    source = sim.Population(3, kind)
    source.record("spikes")
    sim.run(20000.0)
    a, b, silent = _times(source)
    for times, rate, dead in ((a, 100.0, 5.0), (b, 50.0, 0.0)):
        test = stats.kstest(np.diff(times), "expon", args=(dead, 1000.0 / rate - dead))
        assert test.pvalue > 1e-4
        assert abs(len(times) - 20 * rate) < 5 * np.sqrt(20 * rate)
    assert np.diff(a).min() > 5.0 - 0.011
    assert len(silent) == 0


def test_a_gamma_process_that_changes(sim: Any) -> None:
    kind = sim.SpikeSourceInhGamma(a=[1.0, 4.0], b=[0.02, 0.0025], tbins=[0.0, 10000.0])
    source = sim.Population(1, kind)
    source.record("spikes")
    sim.run(20000.0)
    (times,) = _times(source)
    for part, shape, mean in (
        (times[times < 10000.0], 1.0, 20.0),
        (times[times > 10100.0], 4.0, 10.0),
    ):
        intervals = np.diff(part)
        assert intervals.mean() == pytest.approx(mean, rel=5 / np.sqrt(shape * len(intervals)))
        assert intervals.std() / intervals.mean() == pytest.approx(shape**-0.5, rel=0.15)


def test_the_hazard_is_that_of_the_distribution() -> None:
    hazard = renewal._hazard
    for shape, scale, age in ((1.0, 5.0, 3.0), (2.5, 5.0, 12.0), (4.0, 2.0, 0.5)):
        law = stats.gamma(shape, scale=scale)
        assert hazard(shape, scale, age) == pytest.approx(law.pdf(age) / law.sf(age))
    assert hazard(3.0, 2.0, 1e5) == 0.5  # the limit


def test_spikes_do_not_depend_on_the_cuts_of_a_run(sim: Any) -> None:
    def run(*durations: float) -> list[np.ndarray]:
        sim.setup(timestep=0.1)
        source = sim.Population(3, sim.SpikeSourceGamma(beta=[50.0, 100.0, 300.0], start=30.0))
        source.record("spikes")
        for duration in durations:
            sim.run(duration)
        return _times(source)

    for a, b in zip(run(2500.0), run(0.1, 1200.0, 7.0, 1292.9), strict=True):
        assert len(a) > 30
        assert a.min() > 30.0
        assert np.array_equal(a, b)


def test_parameters_can_change_between_runs(sim: Any) -> None:
    source = sim.Population(2, sim.SpikeSourceGamma(alpha=2, beta=400.0, duration=3000.0))
    source.record("spikes")
    sim.run(1000.0)
    before = _times(source)
    source[1].beta = 40.0
    sim.run(3000.0)
    after = _times(source)
    for a, b in zip(before, after, strict=True):
        assert np.array_equal(a, b[: len(a)])
        assert b.max() <= 3000.0
    assert abs(len(after[0]) - 600) < 5 * np.sqrt(600)
    assert 200 < len(after[1]) < 300
    assert source.get("beta").tolist() == [400.0, 40.0]


def test_segments_differ(sim: Any) -> None:
    source = sim.Population(2, sim.SpikeSourcePoissonRefractory(rate=100.0, tau_refrac=2.0))
    source.record("spikes")
    for _ in range(2):
        sim.run(200.0)
        sim.reset()
    first, second = (s.spiketrains.multiplexed[1].magnitude for s in source.get_data().segments)
    assert len(first) > 10
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("SpikeSourceGamma", {"alpha": 0}, "alpha must be finite and > 0"),
        ("SpikeSourceGamma", {"beta": -1.0}, "beta must be finite and >= 0"),
        ("SpikeSourcePoissonRefractory", {"rate": 100.0, "tau_refrac": 10.0}, "shorter than"),
        ("SpikeSourceInhGamma", {"a": Sequence([0.5])}, "a >= 1"),
        ("SpikeSourceInhGamma", {"b": Sequence([1.0, 2.0])}, "one value for each bin"),
    ],
)
def test_bad_parameters_are_refused(
    sim: Any, name: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidParameterValueError, match=message):
        sim.Population(2, getattr(sim, name)(**parameters))
    assert sim.simulator.state.populations == []
