"""Pair STDP against a sum over all pairs of spikes, and against an event-by-event reference with bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import Floats, Ints, make, to_steps
from tests.support.plasticity_bench import WIDE, emit, force, trains

import spikelet as sl


def pair_sum(pre: Ints, post: Ints, delay: int, now: int, rule: sl.STDP, dt: float = 0.1) -> float:
    """Sum over all pairs, of stamps in steps."""
    acting = post + delay
    lag = (acting[acting <= now][None, :] - pre[pre <= now][:, None]).reshape(-1)
    up = lag >= (0 if rule.coincidence == "potentiate" else 1)
    potentiation = rule.A_plus * np.exp(-lag[up] * dt / rule.tau_plus).sum()
    return float(potentiation - rule.A_minus * np.exp(lag[lag < 0] * dt / rule.tau_minus).sum())


def event_by_event(
    w: float, pre: Ints, post: Ints, delay: int, now: int, rule: sl.STDP, dt: float = 0.1
) -> tuple[float, list[float]]:
    """Weight at `now`, bounded at each event, and the weights sent."""
    acting = post + delay
    tie = rule.coincidence == "potentiate"
    # At equal times: the source's spike first where ties potentiate, else the target's.
    events = [(int(s), 0 if tie else 1) for s in pre] + [(int(x), 1 if tie else 0) for x in acting]
    sent = []
    for time, order in sorted(e for e in events if e[0] <= now):
        if (order == 0) == tie:  # a spike of the source
            trace = np.exp(-(time - acting[acting < time]) * dt / rule.tau_minus).sum()
            w = max(w - rule.A_minus * trace, rule.w_min)
            sent.append(w)
        else:
            past = pre[pre <= time] if tie else pre[pre < time]
            w = min(w + rule.A_plus * np.exp(-(time - past) * dt / rule.tau_plus).sum(), rule.w_max)
    return w, sent


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("coincidence", ["potentiate", "ignore"])
@pytest.mark.parametrize("taus", [(20.0, 20.0), (3.0, 40.0)])
def test_weights_are_the_sum_over_all_pairs(taus: Any, coincidence: Any, threads: int) -> None:
    rng = np.random.default_rng(7)
    steps, n, m = 400, 12, 70
    pres, posts = trains(rng, n, steps, 40), trains(rng, m, steps, 40, low=1)
    rule = sl.STDP(
        tau_plus=taus[0], tau_minus=taus[1], A_plus=0.3, A_minus=0.2, coincidence=coincidence,
        **WIDE,
    )  # fmt: skip
    net = make(threads=threads)
    delay = rng.integers(1, 60, n * m)
    delay[: n * m // 2] = 15
    p = net.connect(
        emit(net, pres), force(net, posts, steps), sl.AllToAll(), weight=1.5, delay=delay * 0.1,
        plasticity=rule,
    )  # fmt: skip
    for now in (0, 1, 17, 100, 101, 250, 333, 400):
        net.run(now * 0.1 - net.t)
        expected = [
            1.5 + pair_sum(pres[i], posts[j], d, now, rule)
            for i, j, d in zip(p.pre_ids, p.post_ids, to_steps(p.delays), strict=True)
        ]
        np.testing.assert_allclose(p.weights, expected, rtol=1e-12, atol=1e-12)
    assert np.std(expected) > 0.5


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("coincidence", ["potentiate", "ignore"])
def test_ties_alone(coincidence: Any, dtype: str) -> None:
    """One spike of each side, at all distances around the tie."""
    delay, pre = 12, 50
    posts = [np.array([pre - delay + k]) for k in (-2, -1, 0, 1, 2)]
    rule = sl.STDP(A_plus=0.25, A_minus=0.5, coincidence=coincidence, **WIDE)
    net = make(dtype=dtype)
    target = force(net, posts, 100)
    p = net.connect(
        emit(net, [np.array([pre])]), target, sl.AllToAll(), delay=0.1 * delay, plasticity=rule
    )
    sent = net.record(target, "I_syn_ex")
    net.run(10.0)
    far, near = np.exp(-0.2 / 20), np.exp(-0.1 / 20)
    tie = 0.25 if coincidence == "potentiate" else 0.0
    change = [-0.5 * far, -0.5 * near, tie, 0.25 * near, 0.25 * far]
    rtol = 1e-6 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(p.weights, 1.0 + np.array(change), rtol=rtol)
    # The tie acts after the spike was sent.
    expected = [1.0 + change[0], 1.0 + change[1], 1.0, 1.0, 1.0]
    np.testing.assert_allclose(sent.values[pre + delay - 1], expected, rtol=rtol)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["potentiate", "ignore"]), st.sampled_from([1, 3]))
def test_bounds_apply_at_each_event(seed: int, coincidence: Any, threads: int) -> None:
    rng = np.random.default_rng(seed)
    steps, n = 150, 5
    pres, posts = trains(rng, n, steps, 30), trains(rng, n, steps, 30, low=1)
    rule = sl.STDP(
        tau_plus=rng.uniform(2.0, 30.0), tau_minus=rng.uniform(2.0, 30.0), A_plus=rng.uniform(0, 1),
        A_minus=rng.uniform(0, 1), w_min=0.5, w_max=3.0, coincidence=coincidence,
    )  # fmt: skip
    net = make(threads=threads)
    target = force(net, posts, steps)
    delay = rng.integers(1, 30, n)
    p = net.connect(
        emit(net, pres), target, sl.OneToOne(), weight=1.0, delay=delay * 0.1, plasticity=rule
    )
    arrived = net.record(target, "I_syn_ex")
    for now in (*np.sort(rng.integers(0, steps, 3)), steps):
        net.run(now * 0.1 - net.t)
        expected = [event_by_event(1.0, a, b, d, now, rule) for a, b, d in zip(pres, posts, delay)]  # noqa: B905
        np.testing.assert_allclose(p.weights, [w for w, _ in expected], rtol=1e-12)
    table = np.zeros((steps + 1, n))
    for k, (_, sent) in enumerate(expected):
        at = pres[k] + delay[k]
        np.add.at(table[:, k], at[at <= steps], np.array(sent)[at <= steps])
    np.testing.assert_allclose(arrived.values, table[1:], rtol=1e-12)


def test_the_weight_of_sending_arrives() -> None:
    """Targets spike between sending and arrival: what they change comes too late for that spike."""
    rule = sl.STDP(A_plus=0.5, A_minus=0.25, **WIDE)
    net = make()
    target = force(net, [np.array([11, 12, 40])], 100)
    pre = emit(net, [np.array([10, 25, 60])])
    p = net.connect(pre, target, sl.OneToOne(), weight=2.0, delay=3.0, plasticity=rule)
    arrived = net.record(target, "I_syn_ex")
    net.run(10.0)
    _, sent = event_by_event(2.0, np.array([10, 25, 60]), np.array([11, 12, 40]), 30, 100, rule)
    hit = np.flatnonzero(arrived.values[:, 0]) + 1
    assert hit.tolist() == [40, 55, 90]
    np.testing.assert_allclose(arrived.values[hit - 1, 0], sent, rtol=1e-13)
    assert sent[0] == 2.0
    assert sent[2] != pytest.approx(float(p.weights[0]))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("longest", [20, 2000])
def test_long_silence_of_a_source_loses_no_pair(longest: int, threads: int) -> None:
    """The targets spike so often meanwhile that their history has to be cut."""
    steps, rng = 9000, np.random.default_rng(1)
    pres = [
        np.array([3, 8990]), np.array([8995]), np.array([], dtype=np.int64),
        np.array([40, 41, 5000]), np.array([4400]),
    ]  # fmt: skip
    posts = [np.arange(2, steps), np.arange(5, steps, 2), np.array([9, 8000]), np.arange(1, 3000)]
    delay = rng.integers(1, longest + 1, 20)
    rule = sl.STDP(A_plus=0.01, A_minus=0.01, tau_plus=300.0, tau_minus=150.0, **WIDE)
    net = make(threads=threads)
    pre, target = emit(net, pres), force(net, posts, steps)
    p = net.connect(pre, target, sl.AllToAll(), delay=delay * 0.1, plasticity=rule)
    for now in (6000, 8997, 9000):
        net.run(now * 0.1 - net.t)
        sums = [pair_sum(pres[k // 4], posts[k % 4], delay[k], now, rule) for k in range(20)]
        np.testing.assert_allclose(p.weights, 1.0 + np.array(sums), rtol=1e-9)


@pytest.mark.parametrize("threads", [1, 3])
def test_plasticity_of_a_recurrent_network(threads: int) -> None:
    net = make(threads=threads)
    cells = net.population(80, sl.LIF(I_e=450.0))
    cells.V_m[:] = sl.Uniform(-70.0, -55.0)
    net.inject(cells, sl.PoissonInput(rate=2000.0, weight=40.0))
    rule = sl.STDP(A_plus=0.4, A_minus=0.5, **WIDE)
    p = net.connect(
        cells, cells, sl.FixedIndegree(10), weight=sl.Normal(0.0, 30.0),
        delay=sl.Uniform(0.1, 4.0), plasticity=rule,
    )  # fmt: skip
    w0, spikes = p.weights, net.record(cells, "spikes")
    assert (p.pre_ids == p.post_ids).any()
    for now in (311, 800, 1500):
        net.run(now * 0.1 - net.t)
        stamps = to_steps(spikes.times)
        of = [stamps[spikes.ids == i] for i in range(80)]
        change = [
            pair_sum(of[i], of[j], d, now, rule)
            for i, j, d in zip(p.pre_ids, p.post_ids, to_steps(p.delays), strict=True)
        ]
        np.testing.assert_allclose(p.weights, w0 + np.array(change), rtol=1e-11, atol=1e-11)
    assert len(stamps) > 300


def test_float32_is_close() -> None:
    rng = np.random.default_rng(3)
    pres, posts = trains(rng, 20, 1000, 60), trains(rng, 20, 1000, 60, low=1)
    rule = sl.STDP(A_plus=0.01, A_minus=0.01, w_min=-5.0, w_max=5.0)
    net = make(dtype="float32")
    p = net.connect(
        emit(net, pres), force(net, posts, 1000), sl.OneToOne(), delay=1.5, plasticity=rule
    )
    net.run(100.0)
    sums: Floats = np.array([pair_sum(a, b, 15, 1000, rule) for a, b in zip(pres, posts)])  # noqa: B905
    np.testing.assert_allclose(p.weights, 1.0 + sums, rtol=2e-5)


def test_zero_amplitudes_keep_the_weight() -> None:
    net = make()
    pre, post = net.population(9, sl.PoissonSource(2000.0)), net.population(9, sl.LIF(I_e=2000.0))
    up, down = (
        net.connect(pre, post, sl.AllToAll(), weight=0.5, plasticity=sl.STDP(**amplitudes))
        for amplitudes in ({"A_plus": 0.0}, {"A_minus": 0.0})
    )
    net.run(100.0)
    assert np.all(up.weights < 0.5)
    assert np.all(down.weights > 0.5)


# Reading and writing


def plastic_network(threads: int = 1) -> tuple[sl.Network, Any, Any]:
    """Return a network whose spikes depend on its plastic weights, its projection and its spikes."""
    net = make(threads=threads, dtype="float32")
    pre, cells = net.population(40, sl.PoissonSource(200.0)), net.population(70, sl.LIF(I_e=300.0))
    p = net.connect(
        pre, cells, sl.FixedIndegree(20), weight=sl.Uniform(20.0, 120.0),
        delay=sl.Uniform(0.1, 3.0), plasticity=sl.STDP(A_plus=5.0, A_minus=5.0, w_max=150.0),
    )  # fmt: skip
    return net, p, net.record(cells, "spikes")


@pytest.mark.parametrize("threads", [1, 3])
def test_reading_weights_changes_no_bit(threads: int) -> None:
    net, p, spikes = plastic_network(threads)
    net.run(200.0)
    other, q, others = plastic_network()
    for piece in (0.0, 3.3, 0.1, 0.1, 77.7, 100.0, 18.8):
        other.run(piece)
        _ = q.weights, q.to_scipy(), repr(q), other.record(q, "weights", every=0.7)
    np.testing.assert_array_equal(others.times, spikes.times)
    np.testing.assert_array_equal(q.weights, p.weights)
    assert len(spikes.times) > 300
    assert len(np.unique(p.weights)) > 1000


def test_writing_what_was_read_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    pres, posts = trains(rng, 6, 300, 60), trains(rng, 6, 300, 60, low=1)
    rule = sl.STDP(A_plus=0.3, A_minus=0.2, **WIDE)
    net = make()
    p = net.connect(
        emit(net, pres), force(net, posts, 300), sl.OneToOne(), delay=2.5, plasticity=rule
    )
    for _ in range(10):
        net.run(3.0)
        p.weights = p.weights
    sums = [pair_sum(a, b, 25, 300, rule) for a, b in zip(pres, posts, strict=True)]
    np.testing.assert_allclose(p.weights, 1.0 + np.array(sums), rtol=1e-10)


@pytest.mark.parametrize("threads", [1, 2])
def test_spikes_in_flight_keep_the_weight_they_were_sent_with(threads: int) -> None:
    net = make(threads=threads)
    target = force(net, [np.array([15, 60])], 100)
    rule = sl.STDP(A_plus=0.5, A_minus=0.25, **WIDE)
    pre = emit(net, [np.array([10, 40])])
    p = net.connect(pre, target, sl.OneToOne(), weight=2.0, delay=2.5, plasticity=rule)
    arrived = net.record(target, "I_syn_ex")
    net.run(2.0)
    p.weights = 7.0
    net.run(8.0)
    assert arrived.values[34, 0] == 2.0
    # The pair of 10 and 15 acts at step 40, which ties with the second spike: after that is sent.
    assert arrived.values[64, 0] == 7.0
    gain = np.exp(-3.0 / 20) + 1.0 + np.exp(-7.5 / 20) + np.exp(-4.5 / 20)
    assert float(p.weights[0]) == pytest.approx(7.0 + 0.5 * gain, rel=1e-12)
