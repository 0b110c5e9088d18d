from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyNN.errors import InvalidParameterValueError, RoundingWarning
from pyNN.parameters import Sequence

from spikelet.pynn.sources import HeldParameters, non_negative


def _trains(cells: Any) -> list[list[float]]:
    return [train.magnitude.tolist() for train in cells.get_data().segments[-1].spiketrains]


# Given spikes -------------------------------------------------------------------------------------------------------


def test_given_times_are_recorded_as_they_are(sim: Any) -> None:
    """Also those between two steps, and two in one step."""
    times = [[0.0, 0.25, 0.27, 5.0], [3.14159]]
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=times))
    source.record("spikes")
    sim.run(10.0)
    assert _trains(source) == times
    assert list(source.get_spike_counts().values()) == [4, 1]


def test_a_time_between_steps_acts_at_the_later_step(sim: Any) -> None:
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=[[1.0], [0.93]]))
    cells = sim.Population(2, sim.IF_curr_exp())
    synapse = sim.StaticSynapse(weight=1.0, delay=0.5)
    sim.Projection(source, cells, sim.OneToOneConnector(), synapse)
    cells.record("v")
    sim.run(3.0)
    v = cells.get_data().segments[0].analogsignals[0].magnitude
    assert (v[:16] == -65.0).all()
    assert (v[16] > -65.0).all()
    assert np.array_equal(v[:, 0], v[:, 1])


def test_times_can_change_between_runs_and_in_part(sim: Any) -> None:
    source = sim.Population(3, sim.SpikeSourceArray(spike_times=[2.0, 12.0]))
    source.record("spikes")
    sim.run(10.0)
    source[1].spike_times = [3.0, 15.0]  # 3.0 is past
    source[2:].set(spike_times=[Sequence([])])
    sim.run(10.0)
    assert _trains(source) == [[2.0, 12.0], [2.0, 15.0], [2.0]]
    assert [x.value.tolist() for x in source.get("spike_times")] == [[2.0, 12.0], [3.0, 15.0], []]
    sim.reset()
    sim.run(20.0)
    assert _trains(source) == [[2.0, 12.0], [3.0, 15.0], []]


def test_one_train_serves_all_cells(sim: Any) -> None:
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=range(1, 4)))
    source.record("spikes")
    sim.run(5.0)
    assert _trains(source) == [[1.0, 2.0, 3.0]] * 2
    assert source.get("spike_times").value.tolist() == [1.0, 2.0, 3.0]


def test_a_spike_at_0_is_one_step_late_after_a_reset(sim: Any) -> None:
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[0.0, 2.0]))
    source.record("spikes")
    cells = sim.Population(1, sim.IF_curr_exp())
    synapse = sim.StaticSynapse(weight=1.0, delay=0.5)
    sim.Projection(source, cells, sim.OneToOneConnector(), synapse)
    cells.record("v")
    sim.run(5.0)
    sim.reset()
    with pytest.warns(RoundingWarning, match=r"spikes at 0 ms act one step later, at 0\.1 ms"):
        sim.run(5.0)
    assert [t.magnitude.tolist() for t in source.get_data().segments[1].spiketrains] == [[0.0, 2.0]]
    first, second = (s.analogsignals[0].magnitude for s in cells.get_data().segments)
    assert first[6, 0] > -65.0
    assert second[6, 0] == -65.0
    assert second[7, 0] > -65.0


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([3.0, 2.0], "increasing order, got 3 before 2"),
        ([-1.0], "between 0 and 1e"),
        ([float("nan")], "between 0 and 1e"),
        ([1e12], "between 0 and 1e"),
    ],
)
def test_bad_times_change_nothing(sim: Any, times: list[float], message: str) -> None:
    source = sim.Population(2, sim.SpikeSourceArray(spike_times=[1.0]))
    with pytest.raises(InvalidParameterValueError, match=message):
        source.set(spike_times=times)
    with pytest.raises(InvalidParameterValueError, match=message):
        source[1].spike_times = times
    source.record("spikes")
    sim.run(5.0)
    assert _trains(source) == [[1.0]] * 2


