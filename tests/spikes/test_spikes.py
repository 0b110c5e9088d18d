"""`Spikes`: what is checked, what methods return, and that it is a value."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import busy_network, make

import spikelet as sl
from spikelet import Spikes
from spikelet.spikes.spikes import as_spikes

STEPS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 7)), max_size=40)


def of_steps(pairs: list[tuple[int, int]], **about: object) -> Spikes:
    """Return spikes at steps of 0.1 ms, of 8 elements within 6 ms."""
    steps, ids = np.array(pairs, np.int64).reshape(-1, 2).T
    return Spikes(steps / 10, ids, 8, **{"stop": 6.0, "dt": 0.1, **about})


def test_without_a_grid_limits_are_exact() -> None:
    times = [0.2, np.nextafter(0.3, 1.0)]
    spikes = Spikes(times, [0, 0], 1, stop=1.0)
    assert spikes.counts(0.3 - 0.1, 0.3).tolist() == [1]  # 0.3 - 0.1 is before 0.2
    grid = Spikes(times, [0, 0], 1, stop=1.0, dt=0.1)
    assert grid.counts(0.3 - 0.1, 0.3).tolist() == [1]
    assert grid.between(0.3 - 0.1, 0.3).times.tolist() == times[1:]
    assert grid.between(0.0, 0.3).between(0.2, 0.3).times.tolist() == times[1:]


def test_ends_may_miss_spikes_on_the_grid_by_rounding() -> None:
    times = [0.9, 5.4]  # of steps 3 and 18
    spikes = Spikes(times, [0, 0], 1, start=np.nextafter(0.9, 1.0), stop=18 * 0.3, dt=0.3)
    assert 18 * 0.3 < 5.4
    assert (spikes.start, spikes.stop, spikes.steps) == (0.9, 5.4, 15)
    for wrong in ({"stop": 5.3}, {"stop": 9.0, "start": 0.91}):
        with pytest.raises(ValueError, match="Spikes: times must be >= start"):
            Spikes(times, [0, 0], 1, dt=0.3, **wrong)
    # Without a grid there is no step to measure an error by, but the message shows it.
    with pytest.raises(ValueError, match=r"<= stop = 5.3999999999999995 ms, got 5.4"):
        Spikes(times, [0, 0], 1, stop=18 * 0.3)


def test_spikes_are_sorted_by_time_then_id_and_read_only() -> None:
    times = np.array([3.0, 1.0, 1.0, 2.0])
    spikes = Spikes(times, [0, 5, 2, 1])
    assert spikes.times.tolist() == [1.0, 1.0, 2.0, 3.0]
    assert spikes.ids.tolist() == [2, 5, 1, 0]
    assert (spikes.n, spikes.start, spikes.stop, spikes.dt) == (6, 0.0, None, None)
    assert (spikes.times.dtype, spikes.ids.dtype) == (np.float64, np.int64)
    times[:] = 9.0
    assert spikes.times.max() == 3.0
    for array in (spikes.times, spikes.ids, spikes.elements):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError, match="spikes never change"):
        spikes.n = 3
    with pytest.raises(AttributeError, match="did you mean 'start'"):
        spikes.starts = 3


def test_the_start_is_0_or_the_first_time() -> None:
    assert Spikes([-3.0, 1.0], [0, 0]).start == -3.0
    assert Spikes([], []).n == 0
    assert Spikes([0.0], [0], start=0.0, stop=0.0).counts().tolist() == [1]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([1.0], [2], 2), {}, ValueError, "Spikes: ids must lie in 0 .. 1, got 2"),
        (([1.0], [-1]), {}, ValueError, "Spikes: ids must lie in 0 .. "),
        (([1.0], [0.0]), {}, TypeError, "Spikes: ids must be a one-dimensional array of integers"),
        (([1.0], [0], 2**40), {}, ValueError, "Spikes: n must be >= 0 and <= 4294967296"),
        (([1.0], [2**40]), {}, ValueError, "Spikes: ids must lie in 0"),
        (([np.nan], [0]), {}, ValueError, "Spikes: times must not contain NaN"),
        (([np.inf], [0]), {}, ValueError, "Spikes: times must be finite"),
        ((["a"], [0]), {}, TypeError, "Spikes: times must be a number"),
        (([1.0, 2.0], [0]), {}, ValueError, "times and ids must be equally long"),
        (([1.0], [0]), {"start": 2.0}, ValueError, "times must be >= start = 2 ms, got 1.0"),
        (([3.0], [0]), {"stop": 2.0}, ValueError, "<= stop = 2 ms, got 3.0"),
        (([], []), {"start": 2.0, "stop": 1.0}, ValueError, "stop must not be before start"),
        (([], []), {"stop": np.inf}, ValueError, "Spikes: stop must be finite"),
        (([0.15], [0]), {"dt": 0.1}, ValueError, "must lie on the grid of dt = 0.1 ms"),
        (([1.0], [0]), {"dt": 0.0}, ValueError, "Spikes: dt must be > 0"),
        (([1.0], [0], 5), {"shape": (2, 3)}, ValueError, "must be the number of elements of the"),
        (([1.0], [0], 5), {"elements": [1, 2]}, ValueError, "ids must be among the elements"),
        (([1.0], [1], 5), {"elements": [1, 1]}, ValueError, "must not name an element twice"),
        (([1.0], [1]), {"name": 3}, TypeError, "name must be a string"),
        (([1.0], [1]), {"annotations": 3}, TypeError, "annotations must be a mapping"),
        (([1.0], [1]), {"annotations": {"x": np.zeros(3)}}, ValueError, "annotation 'x' must be"),
    ],
)
def test_what_is_wrong_is_named(arguments, options, error, message) -> None:
    with pytest.raises(error, match=message):
        Spikes(*arguments, **options)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (list, TypeError, r"use spikes.trains\(\)"),
        (np.asarray, TypeError, "use spikes.times"),
        (hash, TypeError, "unhashable"),
        (lambda s: 3.0 in s, TypeError, "must be a pair of time"),
        (lambda s: s[9], IndexError, "out of bounds"),
        (lambda s: s[[1, 1]], ValueError, "must not name an element twice"),
        (lambda s: s[[[1]]], TypeError, "must be an id, a slice, ids or a mask"),
        (lambda s: s[:3][5], IndexError, "element 5 was not observed"),
        (lambda s: s.between(3.0, 2.0), ValueError, "stop must not be before start = 3 ms"),
        (
            lambda s: s.between(7.0, 9.0),
            ValueError,
            "overlap the time of observation, 0 to 6 ms",
        ),
        (lambda s: s[:0].between(np.inf), ValueError, "overlap the time of observation"),
        (lambda s: Spikes([], []).between(np.inf), ValueError, "overlap the time of obs"),
        (lambda s: s.shift(np.inf), ValueError, "Spikes.shift: by must be finite"),
        (lambda s: s.merge([1.0]), TypeError, "Spikes.merge: others must be Spikes"),
        (lambda s: s + 1, TypeError, "unsupported operand"),
        (lambda s: s.bin(0.0), ValueError, "Spikes.bin: width must be > 0"),
        (lambda s: Spikes([1.0], [0]).raster(), ValueError, "dt must be given"),
        (lambda s: Spikes([1.0], [0]).rates(), ValueError, "stop must be given"),
        (lambda s: Spikes(np.ones(256), [0] * 256).raster(1.0), ValueError, "at most 255 spikes"),
        (
            lambda s: Spikes.from_raster([[1.0], [0.5]]),
            ValueError,
            r"must hold whole numbers, got 0.5 at index \(1, 0\)",
        ),
        (
            lambda s: Spikes([1.0], [0]).with_dt(0.1),
            ValueError,
            r"with_dt: the spikes must lie on a grid, .*make them with sl.Spikes\(times, ids, dt=...\)",
        ),
        (Spikes, TypeError, "Spikes needs 'ids'"),
        (lambda s: Spikes.from_raster([[-1]]), ValueError, "must not be negative"),
        (lambda s: Spikes.from_raster([[1]], 0.1, start=0.15), ValueError, "multiple of dt"),
        (lambda s: Spikes.from_trains([[1.0]], 0), ValueError, "ids must lie in"),
        (lambda s: Spikes.from_trains(3), TypeError, "must be a sequence of arrays"),
    ],
)
def test_misuse_is_named(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call(of_steps([(3, 1), (5, 2)]))


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_it_is_a_value(pairs) -> None:
    spikes = of_steps(pairs, name="E", annotations={"layer": np.arange(8), "site": "a"})
    assert spikes == of_steps(pairs[::-1])
    assert spikes != of_steps([*pairs, (1, 1)])
    assert (spikes == 3) is False
    again = pickle.loads(pickle.dumps(spikes))
    assert again == spikes
    assert (again.name, again.annotations["site"]) == ("E", "a")
    np.testing.assert_array_equal(again.annotations["layer"], np.arange(8))
    for array in (again.times, again.ids, again.annotations["layer"]):
        assert not array.flags.writeable
    assert copy.copy(spikes) is copy.deepcopy(spikes) is spikes
    assert len(spikes) == len(pairs)
    for step, neuron in pairs:
        assert (step / 10, neuron) in spikes
    assert (7.0, 0) not in spikes


@given(STEPS, st.lists(st.integers(0, 7), unique=True), st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_parts_are_those_of_a_loop(pairs, chosen, a, b) -> None:
    spikes, (a, b) = of_steps(pairs), sorted((a, b))
    part = spikes[chosen]
    wanted = sorted((s / 10, i) for s, i in pairs if i in chosen)
    assert list(zip(part.times.tolist(), part.ids.tolist(), strict=True)) == wanted
    assert part.n == 8
    assert part.elements.tolist() == chosen
    counts = [sum(i == c for _, i in pairs) for c in chosen]
    assert part.counts().tolist() == counts
    np.testing.assert_allclose(part.rates(), np.array(counts) / 0.006)
    assert [len(train) for train in part.trains()] == counts
    new = spikes.select(chosen, relabel=True)
    assert new.n == len(chosen)
    assert new == Spikes.from_trains(part.trains(), stop=6.0, dt=0.1)
    cut = spikes.between(a / 10, b / 10)
    inside = sorted((s, i) for s, i in pairs if a < s <= b or s == a == 0)
    assert [(round(t * 10), i) for t, i in zip(cut.times, cut.ids, strict=True)] == inside
    assert (cut.start, cut.stop) == (a / 10, b / 10)
    assert spikes.counts(a / 10, b / 10).sum() == len(inside)


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_rasters_trains_and_bins_hold_all_spikes(pairs) -> None:
    pairs = [(max(step, 1), i) for step, i in pairs]
    spikes = of_steps(pairs)
    raster = spikes.raster()
    expected = np.zeros((60, 8), np.uint8)
    for step, neuron in pairs:
        expected[step - 1, neuron] += 1
    np.testing.assert_array_equal(raster, expected)
    assert raster.dtype == np.uint8
    assert Spikes.from_raster(raster, 0.1) == spikes
    assert Spikes.from_trains(spikes.trains(), stop=6.0, dt=0.1) == spikes
    binned = spikes.bin(0.7)
    np.testing.assert_array_equal(binned, expected[:56].reshape(8, 7, 8).sum(axis=1))
    np.testing.assert_array_equal(spikes[2:5].bin(0.7), binned[:, 2:5])
    net = sl.Network(dt=0.1)
    played = net.record(net.population(8, sl.SpikeSource(spikes)), "spikes")
    net.run(6.0)
    assert played.spikes == spikes


def test_elements_may_have_a_shape() -> None:
    raster = np.random.default_rng(0).integers(0, 3, (5, 2, 3))
    spikes = Spikes.from_raster(raster, 0.5, start=1.0)
    assert (spikes.shape, spikes.n, spikes.start, spikes.stop) == ((2, 3), 6, 1.0, 3.5)
    np.testing.assert_array_equal(spikes.raster(), raster)
    np.testing.assert_array_equal(spikes.bin(2.5), raster.sum(axis=0)[None])
    assert spikes[:3].raster().shape == (5, 3)
    assert (spikes + spikes).shape == (2, 3)


def test_a_raster_ends_where_observation_does() -> None:
    spikes = Spikes([0.2], [0], 2, stop=1.0, dt=0.1)
    assert spikes.raster().shape == (10, 2)
    assert spikes.raster(0.3).shape == (4, 2)  # the last step in part, so that no spike is lost
    assert spikes.bin(0.3).shape == (3, 2)
    assert Spikes([0.2], [0], 2, dt=0.1).raster().shape == (2, 2)
    assert Spikes([0.0], [0], stop=0.0, dt=0.1).raster().tolist() == [[1]]


@given(STEPS, STEPS, st.integers(-50, 50))
@settings(max_examples=60, deadline=None)
def test_merging_and_shifting(first, second, by) -> None:
    a, b = of_steps(first), of_steps(second)
    assert a + b == a.merge(b) == sum([a, b]) == of_steps(first + second)
    later = a.shift(by / 10)
    assert later == of_steps([(s + by, i) for s, i in first], start=later.start, stop=later.stop)
    assert later.start == pytest.approx(by / 10)
    assert later.shift(-by / 10).times.tolist() == a.times.tolist()
    assert a.shift(0.05).dt is None
    assert a.shift(0.1).shift(0.2).stop == 6.3  # on the grid, unlike 6.0 + 0.1 + 0.2
    side = a.merge(b, relabel=True)
    assert side.n == 16
    assert side == Spikes(
        np.concatenate([a.times, b.times]), np.concatenate([a.ids, b.ids + 8]), 16, stop=6.0, dt=0.1
    )


def test_merging_says_what_is_no_longer_known() -> None:
    a = Spikes([1.0], [0], 2, stop=5.0, dt=0.1, annotations={"x": 1, "y": np.arange(2)})
    b = Spikes([7.0], [3], start=5.0, name="b", annotations={"x": 1, "y": np.arange(4)})
    both = a + b
    assert (both.n, both.start, both.stop, both.dt) == (4, 0.0, None, None)
    assert both.name == "spikes + b"
    assert dict(both.annotations) == {"x": 1}
    parts = a[[1]] + b[[3, 0]]
    assert parts.elements.tolist() == [1, 3, 0]
    assert parts.counts().tolist() == [0, 1, 0]


def test_annotations_follow_their_elements() -> None:
    spikes = Spikes([1.0], [0], 3, annotations={"depth": np.array([5, 6, 7]), "site": "V1"})
    part = spikes[[2, 0]]
    assert part.annotations["depth"].tolist() == [7, 5]
    assert part[0].annotations["depth"].tolist() == [5]
    assert part.annotations["site"] == "V1"
    with pytest.raises(TypeError, match="does not support item assignment"):
        part.annotations["site"] = "V2"


def test_steps_of_another_length() -> None:
    spikes = Spikes([1.0, 3.0], [0, 1], stop=5.0, dt=1.0)
    fine = spikes.with_dt(0.1)
    assert fine == Spikes([0.1, 0.3], [0, 1], stop=0.5, dt=0.1)
    assert fine.steps == spikes.steps == 5


def test_quantities_are_converted() -> None:
    pq = pytest.importorskip("quantities")
    assert Spikes([0.001, 0.002] * pq.s, [0, 0], stop=1 * pq.s).times.tolist() == [1.0, 2.0]


def test_recorders_and_recordings_give_spikes(tmp_path) -> None:
    net, cells, whole, _ = busy_network()
    part = net.record(cells[[7, 3]], "spikes")
    late = net.record(cells, "spikes", start=20.0, stop=40.0)
    disk = net.record(cells, "spikes", to=tmp_path / "run.rec")
    net.run(60.0)
    spikes = whole.spikes
    assert (spikes.name, spikes.stop, spikes.dt) == (cells.name, 60.0, net.dt)
    np.testing.assert_array_equal(spikes.times, whole.times)
    np.testing.assert_array_equal(spikes.counts(10.0, 50.0), whole.counts(10.0, 50.0))
    assert part.spikes == spikes[[7, 3]]
    assert late.spikes == spikes.between(20.0, 40.0)
    on_disk = sl.read_recording(tmp_path / "run.rec")
    assert on_disk.spikes == disk.spikes == spikes
    assert on_disk.spikes.name == cells.name
    for recorder in (whole, part, late):
        data = pickle.loads(pickle.dumps(recorder))
        assert data.spikes == recorder.spikes
        assert data.spikes.name == cells.name
        np.testing.assert_array_equal(recorder.spikes.rates(), recorder.rates())
    net.run(10.0)
    assert len(whole.spikes) > len(spikes)
    assert as_spikes(whole) == whole.spikes
    assert as_spikes(whole.times) is as_spikes(3) is None


def test_a_union_gives_spikes_of_its_elements() -> None:
    net = make(seed=2)
    a, b = (
        net.population(3, sl.LIF(I_e=900.0), name="a"),
        net.population(4, sl.LIF(I_e=700.0), name="b"),
    )
    both = net.record(b[2:] + a, "spikes")
    alone = [net.record(part, "spikes") for part in (b[2:], a)]
    net.run(50.0)
    merged = alone[0].spikes.select([2, 3], relabel=True).merge(alone[1].spikes, relabel=True)
    assert both.spikes == merged
    assert both.spikes.name == "b + a"
    assert len(merged) > 10


def test_spikes_are_accepted_where_recorders_are() -> None:
    net = make(seed=4)
    cells = net.population(30, sl.LIF(I_e=np.linspace(300.0, 900.0, 30)))
    whole, part = net.record(cells, "spikes"), net.record(cells[[25, 5, 20]], "spikes")
    net.run(200.0)
    for recorder in (whole, part):
        for statistic in (
            sl.statistics.rates,
            sl.statistics.cvs,
            sl.statistics.histogram,
            sl.statistics.synchrony,
            sl.statistics.correlations,
        ):
            for interval in ((), (50.0, 150.0)):
                expected = statistic(recorder, *interval)
                np.testing.assert_array_equal(statistic(recorder.spikes, *interval), expected)
        np.testing.assert_array_equal(sl.decode.count(recorder), recorder.counts())
        np.testing.assert_array_equal(sl.decode.rate(recorder.spikes), recorder.rates())
    first = sl.decode.first_spike(whole)
    np.testing.assert_array_equal(first, sl.decode.first_spike(whole.spikes.raster()))
    copied = sl.Network(dt=net.dt)
    again = copied.record(copied.population(30, sl.SpikeSource(whole)), "spikes")
    copied.run(200.0)
    assert again.spikes == whole.spikes
    assert len(sl.plot.raster(part.spikes).collections[0].get_offsets()) == len(part)


def test_a_time_step_in_single_precision_is_the_decimal_that_it_shows() -> None:
    raster = np.zeros((60_000, 1), bool)
    raster[59_000] = True
    dt = np.float32(0.1)
    net = sl.Network(dt=dt)
    net.population(1, sl.SpikeSource(sl.Spikes.from_raster(raster, dt)))
    assert sl.Spikes.from_raster(raster, dt) == sl.Spikes.from_raster(raster, 0.1)
    assert sl.Spikes([14.8], [0], dt=dt).dt == 0.1
