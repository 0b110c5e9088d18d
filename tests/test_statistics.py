"""Statistics of spikes, against values that are known and against slow loops."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl
from spikelet import statistics
from spikelet.statistics import Spikes


def trains(n: int = 30, seconds: float = 2.0, seed: int = 0) -> Spikes:
    """Return trains on the grid, with a common rhythm and neurons that are silent or nearly."""
    rng = np.random.default_rng(seed)
    common = rng.uniform(0, 1e3 * seconds, 40)
    times, ids = [], []
    for neuron in range(n):
        own = rng.uniform(0, 1e3 * seconds, rng.poisson(0 if neuron == 3 else 20))
        shared = common[rng.random(40) < 0.3] if neuron % 2 else []
        found = np.concatenate([own, shared])[: neuron if neuron < 3 else None]
        times.append(np.rint(found / 0.1) * 0.1)
        ids.append(np.full(len(found), neuron))
    order = rng.permutation(sum(map(len, ids)))
    return Spikes(np.concatenate(times)[order], np.concatenate(ids)[order], n)


def counted(spikes: Spikes, start: int, stop: int, width: int) -> np.ndarray:
    """Count in whole steps of 0.1 ms, spike by spike; [neurons, bins]."""
    counts = np.zeros((spikes.n, (stop - start) // width), dtype=int)
    for time, neuron in zip(spikes.times, spikes.ids, strict=True):
        step = round(time / 0.1)
        for k in range(counts.shape[1]):
            if start + k * width < step <= start + (k + 1) * width:
                counts[neuron, k] += 1
    return counts


def test_rates_count_a_half_open_interval() -> None:
    spikes = Spikes([0.0, 0.1, 10.0, 10.1, 20.0], [0, 0, 1, 1, 1], 3)
    np.testing.assert_array_equal(statistics.rates(spikes, 0, 10), [200, 100, 0])
    np.testing.assert_array_equal(statistics.rates(spikes, 10, 20), [0, 200, 0])


def test_rates_are_those_of_the_recorder_also_of_a_part() -> None:
    net = make(seed=4)
    neurons = net.population(40, sl.LIF(I_e=np.linspace(300.0, 700.0, 40)))
    whole, part = net.record(neurons, "spikes"), net.record(neurons[[30, 5, 20]], "spikes")
    net.run(200.0)
    for recorder in (whole, part):
        for interval in ((0.0, None), (50.0, 150.0)):
            expected = recorder.rates(*interval)
            np.testing.assert_allclose(statistics.rates(recorder, *interval), expected)
            assert expected.sum() > 0
    np.testing.assert_array_equal(statistics.cvs(part), statistics.cvs(whole)[[30, 5, 20]])


def test_an_interval_is_limited_to_the_time_of_observation() -> None:
    net = make(seed=4)
    neurons = net.population(3, sl.LIF(I_e=[0.0, 500.0, 700.0]))
    early = net.record(neurons, "spikes")
    net.run(100.0)
    late = net.record(neurons, "spikes")
    net.run(100.0)
    for found in (early, late, early.spikes, late.spikes, early.spikes.shift(-50.0)):
        assert found.rates().sum() > 0
        beyond = (-500.0, 900.0)
        np.testing.assert_array_equal(found.rates(*beyond), found.rates())
        np.testing.assert_array_equal(statistics.rates(found, *beyond), statistics.rates(found))
        np.testing.assert_array_equal(
            statistics.histogram(found, *beyond), statistics.histogram(found)
        )
        assert statistics.synchrony(found, *beyond) == statistics.synchrony(found)


def test_spikes_that_were_never_observed_say_so() -> None:
    net = make()
    spikes = net.record(net.population(3, sl.LIF()), "spikes")
    rule = r"spikes must have been observed for some time: run the network .*, got those of '0 ms to 0 ms'"
    with pytest.raises(ValueError, match=rule):
        statistics.rates(spikes)
    with pytest.raises(ValueError, match=rule):
        statistics.histogram(spikes, 0.0, 50.0)


def test_misspelt_arguments_are_named() -> None:
    with pytest.raises(TypeError, match=r"rates has no argument 'end'.*there are: spikes, start"):
        statistics.rates(trains(), end=5.0)


def test_cv_of_a_clock_a_pair_and_few_spikes() -> None:
    times = [*np.arange(10.0, 100.0, 10.0), 10.0, 20.0, 50.0, 10.0, 20.0]
    spikes = Spikes(times, [0] * 9 + [1] * 3 + [2] * 2, 4)
    cvs = statistics.cvs(spikes, 0, 100)
    assert cvs[0] == pytest.approx(0.0, abs=1e-12)
    assert cvs[1] == pytest.approx(10.0 / 20.0)  # intervals of 10 and 30
    assert np.isnan(cvs[2:]).all()
    assert np.isnan(statistics.cvs(spikes, 0, 30)[1])


def test_cvs_agree_with_numpy() -> None:
    spikes = trains()
    found = statistics.cvs(spikes, 100, 1900)
    for neuron in range(spikes.n):
        times = np.sort(spikes.times[spikes.ids == neuron])
        gaps = np.diff(times[(times > 100) & (times <= 1900)])
        if len(gaps) < 2:
            assert np.isnan(found[neuron])
        else:
            assert found[neuron] == pytest.approx(gaps.std() / gaps.mean())


@pytest.mark.parametrize(("start", "stop", "width"), [(0, 2000, 3.0), (100.3, 1500.1, 0.7)])
def test_histogram_and_synchrony_agree_with_a_loop(start: float, stop: float, width: float) -> None:
    spikes = trains()
    counts = counted(spikes, round(start * 10), round(stop * 10), round(width * 10)).sum(axis=0)
    found = statistics.histogram(spikes, start, stop, bin_size=width)
    np.testing.assert_array_equal(found, counts)
    assert statistics.synchrony(spikes, start, stop, bin_size=width) == pytest.approx(
        counts.var() / counts.mean()
    )


def test_synchrony_of_poisson_is_one_and_of_copies_their_number() -> None:
    rng = np.random.default_rng(5)
    times = rng.uniform(0, 1e5, 100_000)
    poisson = Spikes(times, np.zeros(len(times), int), 1)
    assert statistics.synchrony(poisson, 0, 1e5) == pytest.approx(1.0, abs=0.05)
    copies = Spikes(np.tile(times, 4), np.repeat(np.arange(4), len(times)), 4)
    assert statistics.synchrony(copies, 0, 1e5) == pytest.approx(4.0, abs=0.2)
    assert np.isnan(statistics.synchrony(Spikes([], np.zeros(0, int), 5), 0, 10))


def test_correlations_agree_with_numpy() -> None:
    spikes = trains()
    counts = counted(spikes, 0, 20_000, 20)
    active = counts.std(axis=1) > 0
    assert 0 < active.sum() < spikes.n
    matrix = np.corrcoef(counts[active])
    found = statistics.correlations(spikes, 0, 2000)
    np.testing.assert_allclose(found, matrix[np.triu_indices(len(matrix), 1)], atol=1e-12)
    assert found.max() > 0.2  # the rhythm


def test_correlations_leave_out_a_neuron_that_never_changes() -> None:
    regular = np.arange(1.0, 1001.0, 2.0)  # one in each bin
    spikes = Spikes([*regular, *regular[::3], *regular[::5]], [0] * 500 + [1] * 167 + [2] * 100, 4)
    assert len(statistics.correlations(spikes, 0, 1000)) == 1


def test_correlations_of_a_draw_of_neurons() -> None:
    spikes = trains(n=60)
    few = statistics.correlations(spikes, 0, 2000, neurons=20, seed=1)
    assert len(few) <= 190
    np.testing.assert_array_equal(few, statistics.correlations(spikes, 0, 2000, neurons=20, seed=1))
    assert not np.array_equal(few, statistics.correlations(spikes, 0, 2000, neurons=20, seed=2))
    everyone = statistics.correlations(spikes, 0, 2000)
    assert np.isin(few.round(9), everyone.round(9)).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Spikes([1.0], [2], 2), ValueError, "Spikes: ids must lie in 0 .. 1, got 2"),
        (lambda: Spikes([1.0, 2.0], [0], 2), ValueError, "times and ids must be equally long"),
        (lambda: Spikes([np.inf], [0], 2), ValueError, "Spikes: times must be finite"),
        (lambda: Spikes([1.0], [0], -1), ValueError, "Spikes: n must be >= 0"),
        (lambda: statistics.rates([1.0]), TypeError, "statistics.rates: spikes must be"),
        (lambda: statistics.rates(trains()), ValueError, "stop must be given with Spikes"),
        (lambda: statistics.cvs(trains(), 5, 5), ValueError, "statistics.cvs: stop must be after"),
        (
            lambda: statistics.synchrony(trains(), 0, 10, bin_size=0.0),
            ValueError,
            r"statistics\.synchrony: bin_size must be > 0",
        ),
        (
            lambda: statistics.histogram(trains(), 0, 10, bin_size=11),
            ValueError,
            "bin_size must be at most the interval, 10 ms",
        ),
        (
            lambda: statistics.correlations(trains(), 0, 10, neurons=1),
            ValueError,
            "neurons must be >= 2",
        ),
    ],
)
def test_errors_name_the_argument(call, error, message) -> None:
    with pytest.raises(error, match=message):
        call()