# Poisson processes --------------------------------------------------------------------------------------------------


def test_rates_hold_between_start_and_stop(sim: Any) -> None:
    parameters = {"rate": [100.0, 200.0, 0.0], "start": [0.0, 500.0, 0.0], "duration": 1000.0}
    source = sim.Population(3, sim.SpikeSourcePoisson(**parameters))
    source.record("spikes")
    sim.run(2000.0)
    trains = [np.array(train) for train in _trains(source)]
    for train, mean in zip(trains, (100, 200, 0), strict=True):
        assert abs(len(train) - mean) <= 5 * np.sqrt(mean)
    assert trains[0].max() <= 1000.0
    assert trains[1].min() > 500.0
    assert 1000.0 < trains[1].max() <= 1500.0
    assert source.get("start").tolist() == [0.0, 500.0, 0.0]
    assert source.get("duration") == 1000.0


def test_rates_can_change_between_runs(sim: Any) -> None:
    source = sim.Population(200, sim.SpikeSourcePoisson(rate=10.0, duration=float("inf")))
    source.record("spikes")
    counts = []
    for rate in (10.0, 100.0, 0.0):
        source.set(rate=rate)
        sim.run(500.0)
        counts.append(sum(source.get_spike_counts().values()))
    source[7].rate = 1000.0
    sim.run(500.0)
    first, second, third = np.diff([0, *counts])
    assert abs(first - 1000) < 5 * np.sqrt(1000)
    assert abs(second - 10000) < 5 * np.sqrt(10000)
    assert third == 0
    last = source.get_spike_counts()
    assert sum(last.values()) - counts[-1] > 400
    assert last[int(source[7])] > 400


def test_the_start_counts_from_each_reset(sim: Any) -> None:
    source = sim.Population(20, sim.SpikeSourcePoisson(rate=200.0, start=50.0, duration=20.0))
    source.record("spikes")
    for _ in range(2):
        sim.run(100.0)
        sim.reset()
    for segment in source.get_data().segments:
        times = segment.spiketrains.multiplexed[1].magnitude
        assert len(times) > 30
        assert 50.0 < times.min() < times.max() <= 70.0


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rate": -1.0}, "rate must be finite and >= 0, got -1"),
        ({"rate": float("inf")}, "rate must be finite"),
        ({"start": float("nan")}, "start must be finite"),
        ({"rate": 1e9}, "rate must be at most"),
    ],
)
def test_bad_rates_are_refused(sim: Any, parameters: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidParameterValueError, match=message):
        sim.Population(2, sim.SpikeSourcePoisson(**parameters))
    source = sim.Population(2, sim.SpikeSourcePoisson(rate=5.0))
    with pytest.raises(InvalidParameterValueError, match=message):
        source[1:].set(**parameters)
    assert source.get("rate") == 5.0


def test_helpers_check_and_keep() -> None:
    found = non_negative("it", {"a": [1.0, 0.0], "duration": np.inf})
    assert found["a"].tolist() == [1.0, 0.0]
    with pytest.raises(InvalidParameterValueError, match="it: a must be finite and > 0, got 0"):
        non_negative("it", {"a": [1.0, 0.0]}, positive=("a",))
    with pytest.raises(NotImplementedError):
        HeldParameters(None, 1, {"a": 1.0}, "", None)  # type: ignore[arg-type]


@pytest.mark.parametrize("times", [3.0, lambda i: i + 1.0], ids=["number", "function"])
def test_spike_times_are_lists(sim: Any, times: Any) -> None:
    with pytest.raises(InvalidParameterValueError, match="must be a list or a Sequence of times"):
        sim.Population(2, sim.SpikeSourceArray(spike_times=times))
    assert len(sim.simulator.state.network.populations) == 0
