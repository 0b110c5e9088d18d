"""Spike sources: given trains, rasters, Poisson trains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from tests.conftest import Ints, make, to_steps, train

import spikelet as sl


def counts_by_step(recorder: sl.SpikeRecorder, steps: int, n: int, first: int = 1) -> Ints:
    """Return the number of spikes of each element in each step, [steps, n]."""
    table = np.zeros((steps, n), dtype=np.int64)
    np.add.at(table, (to_steps(recorder.times) - first, recorder.ids), 1)
    return table


def record(model: Any, n: int, duration: float, *, threads: int = 1) -> list[tuple[int, int]]:
    """Run a population of sources and return its spikes."""
    net = make(threads=threads)
    spikes = net.record(net.population(n, model), "spikes")
    net.run(duration)
    return train(spikes)


# Given spikes


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 99))), st.sampled_from([1, 3]))
def test_spike_source_emits_what_it_was_given(events: list[tuple[int, int]], threads: int) -> None:
    events = sorted(events, key=lambda e: e[0])
    times, ids = [0.1 * s for s, _ in events], [i for _, i in events]
    got = record(sl.SpikeSource(times, ids), 100, 5.0, threads=threads)
    assert got == sorted(e for e in events if e[0] <= 50)


def test_spikes_at_time_0_arrive() -> None:
    net = make()
    pre = net.population(2, sl.SpikeSource([0.0, 0.0, 0.0], [0, 1, 1]))
    post = net.population(2, sl.LIF())
    net.connect(pre, post, sl.OneToOne(), weight=10.0, delay=0.3)
    net.run(0.0)
    net.run(0.3)
    np.testing.assert_array_equal(post.I_syn_ex[:], [10.0, 20.0])


def test_spikes_of_time_0_are_emitted_once() -> None:
    net = make()
    spikes = net.record(net.population(1, sl.SpikeSource([0.0, 0.1], [0, 0])), "spikes")
    for _ in range(3):
        net.run(0.0)
        net.run(0.1)
    assert train(spikes) == [(0, 0), (1, 0)]


def test_snap_rounds_to_the_nearest_step() -> None:
    times = [0.04, 0.14, 0.16, 1.0, 1.0499, 1.0501]
    got = record(sl.SpikeSource(times, [0] * 6, snap=True), 1, 2.0)
    assert got == [(0, 0), (1, 0), (2, 0), (10, 0), (10, 0), (11, 0)]


def test_times_within_a_millionth_of_a_step_are_on_the_grid() -> None:
    assert record(sl.SpikeSource([0.3 - 0.9e-7, 0.3 + 0.9e-7], [0, 0]), 1, 1.0) == [(3, 0)] * 2
    with pytest.raises(ValueError, match=r"SpikeSource.*times.*snap=True.*0\.300000"):
        record(sl.SpikeSource([0.3 + 1.5e-7], [0]), 1, 1.0)


def test_late_times_are_on_the_grid() -> None:
    steps = np.array([10_000_000, 123_456_789, 999_999_999])
    stamps, _ = sl.SpikeSource(steps * 0.1, [0, 0, 0]).stamps(0.1, 1)
    np.testing.assert_array_equal(stamps, steps)


def test_new_spikes_can_be_given_between_runs() -> None:
    net = make()
    pop = net.population(3, sl.SpikeSource([0.5, 2.0], [0, 1]))
    spikes = net.record(pop, "spikes")
    net.run(1.0)
    pop.set(times=[1.1, 1.5], ids=[2, 0])
    net.run(2.0)
    assert train(spikes) == [(5, 0), (11, 2), (15, 0)]
    with pytest.raises(ValueError, match="times"):
        pop.set(times=[3.0], ids=[2])
    net.run(1.0)
    assert len(spikes.times) == 3


# Rasters


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
@pytest.mark.parametrize("threads", [1, 3])
def test_row_k_of_a_raster_has_the_stamp_of_step_k(threads: int, dtype: Any) -> None:
    raster = (np.random.default_rng(1).random((20, 130)) < 0.2).astype(dtype)
    rows, columns = np.nonzero(raster)
    expected = list(zip((rows + 1).tolist(), columns.tolist(), strict=True))
    assert record(sl.RasterSource(raster), 130, 5.0, threads=threads) == expected


def test_raster_counts_are_spikes() -> None:
    assert record(sl.RasterSource([[0, 3], [1, 0]]), 2, 1.0) == [(1, 1)] * 3 + [(2, 0)]


def test_a_raster_starts_when_it_is_set() -> None:
    net = make()
    net.run(1.0)
    pop = net.population(2, sl.RasterSource([[1, 0], [0, 1]]))
    spikes = net.record(pop, "spikes")
    net.run(1.0)
    pop.raster = [[0, 1]]
    net.run(1.0)
    assert train(spikes) == [(11, 0), (12, 1), (21, 1)]


# Poisson trains


@pytest.mark.parametrize("mean", [0.003, 0.1, 1.0, 5.0, 20.0, 34.0, 40.0, 200.0])
def test_poisson_counts_follow_the_distribution(mean: float) -> None:
    n, steps = 130, max(100, int(1500 / (1 + mean)))
    net = make()
    spikes = net.record(net.population(n, sl.PoissonSource(mean * 1e4)), "spikes")
    net.run(steps * 0.1)
    counts = counts_by_step(spikes, steps, n).reshape(-1)
    assert_poisson(counts, mean)


def assert_poisson(counts: Ints, mean: float) -> None:
    """Mean, variance and a chi-square test of independent counts."""
    n = counts.size
    assert abs(counts.mean() - mean) < 5 * np.sqrt(mean / n)
    assert abs(counts.var() - mean) < 5 * np.sqrt((mean + 2 * mean**2) / n)
    top = int(stats.poisson.isf(6 / n, mean))
    bottom = int(stats.poisson.ppf(6 / n, mean))
    binned = np.bincount(np.clip(counts, bottom, top) - bottom, minlength=top - bottom + 1)
    edges = np.arange(bottom, top)
    cdf = np.concatenate([[0.0], stats.poisson.cdf(edges, mean), [1.0]])
    if len(binned) > 1:
        assert stats.chisquare(binned, n * np.diff(cdf)).pvalue > 1e-5


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


def test_counts_of_a_raster_that_would_wrap_are_refused() -> None:
    for raster in (
        np.full((2, 1), 2**63 + 5, dtype=np.uint64),
        np.full((2, 1), 1e300),
        np.full((2, 1), 2**18 + 1),
    ):
        with pytest.raises(
            ValueError, match="RasterSource: raster must hold at most 262144 spikes"
        ):
            sl.RasterSource(raster)
    with pytest.raises(ValueError, match="RasterSource: raster must"):
        sl.RasterSource(np.full((2, 1), np.inf))
    got = record(sl.RasterSource(np.full((1, 2), 70_000, dtype=np.uint32)), 2, 0.1)
    assert got == [(1, 0)] * 70_000 + [(1, 1)] * 70_000


def test_arrays_of_the_caller_can_change_and_a_description_cannot() -> None:
    rates, raster = np.array([1.0, 2.0]), np.ones((3, 2), dtype=np.uint8)
    models = sl.PoissonSource(rates), sl.RasterSource(raster)
    rates[:] = raster[:] = 7
    np.testing.assert_array_equal(models[0].rate, [1.0, 2.0])
    np.testing.assert_array_equal(models[1].raster, 1)
    assert not models[0].rate.flags.writeable
    assert not models[1].raster.flags.writeable


# Spike times off the grid


def _nest_steps(times: Any, dt: float) -> Any:
    """Return the steps of NEST's Time, spelled out: tics, whether they are on the grid, and the step's end."""
    per_step = round(dt * 1000)
    steps = []
    for t in times:
        tics = math.floor(t * 1000 + 0.5)
        if tics % per_step == 0:
            steps.append(tics // per_step)
        else:
            steps.append(int(t * 1000) // per_step + 1)
    return np.array(steps)


@pytest.mark.parametrize("dt", [0.1, 0.025, 1.0, 0.001, 0.3])
def test_snap_up_rounds_as_nest_does(dt: float) -> None:
    rng = np.random.default_rng(1)
    edges = [k * dt + x for k in range(1, 40) for x in (0.0, 4e-4, 6e-4, -4e-4, -6e-4, dt / 2)]
    times = np.sort(np.concatenate([rng.uniform(0.0, 900.0, 4000), [t for t in edges if t > 0]]))
    source = sl.SpikeSource(times, np.zeros(len(times), int), snap="up")
    stamps, _ = source.stamps(dt, 1)
    np.testing.assert_array_equal(stamps, _nest_steps(times, dt))
    if dt > 0.001:
        nearest = sl.SpikeSource(times, np.zeros(len(times), int), snap=True).stamps(dt, 1)[0]
        assert (stamps >= nearest).all()
        assert (stamps > nearest).any()


def test_snap_up_acts_in_a_run() -> None:
    net = make()
    times = [0.0004, 0.1004, 0.1006, 0.1999, 0.3]
    spikes = net.record(net.population(5, sl.SpikeSource(times, range(5), snap="up")), "spikes")
    net.run(1.0)
    assert train(spikes) == [(0, 0), (1, 1), (2, 2), (2, 3), (3, 4)]


def test_snap_up_agrees_with_nest() -> None:
    nest = pytest.importorskip("nest")
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.resolution = 0.1
    rng = np.random.default_rng(2)
    times = np.sort(np.concatenate([rng.uniform(0.2, 90.0, 300), np.arange(1, 60) * 0.5 + 4e-4]))
    generator = nest.Create("spike_generator", {"allow_offgrid_times": True, "spike_times": times})
    recorder = nest.Create("spike_recorder")
    nest.Connect(generator, recorder, syn_spec={"delay": 0.1})
    nest.Simulate(100.0)
    theirs = np.rint(np.sort(recorder.events["times"]) / 0.1).astype(int)
    ours = sl.SpikeSource(times, np.zeros(len(times), int), snap="up").stamps(0.1, 1)[0]
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("snap", ["down", "nearest", 2, None, 1.0])
def test_snap_is_one_of_three(snap: Any) -> None:
    with pytest.raises(ValueError, match='SpikeSource: snap must be True, False or "up", got'):
        sl.SpikeSource([1.0], [0], snap=snap)


def test_snap_up_needs_whole_microseconds() -> None:
    with pytest.raises(ValueError, match=r"snap needs a dt in whole microseconds, not 0\.0625 ms"):
        make(0.0625).population(1, sl.SpikeSource([1.0], [0], snap="up"))
