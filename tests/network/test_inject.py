"""Inputs without a source population: Poisson events, given currents, noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.conftest import MODELS, STRONG, Floats, Ints, make, trace
from tests.support.counts import assert_poisson

import spikelet as sl

NEVER = 1e6
# A synaptic current that is gone after a step: its value is what arrived.
FLEETING = sl.LIF(V_th=NEVER, tau_syn_ex=1e-4, tau_syn_in=1e-4)
# Every pA moves V_m by 1 mV in a step of 0.1 ms.
METER = sl.IF(E_L=0.0, V_reset=-1.0, V_th=1e9, C_m=0.1)


def arrivals(
    what: sl.PoissonInput, n: int, steps: int, *, state: str = "I_syn_ex", **options: Any
) -> Floats:
    """Return what arrives, [steps, n]."""
    net = make(**options)
    neurons = net.population(n, FLEETING)
    net.inject(neurons, what)
    return trace(net, neurons, state, steps * 0.1)


def currents(net: sl.Network, meter: Any, duration: float) -> Floats:
    """Run and return the injected current of each step, [steps, n]."""
    start = np.asarray(meter.V_m)
    v = trace(net, meter, "V_m", duration)
    return np.diff(np.vstack([start[None], v]), axis=0)


# Poisson input


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("mean", [0.002, 0.1, 0.7, 2.0, 5.0, 11.0, 20.0, 90.0])
def test_poisson_input_counts_follow_the_distribution(mean: float, array: bool) -> None:
    rate = np.full(130, mean * 1e4) if array else mean * 1e4
    counts = arrivals(sl.PoissonInput(rate=rate, weight=2.0), 130, 1500) / 2.0
    np.testing.assert_array_equal(counts, np.rint(counts))
    assert_poisson(counts.astype(np.int64).reshape(-1), mean)


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("mean", [0.3, 4.0, 14.0])
def test_poisson_input_is_independent_between_neurons_and_steps(mean: float, array: bool) -> None:
    n, steps = 192, 1500
    rate = np.full(n, mean * 1e4) if array else mean * 1e4
    x = (arrivals(sl.PoissonInput(rate=rate, weight=1.0), n, steps) - mean) / np.sqrt(mean)
    pairs = x.T @ x / steps
    np.fill_diagonal(pairs, 0.0)
    assert np.abs(pairs).max() < 6 / np.sqrt(steps)
    for lag in (1, 2, 64):
        assert abs((x[lag:] * x[:-lag]).mean()) < 5 / np.sqrt(n * steps)


def test_two_inputs_to_one_population_are_independent() -> None:
    net = make()
    neurons = net.population(100, FLEETING)
    net.inject(neurons, sl.PoissonInput(rate=1e4, weight=1.0))
    net.inject(neurons, sl.PoissonInput(rate=1e4, weight=-1.0))
    inhibitory = net.record(neurons, "I_syn_in")
    ex = trace(net, neurons, "I_syn_ex", 100.0) - 1.0
    assert abs((ex * (inhibitory.values + 1.0)).mean()) < 5 / np.sqrt(ex.size)


def test_each_neuron_has_its_rate_and_weight() -> None:
    rates = np.repeat([0.0, 500.0, 30_000.0, 150_000.0], 30)
    weights = np.tile([1.0, 2.5, -3.0], 40)
    net = make()
    neurons = net.population(120, FLEETING)
    net.inject(neurons, sl.PoissonInput(rate=rates, weight=weights))
    inhibitory = net.record(neurons, "I_syn_in")
    ex = trace(net, neurons, "I_syn_ex", 300.0)
    assert not ex[:, weights < 0].any()
    assert not inhibitory.values[:, weights > 0].any()
    events = (ex + inhibitory.values).sum(axis=0) / weights
    expected = rates * 0.3
    assert np.all(np.abs(events - expected) <= 5 * np.sqrt(expected))


def test_one_rate_and_many_weights() -> None:
    counts = arrivals(sl.PoissonInput(rate=2e4, weight=[0.0, 1.0, 4.0]), 3, 2000).sum(axis=0)
    assert counts[0] == 0.0
    np.testing.assert_allclose(counts[1:] / [1.0, 4.0], 4000.0, atol=5 * np.sqrt(4000))


def test_a_part_alone_is_driven() -> None:
    net = make()
    neurons = net.population(200, FLEETING)
    part = neurons[[150, 3, 64]]
    net.inject(part, sl.PoissonInput(rate=[1e3, 1e4, 1e5], weight=1.0))
    total = trace(net, neurons, "I_syn_ex", 100.0).sum(axis=0)
    assert set(np.flatnonzero(total)) == {150, 3, 64}
    expected = np.array([100.0, 1000.0, 10_000.0])
    assert np.all(np.abs(total[[150, 3, 64]] - expected) < 5 * np.sqrt(expected))


@pytest.mark.parametrize("n", [1, 63, 65])
def test_a_neurons_events_do_not_depend_on_the_population(n: int) -> None:
    what = sl.PoissonInput(rate=3e4, weight=1.0)
    small, large = arrivals(what, n, 50), arrivals(what, 300, 50)
    np.testing.assert_array_equal(small, large[:, :n])
    assert (arrivals(what, n, 50, seed=2) != small).any()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("model", MODELS)
def test_an_event_acts_as_a_synaptic_event_of_the_steps_end(model: Any, sign: int) -> None:
    """The same events, by `inject` and by synapses of delay dt, whose spikes come a step earlier."""
    n, steps, w = 20, 300, sign * 0.02 * STRONG[model.__name__]
    what = sl.PoissonInput(rate=3000.0, weight=w)
    counts: Ints = np.rint(
        arrivals(sl.PoissonInput(rate=3000.0, weight=1.0), n, steps)
    ).astype(np.int64)  # fmt: skip
    rows, ids = np.nonzero(counts)
    repeat = counts[rows, ids]

    net = make()
    driven = net.population(n, model(V_th=NEVER))
    net.inject(driven, what)
    a = trace(net, driven, "V_m", steps * 0.1)

    net = make()
    times = np.repeat(rows * 0.1, repeat)  # row k arrives at the end of step k, (k + 1) dt
    pre = net.population(n, sl.SpikeSource(times, np.repeat(ids, repeat), snap=True))
    post = net.population(n, model(V_th=NEVER))
    net.connect(pre, post, sl.OneToOne(), weight=w, delay=0.1)
    np.testing.assert_allclose(trace(net, post, "V_m", steps * 0.1), a, rtol=1e-12)
    assert np.ptp(a) > 0.2


@pytest.mark.parametrize("model", [m for m in MODELS if m().channels == 2])
def test_the_sign_picks_the_receptor(model: Any) -> None:
    for sign, missed in ((1, "_in"), (-1, "_ex")):
        net = make()
        neurons = net.population(5, model(V_th=NEVER))
        net.inject(neurons, sl.PoissonInput(rate=1e4, weight=sign * 2.0))
        net.run(5.0)
        synaptic = [
            state
            for state in neurons.model.states
            if state == "I_syn" or state.endswith(("_ex", "_in"))
        ]
        assert synaptic
        for state in synaptic:
            value = getattr(neurons, state)[:]
            if state.endswith(missed):
                assert not value.any()
            else:
                assert np.all(value > 0 if neurons.model.conductance else sign * value > 0)


def test_input_starts_when_it_is_injected() -> None:
    net = make()
    neurons = net.population(50, FLEETING)
    early = trace(net, neurons, "I_syn_ex", 5.0)
    net.inject(neurons, sl.PoissonInput(rate=1e5, weight=1.0))
    late = trace(net, neurons, "I_syn_ex", 5.0)
    assert not early.any()
    assert (late.sum(axis=1) > 0).all()


@pytest.mark.parametrize(
    "what",
    [
        sl.PoissonInput(5e4, 2.0),
        sl.PoissonInput(np.linspace(1e3, 5e4, 70), 2.0),
        sl.PoissonInput(sl.SinusoidalPoisson(5e4, 4e4, 50.0), 2.0),
        sl.PoissonInput(sl.InhomogeneousPoisson([5e4, 9e3], every=3.0), 2.0),
        sl.CurrentInput(np.linspace(1.0, 9.0, 50)),
        sl.StepCurrent([3.0, 4.0, 5.5], [5.0, 0.0, 2.0]),
        sl.SineCurrent(30.0, 50.0, 70.0),
        sl.NoiseInput(mean=20.0, std=9.0, every=0.7),
    ],
    ids=lambda what: type(what).__name__,
)
def test_an_input_acts_from_the_same_time_on_in_each_replay(what: Any) -> None:
    net = make()
    cells = net.population(70, sl.LIF(V_th=NEVER))
    net.run(2.1)
    net.inject(cells[:], what)
    first = trace(net, cells, "V_m", 10.0)
    assert np.ptp(first) > 0.01
    for at in (0.0, 1.0):
        net.reset(at=at)
        again = trace(net, cells, "V_m", 12.1 - at)
        wait = round((2.1 - at) / 0.1)
        assert (again[:wait] == -70.0).all()
        np.testing.assert_array_equal(again[wait:], first)


# Given currents


@pytest.mark.parametrize("model", MODELS)
def test_row_k_drives_step_k(model: Any) -> None:
    values = np.random.default_rng(1).normal(0.0, 100.0, 60)
    net = make()
    driven = net.population(2, model(V_th=NEVER))
    net.run(1.3)
    net.inject(driven, sl.CurrentInput(values))
    v = trace(net, driven, "V_m", 8.0)
    step_wise = make()
    other = step_wise.population(2, model(V_th=NEVER))
    for k, row in enumerate(np.concatenate([np.zeros(13), values, np.zeros(20)])):
        other.I_e = float(row)
        step_wise.run(0.1)
        if k >= 13:
            np.testing.assert_allclose(other.V_m[:], v[k - 13], rtol=1e-12)


@pytest.mark.parametrize("n", [1, 3, 100])
def test_each_neuron_has_its_column(n: int) -> None:
    values = np.random.default_rng(1).normal(0.0, 10.0, (20, n))
    net = make()
    meter = net.population(n, METER)
    net.inject(meter, sl.CurrentInput(values))
    got = currents(net, meter, 3.0)
    np.testing.assert_allclose(got[:20], values, atol=1e-11)
    np.testing.assert_allclose(got[20:], 0.0, atol=1e-11)


@pytest.mark.parametrize("values", [np.full(10, 10.0), np.tile([10.0, 30.0], (10, 1))])
def test_currents_of_a_part_and_of_i_e_add_up(values: Floats) -> None:
    net = make()
    meter = net.population(5, METER)
    meter.I_e = [1.0, 2.0, 3.0, 4.0, 5.0]
    net.inject(meter[[4, 1]], sl.CurrentInput(values))
    net.inject(meter, sl.CurrentInput(np.full(5, 100.0)))
    expected = np.tile(np.arange(1.0, 6.0), (12, 1))
    expected[:10, [4, 1]] += values.reshape(10, -1)
    expected[:5] += 100.0
    np.testing.assert_allclose(currents(net, meter, 1.2), expected, atol=1e-10)


@pytest.mark.parametrize("shape", [(0,), (0, 3)])
def test_an_empty_current_is_none(shape: tuple[int, ...]) -> None:
    net = make()
    meter = net.population(3, METER)
    net.inject(meter, sl.CurrentInput(np.zeros(shape)))
    assert not currents(net, meter, 1.0).any()


# Noise


@pytest.mark.parametrize("every", [None, 0.1, 0.5, 2.0])
def test_noise_is_gaussian_and_held(every: float | None) -> None:
    net = make()
    net.run(0.7)  # the blocks count from the injection
    meter = net.population(150, METER)
    net.inject(meter, sl.NoiseInput(mean=30.0, std=4.0, every=every))
    k = 1 if every is None else round(every / 0.1)
    blocks = currents(net, meter, 0.1 * k * 60).reshape(60, k, 150)
    np.testing.assert_allclose(blocks, np.broadcast_to(blocks[:, :1], blocks.shape), atol=1e-8)
    z = (blocks[:, 0] - 30.0) / 4.0
    assert stats.kstest(z.reshape(-1), "norm").pvalue > 1e-5
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 5 / np.sqrt(2 * z.size)
    assert abs((z[1:] * z[:-1]).mean()) < 5 / np.sqrt(z.size)
    assert abs((z[:, 1:] * z[:, :-1]).mean()) < 5 / np.sqrt(z.size)


def test_noise_of_each_neuron() -> None:
    net = make()
    meter = net.population(4, METER)
    net.inject(meter[[3, 0, 2]], sl.NoiseInput(mean=[10.0, 20.0, 30.0], std=[0.0, 1.0, 5.0]))
    i = currents(net, meter, 400.0)
    np.testing.assert_allclose(i[:, 3], 10.0, atol=1e-8)
    assert not i[:, 1].any()
    for column, mean, std in ((0, 20.0, 1.0), (2, 30.0, 5.0)):
        assert i[:, column].mean() == pytest.approx(mean, abs=5 * std / np.sqrt(4000))
        assert i[:, column].std() == pytest.approx(std, rel=0.06)


def test_noise_depends_on_the_seed_and_not_on_the_cut() -> None:
    def run(seed: int, pieces: list[float]) -> Floats:
        net = make(seed=seed)
        meter = net.population(70, METER)
        net.inject(meter, sl.NoiseInput(std=1.0, every=0.3))
        recorder = net.record(meter, "V_m")
        for piece in pieces:
            net.run(piece)
        return np.asarray(recorder.values)

    np.testing.assert_array_equal(run(1, [5.0]), run(1, [0.1, 0.4, 0.0, 2.2, 2.3]))
    assert (run(1, [5.0]) != run(2, [5.0])).any()
