"""Pulse packets: how many spikes, where, and whose random numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.conftest import make, train

import spikelet as sl


def fired(model: Any, n: int, duration: float, **options: Any) -> list[tuple[int, int]]:
    net = make(**options)
    spikes = net.record(net.population(n, model), "spikes")
    net.run(duration)
    return train(spikes)


def test_each_element_fires_a_normal_volley_around_each_time() -> None:
    spikes = np.array(fired(sl.PulsePacket([100.0, 250.0], 20, 4.0), 150, 400.0))
    np.testing.assert_array_equal(np.bincount(spikes[:, 1]), 40)
    for center in (100.0, 250.0):
        near = spikes[np.abs(spikes[:, 0] * 0.1 - center) < 50.0, 0]
        assert len(near) == 3000
        # A stamp is the end of the step in which the spike lies.
        observed = np.histogram(near, bins=np.arange(-10.5, 11.5) * 10 + center * 10)[0]
        edges = np.arange(-10.5, 11.5) - 0.1  # stamps from 5 on are spikes after 4.9 ms
        expected = 3000 * np.diff(stats.norm.cdf(edges / 4.0))
        assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-5


def test_without_deviation_all_spikes_come_at_the_time() -> None:
    assert (
        fired(sl.PulsePacket([0.3, 0.7, 1.0], 2, 0.0), 1, 2.0)
        == [(3, 0)] * 2 + [(7, 0)] * 2 + [(10, 0)] * 2
    )
    assert fired(sl.PulsePacket([0.0], 1), 2, 1.0) == [(0, 0), (0, 1)]
    assert fired(sl.PulsePacket([0.24], 1), 1, 1.0) == [(3, 0)]
    assert fired(sl.PulsePacket([], 5, 1.0), 3, 1.0) == []
    assert fired(sl.PulsePacket([0.5], 0, 1.0), 3, 1.0) == []


def test_spikes_before_the_start_are_left_out() -> None:
    early = fired(sl.PulsePacket([0.0], 50, 2.0), 20, 20.0)
    assert 400 < len(early) < 600
    assert min(early)[0] >= 1
    net = make()
    net.run(10.0)
    spikes = net.record(net.population(20, sl.PulsePacket([10.0], 50, 2.0)), "spikes")
    net.run(20.0)
    assert 400 < len(spikes.times) < 600
    assert spikes.times.min() > 10.0


def test_random_numbers_belong_to_element_packet_and_spike() -> None:
    many = fired(sl.PulsePacket([20.0, 60.0], 9, 3.0), 30, 100.0)
    few = fired(sl.PulsePacket([20.0, 60.0], 4, 3.0), 10, 100.0)
    assert set(few) <= set(many)
    assert len(few) == 80
    assert fired(sl.PulsePacket([20.0, 60.0], 9, 3.0), 30, 100.0, threads=3) == many
    assert fired(sl.PulsePacket([20.0, 60.0], 9, 3.0), 30, 100.0, seed=2) != many
    net = make()
    recorders = [
        net.record(net.population(30, sl.PulsePacket([20.0], 9, 3.0)), "spikes") for _ in "ab"
    ]
    net.run(100.0)
    assert train(recorders[0]) != train(recorders[1])


def test_parameters_change_between_runs() -> None:
    net = make()
    source = net.population(4, sl.PulsePacket([10.0, 30.0], 5, 1.0))
    spikes = net.record(source, "spikes")
    net.run(20.0)
    source.activity = 50
    net.run(40.0)
    assert (spikes.times < 20.0).sum() == 20
    assert (spikes.times > 20.0).sum() == 200
    with pytest.raises(ValueError, match="is of the whole population"):
        source[:2].activity = 3


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([-1.0], 5, 1.0), ValueError, "PulsePacket: times must be .*>= 0"),
        (([np.nan], 5, 1.0), ValueError, "times must not contain NaN"),
        (([1.0], 5, -1.0), ValueError, "sdev must be .*>= 0"),
        (([1.0], 5, [1.0]), ValueError, "sdev must be one number"),
        (([1.0], -5, 1.0), ValueError, "activity must be >= 0"),
        (([1.0], 2.5, 1.0), TypeError, "activity must be an integer"),
        (([1.0], 2**19, 1.0), ValueError, "activity must be >= 0 and <= 262144"),
    ],
)
def test_bad_descriptions(arguments: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        sl.PulsePacket(*arguments)
