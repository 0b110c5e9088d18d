"""Recorders: what is recorded, when, and in which order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import MODELS, busy_network, make, source, train

import spikelet as sl

# Spikes


@pytest.mark.parametrize("threads", [1, 3])
def test_spikes_are_sorted_by_time_then_id(threads: int) -> None:
    net = make(threads=threads)
    rng = np.random.default_rng(0)
    stamps, ids = np.sort(rng.integers(0, 50, 600)), rng.integers(0, 200, 600)
    spikes = net.record(net.population(200, sl.SpikeSource(stamps * 0.1, ids, snap=True)), "spikes")
    for _ in range(5):
        net.run(1.0)
    assert train(spikes) == sorted(zip(stamps.tolist(), ids.tolist(), strict=True))
    assert spikes.times.dtype == np.float64
    assert spikes.ids.dtype == np.int64
    # A time is the float nearest to a multiple of 0.1.
    np.testing.assert_array_equal(spikes.times, [float(f"{s / 10:.1f}") for s in np.sort(stamps)])


def test_spikes_of_a_part() -> None:
    net, cells, whole, _ = busy_network()
    part = net.record(cells[[70, 3, 12]], "spikes")
    one = net.record(cells[64], "spikes")
    net.run(80.0)
    everything = train(whole)
    assert train(part) == [e for e in everything if e[1] in (3, 12, 70)]
    assert train(one) == [e for e in everything if e[1] == 64]
    np.testing.assert_array_equal(part.counts(), whole.counts()[[70, 3, 12]])
    assert part.counts().min() > 0


def test_counts_and_rates() -> None:
    net = make()
    stamps = [0, 0, 5, 10, 10, 15, 20]
    spikes = net.record(source(net, stamps, [0, 1, 1, 1, 2, 1, 0]), "spikes")
    net.run(4.0)
    np.testing.assert_array_equal(spikes.counts(), [2, 4, 1])
    np.testing.assert_array_equal(spikes.counts(0.0, 1.0), [1, 3, 1])
    np.testing.assert_array_equal(spikes.counts(0.5, 1.5), [0, 2, 1])  # start < time <= stop
    np.testing.assert_array_equal(spikes.counts(1.0), [1, 1, 0])
    np.testing.assert_array_equal(spikes.counts(3.0, 4.0), [0, 0, 0])
    np.testing.assert_allclose(spikes.rates(), [500.0, 1000.0, 250.0])
    np.testing.assert_allclose(spikes.rates(0.5, 2.5), [500.0, 1000.0, 500.0])
    assert "7 spikes" in repr(spikes)


def test_rates_before_a_run_are_zero() -> None:
    net = make()
    spikes = net.record(net.population(3, sl.LIF()), "spikes")
    np.testing.assert_array_equal(spikes.rates(), np.zeros(3))
    assert len(spikes.times) == len(spikes.ids) == 0


# States


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("model", MODELS)
def test_samples_are_the_states_at_the_ends_of_steps(model: Any, dtype: str, threads: int) -> None:
    net, cells, _, _ = busy_network(model, dtype=dtype, threads=threads, theta=True)
    states = cells.model.states
    recorders = [net.record(cells, state) for state in states]
    other, twins, _, _ = busy_network(model, dtype=dtype, theta=True)
    net.run(6.0)
    read: dict[str, list[Any]] = {state: [] for state in states}
    for _ in range(60):
        other.run(0.1)
        for state in states:
            read[state].append(np.asarray(getattr(twins, state)))
    for state, recorder in zip(states, recorders, strict=True):
        assert recorder.values.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(recorder.values, read[state])
        assert np.ptp(recorder.values) > 0


def test_theta_of_a_model_that_does_not_adapt_is_zero() -> None:
    net = make()
    cells = net.population(3, sl.LIF(I_e=900.0))
    theta = net.record(cells, "theta")
    net.run(20.0)
    np.testing.assert_array_equal(theta.values, np.zeros((200, 3)))


# Weights


@pytest.mark.parametrize("threads", [1, 3])
def test_recorded_weights_are_those_that_are_read(threads: int) -> None:
    net, _, _, plastic = busy_network(threads=threads)
    recorder = net.record(plastic, "weights", every=0.7)
    other, _, _, twin = busy_network()
    net.run(30.0)
    read = []
    for _ in range(42):
        other.run(0.7)
        read.append(twin.weights)
    np.testing.assert_array_equal(recorder.values, read)
    assert len(np.unique(recorder.values)) > 1000
    assert "42 samples" in repr(recorder)


def test_static_weights_can_be_recorded() -> None:
    net = make()
    cells = net.population(2, sl.LIF())
    p = net.connect(cells, cells, sl.AllToAll(), weight=[1.0, 2.0, 3.0, -4.0])
    recorder = net.record(p, "weights", every=1.0)
    net.run(1.0)
    p.weights = 5.0
    net.run(1.0)
    np.testing.assert_array_equal(recorder.values, [[1.0, 2.0, 3.0, -4.0], [5.0] * 4])
