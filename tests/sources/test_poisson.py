"""Poisson sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.conftest import make, train
from tests.support.counts import assert_poisson, counts_by_step

import spikelet as sl


@pytest.mark.parametrize("mean", [0.003, 0.1, 1.0, 5.0, 20.0, 34.0, 40.0, 200.0])
def test_poisson_counts_follow_the_distribution(mean: float) -> None:
    n, steps = 130, max(100, int(1500 / (1 + mean)))
    net = make()
    spikes = net.record(net.population(n, sl.PoissonSource(mean * 1e4)), "spikes")
    net.run(steps * 0.1)
    counts = counts_by_step(spikes, steps, n).reshape(-1)
    assert_poisson(counts, mean)


@pytest.mark.filterwarnings("ignore:PoissonSource. rate")
def test_very_low_rates_are_not_rounded_away() -> None:
    net = make(1.0)
    spikes = net.record(net.population(60_000, sl.PoissonSource(0.006)), "spikes")
    net.run(2000.0)  # 6e-6 spikes a draw, far below 2^-16
    assert abs(len(spikes.times) - 720) < 5 * np.sqrt(720)


@pytest.mark.parametrize("mean", [0.2, 3.0])
def test_poisson_elements_and_steps_are_independent(mean: float) -> None:
    n, steps = 128, 2000
    net = make()
    first = net.population(n, sl.PoissonSource(mean * 1e4))
    second = net.population(n, sl.PoissonSource(mean * 1e4))
    a, b = net.record(first, "spikes"), net.record(second, "spikes")
    net.run(steps * 0.1)
    x, y = counts_by_step(a, steps, n), counts_by_step(b, steps, n)
    x_, y_ = (x - mean) / np.sqrt(mean), (y - mean) / np.sqrt(mean)
    pairs = x_.T @ x_ / steps
    np.fill_diagonal(pairs, 0.0)
    assert np.abs(pairs).max() < 6 / np.sqrt(steps)
    assert pairs[np.triu_indices(n, 1)].std() * np.sqrt(steps) == pytest.approx(1.0, abs=0.05)
    bound = 5 / np.sqrt(n * steps)
    for lag in (1, 2, 3, 64):
        assert abs((x_[lag:] * x_[:-lag]).mean()) < bound
    assert abs((x_ * y_).mean()) < bound
    # Each element's total varies as it should.
    assert stats.chisquare(x.sum(axis=0)).pvalue > 1e-5


def test_each_element_has_its_rate() -> None:
    rates = np.array([0.0, 10.0, 100.0, 1000.0, 10_000.0] * 20)
    net = make()
    spikes = net.record(net.population(100, sl.PoissonSource(rates)), "spikes")
    net.run(1000.0)
    counts = spikes.counts()
    assert not counts[rates == 0.0].any()
    assert np.all(np.abs(counts - rates) <= 5 * np.sqrt(rates))


def test_rates_change_between_runs() -> None:
    net = make()
    pop = net.population(100, sl.PoissonSource(0.0))
    spikes = net.record(pop, "spikes")
    net.run(100.0)
    assert not len(spikes.times)
    pop.rate = 200.0
    net.run(1000.0)
    assert abs(len(spikes.times) - 20_000) < 5 * np.sqrt(20_000)
    pop[50:].rate = 0.0
    np.testing.assert_array_equal(pop.rate, [200.0] * 50 + [0.0] * 50)
    net.run(1000.0)
    late = spikes.counts(1100.0)
    assert not late[50:].any()
    assert abs(late[:50].sum() - 10_000) < 5 * np.sqrt(10_000)
    pop.rate = np.arange(100.0)
    net.run(1000.0)
    assert np.all(np.abs(spikes.counts(2100.0) - np.arange(100)) <= 5 * np.sqrt(np.arange(100)))


def test_a_train_depends_on_seed_and_population_alone() -> None:
    def run(seed: int, n: int, rate: Any, *, extra: bool = False) -> list[tuple[int, int]]:
        net = make(seed=seed)
        pop = net.population(n, sl.PoissonSource(rate))
        if extra:
            net.population(5, sl.PoissonSource(1000.0))
        spikes = net.record(pop, "spikes")
        net.run(50.0)
        return train(spikes)

    base = run(1, 100, 300.0)
    assert run(1, 100, np.full(100, 300.0), extra=True) == base
    assert [e for e in run(1, 300, 300.0) if e[1] < 100] == base
    assert run(2, 100, 300.0) != base


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65])
def test_padding_of_a_source_is_silent(n: int) -> None:
    net = make()
    spikes = net.record(net.population(n, sl.PoissonSource(50_000.0)), "spikes")
    net.run(10.0)
    assert set(spikes.ids) == set(range(n))


# Rates and counts that are too large


def test_a_rate_that_cannot_be_drawn_is_refused() -> None:
    net = make()
    source = net.population(3, sl.PoissonSource(rate=5.0), name="source")
    before = source.rate
    for rate in (1.1e7, [1.0, 2.0, 1e300]):
        rule = r"rate must be at most 1\.024e\+07 Hz, 1024 spikes in a step of 0\.1 ms"
        with pytest.raises(ValueError, match=f"source: {rule}; a PoissonInput can"):
            source.rate = rate
        with pytest.raises(ValueError, match=f"population more: {rule}"):
            net.population(3, sl.PoissonSource(rate=rate), name="more")
    assert source.rate == before
    assert len(net.populations) == 1
    with pytest.raises(ValueError, match="finite"):
        sl.PoissonSource(rate=np.inf)
    source[1:].rate = 1e7
    spikes = net.record(source, "spikes")
    net.run(1.0)
    assert abs(len(spikes.times) - 20_000) < 5 * np.sqrt(20_000)


def test_weights_may_be_quantities_in_a_list() -> None:
    pq = pytest.importorskip("quantities")
    pairs: Any = [0.5 * pq.nA, 20.0 * pq.pA]
    for weight in (
        pairs,
        tuple(pairs),
        np.array(pairs, object),
        [0.5, 0.02] * pq.nA,
        [500.0, 20.0],
    ):
        net = make()
        cells = net.population(2, sl.LIF())
        drive = sl.PoissonInput(rate=[8.0 * pq.kHz, 9000.0 * pq.Hz], weight=weight)
        given = net.inject(cells, drive)
        np.testing.assert_allclose(given.weight, [500.0, 20.0])
        np.testing.assert_allclose(given.rate, [8000.0, 9000.0])
    drive = sl.PoissonInput(8000.0, pairs)
    pairs[0] = 3.0 * pq.nA
    assert drive.weight[0] == 0.5 * pq.nA
    net = make()
    with pytest.raises(TypeError, match=r'PoissonInput: weight must be .* "mV" and "pA"'):
        net.inject(net.population(1, sl.LIF()), sl.PoissonInput(8000.0, [1.0 * pq.mV]))
    assert not net.inputs


def test_arrays_of_the_caller_can_change_and_a_description_cannot() -> None:
    rates, raster = np.array([1.0, 2.0]), np.ones((3, 2), dtype=np.uint8)
    models = sl.PoissonSource(rates), sl.RasterSource(raster)
    rates[:] = raster[:] = 7
    np.testing.assert_array_equal(models[0].rate, [1.0, 2.0])
    np.testing.assert_array_equal(models[1].raster, 1)
    assert not models[0].rate.flags.writeable
    assert not models[1].raster.flags.writeable
