"""Sources of given spikes: trains, rasters, times off the grid."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import make, train

import spikelet as sl


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


# Counts that are too large


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
    with pytest.raises(ValueError, match="RasterSource: raster must hold whole numbers, got inf"):
        sl.RasterSource(np.full((2, 1), np.inf))
    with pytest.raises(ValueError, match=r"must hold whole numbers, got 0.5 at index \(1, 0\)"):
        sl.RasterSource([[1.0, 0.0], [0.5, 0.0]])
    got = record(sl.RasterSource(np.full((1, 2), 70_000, dtype=np.uint32)), 2, 0.1)
    assert got == [(1, 0)] * 70_000 + [(1, 1)] * 70_000


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


# Trains by element


def test_trains_of_each_element_come_in_any_order() -> None:
    trains = [[0.5, 0.2], [], np.array([1.0]), [0.2, 0.2]]
    expected = [(2, 0), (2, 3), (2, 3), (5, 0), (10, 2)]
    assert record(sl.SpikeSource.from_trains(trains), 4, 2.0) == expected
    by_id = {3: [0.2, 0.2], 0: [0.5, 0.2], np.int64(2): 1.0}
    assert record(sl.SpikeSource.from_trains(by_id), 4, 2.0) == expected
    assert record(sl.SpikeSource.from_trains([[0.24]], snap="up"), 1, 1.0) == [(3, 0)]
    assert record(sl.SpikeSource.from_trains([]), 2, 1.0) == []
    assert record(sl.SpikeSource.from_trains({}), 2, 1.0) == []


@pytest.mark.parametrize(
    ("trains", "error", "match"),
    [
        (5.0, TypeError, "trains must be a sequence of arrays, or a dict of them by id"),
        ("ab", TypeError, "trains must be a sequence"),
        (np.ones((2, 3)), TypeError, "trains must be a sequence"),
        ({"a": [1.0]}, TypeError, "id must be an integer"),
        ({-1: [1.0]}, ValueError, "id must be >= 0"),
        ([[1.0], ["x"]], TypeError, "train 1 must be a number"),
        ([[1.0], [-2.0]], ValueError, "times must be .*>= 0"),
        ([[1.0], [np.nan]], ValueError, "train 1 must not contain NaN"),
        ([[[1.0]]], ValueError, "train 0 must have at most one dimension"),
    ],
)
def test_trains_that_cannot_be_are_refused(trains: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        sl.SpikeSource.from_trains(trains)


def test_trains_must_fit_the_population() -> None:
    with pytest.raises(ValueError, match=r"ids must lie in 0 \.\. 1, got 2"):
        make().population(2, sl.SpikeSource.from_trains([[1.0], [1.0], [1.0]]))


def test_spikes_are_taken_whole_and_set_anew() -> None:
    spikes = sl.Spikes([1.0, 2.0], [1, 0], stop=5.0)
    net = sl.Network(dt=0.1)
    source = net.population(2, sl.SpikeSource(spikes))
    played = net.record(source, "spikes")
    net.run(5.0)
    with pytest.raises(
        ValueError, match=r"SpikeSource: ids must not be given with spikes, .* pass ids=None"
    ):
        source.set(times=spikes.shift(5.0))
    source.set(times=spikes.shift(5.0), ids=None)
    net.run(5.0)
    assert played.times.tolist() == [1.0, 2.0, 6.0, 7.0]
    for times in ([1.0], [[1.0, 2.0], [3.0]]):
        with pytest.raises(
            TypeError, match="SpikeSource: ids must be given with times; from_trains"
        ):
            sl.SpikeSource(times)
    with pytest.raises(
        ValueError, match=r"times must ascend .*from_trains.*, got 2 before 1 at index 0"
    ):
        sl.SpikeSource([2.0, 1.0], [0, 0])
    with pytest.raises(ValueError, match="SpikeSource: times must be >= 0"):
        sl.SpikeSource(spikes.shift(-3.0))
