"""Reward-modulated STDP against its definition, in all layouts of a projection."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from tests.conftest import make
from tests.support.plasticity_bench import (
    COINCIDENCES,
    FRACTIONS,
    LAYOUTS,
    STEPS,
    WIDE,
    Bench,
    emit,
    force,
)
from tests.support.plasticity_reference import level, reward

import spikelet as sl


def reward_rule(rng: np.random.Generator, **kwargs: Any) -> Any:
    """Draw a rule whose weights stay away from its bounds."""
    tau_plus, tau_minus, tau_c = rng.uniform(3.0, 30.0, 3)
    return sl.RewardSTDP(
        tau_plus=tau_plus, tau_minus=tau_minus, A_plus=0.03, A_minus=0.02, tau_c=tau_c,
        w_min=-1e3, w_max=1e3, **kwargs,
    )  # fmt: skip


def check_reward(bench: Bench, levels: list[tuple[int, float]], now: int) -> None:
    """Compare weights and level at `now`."""
    rows = zip(bench.start, bench.pre, bench.post, bench.delay, strict=True)
    found = [
        reward(bench.rule, float(w), bench.pres[i], bench.posts[j], int(d), levels, now)
        for w, i, j, d in rows
    ]
    np.testing.assert_allclose(bench.p.weights, [w for w, _ in found], rtol=1e-10, atol=1e-10)
    expected = pytest.approx(level(bench.rule, levels, now), rel=1e-12, abs=1e-300)
    assert bench.p.reward == expected
    if now == STEPS:
        bench.check_sent([sent for _, sent in found], rtol=1e-10)
        assert np.abs(bench.p.weights - bench.start).max() > 0.1


@pytest.mark.filterwarnings("ignore:.*both orders of spikes")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("coincidence", COINCIDENCES)
@pytest.mark.parametrize("tau_n", [None, 15.0])
def test_reward(tau_n: float | None, coincidence: Any, layout: str) -> None:
    for k, fraction in enumerate(FRACTIONS):
        rng = np.random.default_rng([k, 11])
        rule = reward_rule(
            rng, tau_n=tau_n, b=(0.0, 0.3)[k % 2], coincidence=coincidence, axonal_fraction=fraction
        )
        if k:
            rule = dataclasses.replace(rule, A_plus=(-1) ** k * rule.A_plus, A_minus=-rule.A_minus)
        bench = Bench(make(threads=1 + 2 * (k == 1)), rng, layout, rule, (3.0, 4.0))
        p, net = bench.p, bench.net
        assert p.reward == 0.0
        cuts = np.unique(rng.integers(20, STEPS, 5))
        ahead = np.setdiff1d(rng.integers(1, STEPS, 12), cuts)
        levels = [(int(s), float(v)) for s, v in zip(ahead, rng.normal(0.5, 1, 99), strict=False)]
        p.schedule_reward([s * 0.1 for s, _ in levels], [v for _, v in levels])
        for now in cuts.tolist():
            net.run(now * 0.1 - net.t)
            check_reward(bench, sorted(levels), now)
            value = float(rng.normal(0.5, 1.0))
            p.reward = value
            assert p.reward == value
            levels.append((now, value))
            check_reward(bench, sorted(levels), now)
        net.run(STEPS * 0.1 - net.t)
        check_reward(bench, sorted(levels), STEPS)


@pytest.mark.parametrize("tau_c", [0.3, 40.0, 300.0])
def test_reward_over_long_silences(tau_c: float) -> None:
    """Sources are silent for up to a few seconds, while targets fire a few times or often."""
    steps, n = 40_000, 20
    rng = np.random.default_rng(5)
    lengths = [40, 900, 3500, 4200, 9000, 15_000, 17_000]
    pres = [np.cumsum(rng.permutation(lengths) + rng.integers(1, 30)) for _ in range(n)]
    pres = [train[train < steps - 10] for train in pres]
    posts = [
        np.unique(rng.integers(10, steps - 40, int(rng.choice([3, 40, 400])))) for _ in range(n)
    ]
    posts = [train[np.diff(train, prepend=-50) > 20] for train in posts]
    rule = sl.RewardSTDP(
        tau_plus=300.0, tau_minus=200.0, A_plus=0.03, A_minus=0.02, tau_c=tau_c, tau_n=150.0,
        w_min=-1e3, w_max=1e3,
    )  # fmt: skip
    levels = [
        (int(step), float(v))
        for step, v in zip(range(7, steps, 1111), rng.normal(0.5, 1, 99), strict=False)
    ]
    found = []
    for often in (False, True):
        net = make()
        p = net.connect(
            emit(net, pres), force(net, posts, steps), sl.AllToAll(), weight=1.0,
            delay=rng.integers(1, 30, n * n) * 0.1 if not found else found[0].delays, plasticity=rule,
        )  # fmt: skip
        p.schedule_reward([s * 0.1 for s, _ in levels], [v for _, v in levels])
        for now in range(3000, steps + 1, 3700) if often else (steps,):
            net.run(now * 0.1 - net.t)
            _ = p.weights
        net.run(steps * 0.1 - net.t)
        found.append(p)
    np.testing.assert_array_equal(found[0].weights, found[1].weights)
    expected = [
        reward(rule, 1.0, pres[i], posts[j], round(d / 0.1), levels, steps)[0]
        for i, j, d in zip(found[0].pre_ids, found[0].post_ids, found[0].delays, strict=True)
    ]
    np.testing.assert_allclose(found[0].weights, expected, rtol=1e-9)


def test_a_lasting_reward_moves_a_weight_by_the_integral() -> None:
    """One pair; the weight is the integral of an exponential."""
    rule = sl.RewardSTDP(
        tau_plus=10.0, A_plus=0.5, A_minus=0.0, tau_c=40.0, tau_n=None, b=0.25, **WIDE
    )
    net = make()
    target = force(net, [np.array([20])], 500)
    p = net.connect(emit(net, [np.array([10])]), target, sl.OneToOne(), delay=1.0, plasticity=rule)
    p.reward = 0.75
    for now in (29, 30, 31, 250, 500):
        net.run(now * 0.1 - net.t)
        c = 0.5 * np.exp(-2.0 / 10.0)
        gone = max(now - 30, 0) * 0.1
        expected = 1.0 + c * 0.5 * 40.0 * -np.expm1(-gone / 40.0)
        assert float(p.weights[0]) == pytest.approx(expected, rel=1e-12)
    assert p.reward == 0.75


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_reward_respects_the_bounds(value: float) -> None:
    net = make()
    rule = sl.RewardSTDP(A_plus=1.0, A_minus=0.0, tau_n=None, w_min=0.5, w_max=2.0)
    pres, posts = [np.array([10, 300])], [np.array([20, 310])]
    p = net.connect(
        emit(net, pres), force(net, posts, 500), sl.OneToOne(), delay=1.0, plasticity=rule
    )
    p.reward = value
    sent = net.record(p.post, "I_syn_ex")
    net.run(45.0)
    bound = 2.0 if value > 0 else 0.5
    assert float(p.weights[0]) == bound
    np.testing.assert_allclose(sent.values[[19, 309], 0], [1.0, bound], rtol=1e-12)
