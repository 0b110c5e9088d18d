"""Poisson processes whose rates change with time: statistics by step, and the same bits however they are run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.conftest import Floats, Ints, make, trace, train
from tests.network.test_inject import FLEETING
from tests.support.counts import counts_by_step

import spikelet as sl


def sine(steps: int, rate: Any, amplitude: Any, frequency: Any, phase: Any) -> Floats:
    """Return the rate at the end of each step [Hz], as NEST documents it."""
    t = 0.1 * np.arange(1, steps + 1)[:, None]
    angle = 2 * np.pi * np.asarray(frequency) * t * 1e-3 + np.asarray(phase) * np.pi / 180
    return np.maximum(0.0, rate + amplitude * np.sin(angle))


def arrivals(rate: Any, n: int, steps: int, **options: Any) -> Ints:
    """Return the events of an input, [steps, n]."""
    net = make(**options)
    cells = net.population(n, FLEETING)
    net.inject(cells, sl.PoissonInput(rate, 1.0))
    return np.rint(trace(net, cells, "I_syn_ex", steps * 0.1)).astype(np.int64)


def fired(model: Any, n: int, steps: int, **options: Any) -> Ints:
    """Return the spikes of a source, [steps, n]."""
    net = make(**options)
    spikes = net.record(net.population(n, model), "spikes")
    net.run(steps * 0.1)
    return counts_by_step(spikes, steps, n)


def follows(counts: Ints, rate: Floats) -> None:
    """Compare counts [steps, n] with Poisson counts of a rate that changes: step by step, element by element, in all."""
    mean = np.broadcast_to(rate * 1e-4, counts.shape)
    assert not counts[mean == 0].any()
    bins = (-1, 25, counts.shape[1])
    for sums in (lambda x: x.sum(axis=0), lambda x: x.reshape(bins).sum(axis=(1, 2))):
        expected = sums(mean)  # large: squares of the deviations are chi-square
        many = expected > 20
        z = (sums(counts) - expected)[many] / np.sqrt(expected[many])
        assert len(z) > 10
        assert 1e-5 < stats.chi2.sf((z**2).sum(), len(z)) < 1 - 1e-5
    z = (counts - mean)[mean > 0] / np.sqrt(mean[mean > 0])
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    fourth = (1 / mean[mean > 0] + 2).sum()  # variance of the sum of squares
    assert abs((z**2).sum() - z.size) < 5 * np.sqrt(fourth)


SINES = [
    (300.0, 200.0, 25.0, 45.0),
    (16_000.0, 16_000.0, 10.0, 0.0),
    (5_000.0, 20_000.0, 50.0, -90.0),  # cut off at 0
    (400_000.0, 100_000.0, 20.0, 10.0),  # 40 events a step
]


@pytest.mark.parametrize("parameters", SINES, ids=str)
@pytest.mark.parametrize("each", [False, True])
def test_events_of_an_input_follow_the_sine(parameters: tuple[float, ...], each: bool) -> None:
    n, steps = 130, 1500
    rate, *others = parameters
    rates = np.linspace(0.5, 1.0, n) * rate if each else rate
    counts = arrivals(sl.SinusoidalPoisson(rates, *others), n, steps)
    follows(counts, sine(steps, rates, *others))


@pytest.mark.parametrize("parameters", SINES[:3], ids=str)
@pytest.mark.parametrize("each", [False, True])
def test_spikes_of_a_source_follow_the_sine(parameters: tuple[float, ...], each: bool) -> None:
    n, steps = 130, 1000
    rate, amplitude, frequency, phase = parameters
    frequencies = np.linspace(0.5, 2.0, n) * frequency if each else frequency
    counts = fired(sl.SinusoidalPoisson(rate, amplitude, frequencies, phase), n, steps)
    follows(counts, sine(steps, rate, amplitude, frequencies, phase))


@pytest.mark.parametrize("source", [False, True])
@pytest.mark.parametrize("columns", [False, True])
def test_given_rates_hold_for_their_time(columns: bool, source: bool) -> None:
    rng = np.random.default_rng(1)
    n, every = 100, 4.0
    rates = rng.uniform(0.0, 9000.0, (20, n) if columns else 20) * (rng.random(20) < 0.8).reshape(
        (20, 1) if columns else 20
    )
    what = sl.InhomogeneousPoisson(rates, every=every)
    counts = (fired if source else arrivals)(what, n, 1000)
    by_row = rates if columns else np.tile(rates[:, None], n)
    expected = np.concatenate([np.repeat(by_row, 40, axis=0), np.zeros((200, n))])
    follows(counts, expected)


@pytest.mark.parametrize("source", [False, True])
def test_given_rates_begin_at_their_times(source: bool) -> None:
    what = sl.InhomogeneousPoisson([8000.0, 0.0, 2000.0], times=[10.0, 30.0, 50.0])
    counts = (fired if source else arrivals)(what, 100, 1000)
    expected = np.repeat([0.0, 8000.0, 0.0, 2000.0], [100, 200, 200, 500])
    follows(counts, np.tile(expected[:, None], 100))


def test_a_rate_without_modulation_is_the_constant_one() -> None:
    """The events are those of the largest rate, thinned: where nothing is thinned they are the same."""
    for rate in (5000.0, np.linspace(0.0, 9e3, 70)):
        flat = sl.SinusoidalPoisson(rate, 0.0, 10.0)
        np.testing.assert_array_equal(arrivals(flat, 70, 200), arrivals(rate, 70, 200))
        np.testing.assert_array_equal(fired(flat, 70, 200), fired(sl.PoissonSource(rate), 70, 200))


def test_elements_and_sources_are_independent() -> None:
    n, steps = 128, 2000
    model = sl.SinusoidalPoisson(3000.0, 2000.0, 20.0)
    net = make()
    recorders = [net.record(net.population(n, model), "spikes") for _ in range(2)]
    net.run(steps * 0.1)
    mean = sine(steps, 3000.0, 2000.0, 20.0, 0.0) * 1e-4
    x, y = ((counts_by_step(r, steps, n) - mean) / np.sqrt(mean) for r in recorders)
    pairs = x.T @ x / steps
    np.fill_diagonal(pairs, 0.0)
    assert np.abs(pairs).max() < 6 / np.sqrt(steps)
    bound = 5 / np.sqrt(n * steps)
    assert abs((x * y).mean()) < bound
    for lag in (1, 2, 64):
        assert abs((x[lag:] * x[:-lag]).mean()) < bound


def test_campbell() -> None:
    """The mean of a filtered process is the rate, filtered (Campbell's theorem, with a rate that changes)."""
    n, tau, w, steps = 3000, 5.0, 2.0, 3000
    net = make()
    cells = net.population(n, sl.LIF(V_th=1e6, tau_syn_ex=tau))
    net.inject(cells, sl.PoissonInput(sl.SinusoidalPoisson(8000.0, 6000.0, 20.0, 70.0), w))
    current = trace(net, cells, "I_syn_ex", steps * 0.1)
    kept, mean, variance = np.exp(-0.1 / tau), 0.0, 0.0
    for k, rate in enumerate(sine(steps, 8000.0, 6000.0, 20.0, 70.0)[:, 0]):
        mean = mean * kept + w * rate * 1e-4
        variance = variance * kept**2 + w**2 * rate * 1e-4
        if k % 250 == 249:
            assert abs(current[k].mean() - mean) < 4.5 * np.sqrt(variance / n)
            assert current[k].var() == pytest.approx(variance, rel=5 * np.sqrt(2 / n))


# The same bits


def build(net: sl.Network) -> list[Any]:
    """Drive neurons in every way; return what to record."""
    cells = net.population(300, sl.LIF())
    rates = np.random.default_rng(1).uniform(0.0, 4000.0, (30, 70))
    sources = [
        net.population(130, sl.SinusoidalPoisson(900.0, 900.0, 30.0, 20.0)),
        net.population(70, sl.InhomogeneousPoisson(rates, every=1.1)),
        net.population(40, sl.PulsePacket([5.0, 22.0], 4, 2.5)),
    ]
    for source in sources:
        net.connect(source, cells, sl.FixedProbability(0.2), weight=50.0, delay=0.7)
    wave = sl.SinusoidalPoisson(np.linspace(0.0, 9e3, 85), 5e3, 70.0)
    net.inject(cells, sl.PoissonInput(sl.SinusoidalPoisson(9e3, 9e3, 50.0), 30.0))
    net.inject(cells[5:90], sl.PoissonInput(wave, -30.0))
    net.inject(
        cells[[250, 3, 120]], sl.PoissonInput(sl.SinusoidalPoisson(9e3, 4e3, 9.0), [9.0, -5.0, 7.0])
    )
    net.inject(cells, sl.PoissonInput(sl.InhomogeneousPoisson([3e3, 8e3], times=[4.0, 17.0]), 30.0))
    net.inject(cells[::3], sl.StepCurrent([1.0, 10.0, 20.0], [300.0, 0.0, 500.0]))
    net.inject(cells, sl.SineCurrent(np.linspace(0.0, 300.0, 300), 300.0, 20.0))
    return [cells, *sources]


def results(net: sl.Network) -> list[list[tuple[int, int]]]:
    return [train(recorder) for recorder in net.recorders]


def begun(threads: int = 1) -> sl.Network:
    net = make(threads=threads, dtype="float32")
    for population in build(net):
        net.record(population, "spikes")
    return net


def test_threads_cuts_files_and_replays_change_nothing(tmp_path: Path) -> None:
    whole = begun()
    whole.run(40.0)
    expected = results(whole)
    assert [len(spikes) > 100 for spikes in expected] == [True] * 4

    pieces = begun(threads=3)
    for piece in (0.1, 13.2, 0.0, 3.3, 23.4):
        pieces.run(piece)
    assert results(pieces) == expected

    saved = begun(threads=2)
    saved.run(16.9)
    saved.save(tmp_path / "half.npz", recorders=True)
    loaded = sl.Network.load(tmp_path / "half.npz")
    loaded.run(23.1)
    assert results(loaded) == expected
    assert [repr(drive) for drive in loaded.inputs] == [repr(drive) for drive in saved.inputs]

    loaded.reset()
    loaded.run(40.0)
    assert results(loaded) == expected


def test_a_neurons_events_do_not_depend_on_the_population() -> None:
    for rate in (8000.0, np.full(300, 8000.0)):
        wave = sl.SinusoidalPoisson(rate, 7000.0, 40.0)
        few = sl.SinusoidalPoisson(
            np.asarray(rate)[..., :65] if np.ndim(rate) else rate, 7000.0, 40.0
        )
        np.testing.assert_array_equal(arrivals(few, 65, 60), arrivals(wave, 300, 60)[:, :65])
        np.testing.assert_array_equal(fired(few, 65, 60), fired(wave, 300, 60)[:, :65])
    assert (arrivals(8000.0, 9, 60) != arrivals(8000.0, 9, 60, seed=2)).any()


# Changes between runs


def test_rates_of_an_input_change_between_runs() -> None:
    net = make()
    cells = net.population(50, FLEETING)
    drive = net.inject(cells, sl.PoissonInput(1000.0, 1.0))
    net.run(1.0)
    drive.rate = sl.SinusoidalPoisson(4000.0, 4000.0, 50.0)
    assert drive.rate.amplitude == 4000.0
    assert drive.start == 0.0
    count = trace(net, cells, "I_syn_ex", 100.0)
    follows(np.rint(count).astype(np.int64), sine(1010, 4000.0, 4000.0, 50.0, 0.0)[10:])
    drive.rate = sl.InhomogeneousPoisson([9000.0], every=10.0)
    assert drive.start == 101.0
    assert trace(net, cells, "I_syn_ex", 10.0).sum() == pytest.approx(4500.0, abs=5 * 4500**0.5)
    assert not trace(net, cells, "I_syn_ex", 5.0).any()
    drive.rate = 2000.0
    assert trace(net, cells, "I_syn_ex", 10.0).sum() == pytest.approx(1000.0, abs=5 * 1000**0.5)


def test_rates_of_a_source_change_between_runs() -> None:
    net = make()
    source = net.population(100, sl.SinusoidalPoisson(2000.0, 0.0, 10.0))
    given = net.population(100, sl.InhomogeneousPoisson([2000.0], every=10.0))
    spikes, others = net.record(source, "spikes"), net.record(given, "spikes")
    net.run(50.0)
    source[50:].rate = 0.0
    np.testing.assert_array_equal(source.rate, [2000.0] * 50 + [0.0] * 50)
    np.testing.assert_array_equal(source[49:51].rate, [2000.0, 0.0])
    given.rates = [4000.0]
    net.run(50.0)
    late = spikes.counts(50.0)
    assert not late[50:].any()
    assert late[:50].sum() == pytest.approx(5000.0, abs=5 * 5000**0.5)
    first, second = others.times <= 10.0, others.times > 50.0
    assert first.sum() == pytest.approx(2000.0, abs=5 * 2000**0.5)
    assert second.sum() == pytest.approx(4000.0, abs=5 * 4000**0.5)
    assert (first | second).all()
    assert others.times.max() <= 60.0
    with pytest.raises(ValueError, match="is of the whole population"):
        given[:5].rates = [1.0]


# Bad input


@pytest.mark.parametrize(
    ("make_it", "error", "match"),
    [
        (lambda: sl.SinusoidalPoisson(-1.0, 1.0, 1.0), ValueError, "SinusoidalPoisson: rate must be .*>= 0, got -1"),
        (lambda: sl.SinusoidalPoisson(1.0, np.nan, 1.0), ValueError, "amplitude must not contain NaN"),
        (lambda: sl.SinusoidalPoisson(1.0, 1.0, -2.0), ValueError, "frequency must be .*>= 0"),
        (lambda: sl.SinusoidalPoisson(1.0, 1.0, 1.0, np.inf), ValueError, "phase must be finite"),
        (lambda: sl.SinusoidalPoisson("5", 1.0, 1.0), TypeError, "rate must be a number"),
        (lambda: sl.InhomogeneousPoisson([1.0]), ValueError, "give either every= .* or times= .*, got neither"),
        (lambda: sl.InhomogeneousPoisson([1.0], 1.0, [1.0]), ValueError, "got both"),
        (lambda: sl.InhomogeneousPoisson(1.0, 1.0), ValueError, r"rates must be \[T\] or \[T, n\], got shape \(\)"),
        (lambda: sl.InhomogeneousPoisson([-1.0], 1.0), ValueError, "rates must be .*>= 0"),
        (lambda: sl.InhomogeneousPoisson([1.0, 2.0], times=[1.0]), ValueError, "one time for each of 2 rows"),
        (lambda: sl.InhomogeneousPoisson([1.0, 2.0], times=[3.0, 1.0]), ValueError, "times must ascend"),
        (lambda: sl.PoissonSource(sl.SinusoidalPoisson(1.0, 1.0, 1.0)), TypeError, "directly as the model of a population"),
    ],
)  # fmt: skip
def test_bad_descriptions(make_it: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        make_it()


@pytest.mark.parametrize(
    ("rate", "match"),
    [
        (sl.SinusoidalPoisson([1.0, 2.0], 0.0, 1.0), "rate must be one number or 3 numbers"),
        (sl.SinusoidalPoisson(1.0, [1.0, 2.0], 1.0), "amplitude must be one number or 3 numbers"),
        (sl.SinusoidalPoisson(2e9, 2e9, 1.0), "rate must be at most .* Hz"),
        (sl.InhomogeneousPoisson([[1.0, 2.0]], 1.0), r"rates must be \[T\] or \[T, 3\], got shape \(1, 2\)"),
        (sl.InhomogeneousPoisson([1.0, 1e12], 1.0), "rate must be at most .* Hz"),
        (sl.InhomogeneousPoisson([1.0], 0.15), r"every must be a multiple of dt = 0\.1 ms"),
        (sl.InhomogeneousPoisson([1.0] * 10, 1e14), r"every must let all rows end within 2\^53 steps"),
        (sl.InhomogeneousPoisson([1.0], times=[0.15]), "times must lie on the grid"),
        (sl.InhomogeneousPoisson([1.0], times=[0.9]), "times must not lie in the past, before 1 ms"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(rate: Any, match: str) -> None:
    net = make()
    cells = net.population(3, sl.LIF(), name="cells")
    net.run(1.0)
    with pytest.raises(ValueError, match=f"inject cells: {match}"):
        net.inject(cells, sl.PoissonInput(rate, 1.0))
    with pytest.raises(ValueError, match=f"population source: {match}"):
        net.population(3, rate, name="source")
    assert net.inputs == ()
    assert len(net.populations) == 1
    net.run(1.0)


def test_a_rate_is_no_input_by_itself() -> None:
    net = make()
    cells = net.population(3, sl.LIF())
    with pytest.raises(TypeError, match=r"as an input: PoissonInput\(rate=..., weight=...\)"):
        net.inject(cells, sl.SinusoidalPoisson(1.0, 1.0, 1.0))
