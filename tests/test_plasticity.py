"""Each rule of plasticity against its definition, in all layouts of a projection."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import Floats, make, to_steps
from tests.support.plasticity_reference import depression_and_facilitation, level, reward, simulate
from tests.test_plasticity_stdp import TARGET, WIDE, emit, force, trains

import spikelet as sl

PAIRINGS = ("all_to_all", "nearest_symmetric", "nearest_pre_centered", "nearest_restricted")
DEPENDENCES = ("additive", "multiplicative", "power", "power_law")
COINCIDENCES = ("potentiate", "ignore")
LAYOUTS = ("dense", "one delay", "many delays")
FRACTIONS = (0.0, 0.4, 1.0)
STEPS = 200
COND = sl.LIFCond(tau_syn_ex=1e-4, tau_syn_in=1e-4, t_ref=0.0)


class Bench:
    """Sources and targets that spike at given stamps, and the projection of one layout between them."""

    def __init__(
        self,
        net: sl.Network,
        rng: np.random.Generator,
        layout: str,
        rule: Any,
        weight: tuple[float, float],
        *,
        model: Any = TARGET,
        delay: int = 0,
    ) -> None:
        n, m = (4, 40) if layout == "dense" else (30, 20)
        self.net, self.rule = net, rule
        self.pres = trains(rng, n, STEPS, 16)
        self.posts = trains(rng, m, STEPS, 16, low=1)
        if isinstance(rule, sl.InhibitorySTDP):  # a spike at 0 may be part of the first weights
            self.pres = [np.maximum(stamps, 1) for stamps in self.pres]
        self.pres[0], self.posts[0] = self.pres[0][:0], self.posts[0][:0]  # silent ones
        connection: Any = {"dense": sl.AllToAll(), "one delay": sl.FixedProbability(0.1)}.get(
            layout
        )
        steps: Any = delay or int(rng.integers(1, 40))
        if connection is None:
            pairs = rng.integers(0, n, 60), rng.integers(0, m, 60)
            connection = tuple(np.concatenate([x, x[:9]]) for x in pairs)  # with multapses
            steps = rng.integers(1, 40, 69)
        source = emit(net, self.pres)
        self.target = force(net, self.posts, STEPS, model)
        self.p = net.connect(
            source, self.target, connection, weight=sl.Uniform(*weight), delay=steps * 0.1,
            plasticity=rule,
        )  # fmt: skip
        names = ("g_ex", "g_in") if model is COND else ("I_syn_ex", "I_syn_in")
        self.arrived = [net.record(self.target, name) for name in names]
        self.start = self.p.weights
        self.pre, self.post = self.p.pre_ids, self.p.post_ids
        self.delay = to_steps(self.p.delays)
        assert len(self.p) > 20

    def __len__(self) -> int:
        return len(self.start)

    def simulate(self) -> list[Any]:
        """Return the history of each synapse."""
        table = zip(self.start, self.pre, self.post, self.delay, strict=True)
        return [
            simulate(self.rule, float(w), self.pres[i], self.posts[j], int(d))
            for w, i, j, d in table
        ]

    def check_sent(self, sent: list[Any], rtol: float = 1e-12) -> None:
        """Compare what arrived at the targets, [a list a synapse], after a run of all steps."""
        table = np.zeros((STEPS + 1, len(self.posts)))
        for k, values in enumerate(sent):
            at = (self.pres[self.pre[k]] + self.delay[k])[: len(values)]
            near = at <= STEPS
            np.add.at(table[:, self.post[k]], at[near], np.asarray(values)[near])
        arrived = sum(np.asarray(r.values) for r in self.arrived)
        assert np.count_nonzero(table) > 20
        np.testing.assert_allclose(arrived, table[1:], rtol=rtol, atol=1e-14)

    def check(self, cuts: list[int]) -> None:
        """Run on to each cut; compare the weights there, and in the end what was recorded and sent."""
        histories = self.simulate()
        recorded = self.net.record(self.p, "weights", every=2.3)
        for now in cuts:
            self.net.run(now * 0.1 - self.net.t)
            np.testing.assert_allclose(self.p.weights, [h.at(now) for h in histories], rtol=1e-12)
        self.check_sent([h.sent for h in histories])
        times = to_steps(recorded.times)
        assert len(times) >= STEPS // 23
        table = [[h.at(t) for h in histories] for t in times.tolist()]
        np.testing.assert_allclose(recorded.values, table, rtol=1e-12)
        assert np.abs(self.p.weights - self.start).max() > 0.1 * np.abs(self.start).max()


def draw_stdp(rng: np.random.Generator, dependence: str, **kwargs: Any) -> tuple[Any, Any]:
    """Draw an STDP and the range of the first weights; bounds are met."""
    bounds: Any = {"w_min": 0.25, "w_max": 2.0}
    if dependence == "power":
        bounds |= {"mu_plus": rng.uniform(0.3, 1.7), "mu_minus": rng.uniform(0.3, 1.7)}
    elif dependence == "power_law":
        bounds = {"w_min": float(rng.choice([0.0, 0.3])), "mu_plus": rng.uniform(0.2, 0.9)}
    tau_plus, tau_minus = rng.uniform(4.0, 30.0, 2)
    a_plus, a_minus = rng.uniform(0.02, 0.3, 2)
    rule = sl.STDP(
        tau_plus=tau_plus, tau_minus=tau_minus, A_plus=a_plus, A_minus=a_minus,
        dependence=dependence, **bounds, **kwargs,
    )  # type: ignore[arg-type]  # bounds and options of one dict  # fmt: skip
    return rule, (0.4, 1.9)


def draw(rng: np.random.Generator, name: str, **kwargs: Any) -> tuple[Any, Any]:
    """Draw a rule of spikes by its name and the range of the first weights."""
    if name in DEPENDENCES:
        return draw_stdp(rng, name, **kwargs)
    tau = rng.uniform(4.0, 30.0, 4)
    a = rng.uniform(0.01, 0.2, 4)
    if name == "triplet":
        return sl.TripletSTDP(
            tau_plus=tau[0], tau_minus=tau[1], tau_plus_triplet=4 * tau[2],
            tau_minus_triplet=4 * tau[3], A_plus=a[0], A_minus=a[1], A_plus_triplet=a[2] / 4,
            A_minus_triplet=a[3] / 4, w_min=0.25, w_max=2.0, **kwargs,
        ), (0.4, 1.9)  # fmt: skip
    if name == "inhibitory":
        low = float(rng.choice([-0.9, 0.1]))
        rule = sl.InhibitorySTDP(
            tau=tau[0], eta=a[0], alpha=rng.uniform(0.5, 4.0), w_max=1.0, **kwargs
        )
        return rule, (low, low + 0.8)
    return sl.DiehlCookSTDP(
        tau_pre=tau[0], tau_post_1=tau[1], tau_post_2=tau[2], eta_pre=a[0], eta_post=a[1],
        w_min=0.25, w_max=2.0, **kwargs,
    ), (0.4, 1.9)  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("coincidence", COINCIDENCES)
@pytest.mark.parametrize("dependence", DEPENDENCES)
@pytest.mark.parametrize("pairing", PAIRINGS)
def test_pairings_and_dependences(
    pairing: str, dependence: str, coincidence: str, layout: str
) -> None:
    for k, fraction in enumerate(FRACTIONS):
        rng = np.random.default_rng([k, *dependence.encode(), *pairing.encode()])
        rule, weight = draw_stdp(
            rng, dependence, pairing=pairing, coincidence=coincidence, axonal_fraction=fraction
        )
        bench = Bench(make(threads=1 + 2 * (k == 1)), rng, layout, rule, weight)
        bench.check([0, *np.sort(rng.integers(1, STEPS, 4)).tolist(), STEPS])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("signs", [(-1, -1), (1, -1), (-1, 1)])
@pytest.mark.parametrize("dependence", ["additive", "multiplicative", "power"])
def test_negative_amplitudes(dependence: str, signs: tuple[int, int], layout: str) -> None:
    """Of either side of zero, over all pairings: anti-Hebbian, or both orders of a pair act alike."""
    for k, pairing in enumerate(PAIRINGS):
        rng = np.random.default_rng([k, *dependence.encode(), signs[0] + 1])
        rule, weight = draw_stdp(
            rng, dependence, pairing=pairing, coincidence=COINCIDENCES[k % 2],
            axonal_fraction=FRACTIONS[k % 3],
        )  # fmt: skip
        shift = (0.0, -1.0, -2.0)[k % 3]  # weights of both signs, or inhibitory ones
        rule = dataclasses.replace(
            rule, A_plus=signs[0] * rule.A_plus, A_minus=signs[1] * rule.A_minus,
            w_min=rule.w_min + shift, w_max=rule.w_max + shift,
        )  # fmt: skip
        first = (weight[0] + shift, weight[1] + shift)
        bench = Bench(make(threads=1 + 2 * (k == 1)), rng, layout, rule, first)
        bench.check([0, *np.sort(rng.integers(1, STEPS, 4)).tolist(), STEPS])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pairing", PAIRINGS)
def test_inhibitory_weights(pairing: str, layout: str) -> None:
    """Bounds below zero: up is towards w_max, which makes inhibition weaker."""
    rng = np.random.default_rng([2, *pairing.encode()])
    rule, _ = draw_stdp(rng, "power", pairing=pairing)
    rule = dataclasses.replace(rule, w_min=-2.0, w_max=0.0)
    bench = Bench(make(), rng, layout, rule, (-1.9, -0.1))
    bench.check([0, 100, STEPS])
    assert bench.p.weights.min() >= -2.0
    assert bench.p.weights.max() <= 0.0


def test_amplitudes_keep_their_signs() -> None:
    net = make()
    source, target = net.population(2, sl.PoissonSource(0.0)), net.population(2, sl.LIF())
    hebbian, anti = sl.STDP(), sl.STDP(A_plus=-0.01, A_minus=-0.01)
    for rule, other in ((hebbian, anti), (anti, hebbian)):
        p = net.connect(source, target, sl.AllToAll(), weight=0.5, plasticity=rule)
        with pytest.raises(ValueError, match="must keep whether an amplitude is negative"):
            p.plasticity = other
        assert p.plasticity is rule
        p.plasticity = dataclasses.replace(rule, A_plus=2.0 * rule.A_plus)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["triplet", "diehl_cook"])
def test_negative_amplitudes_of_rules_of_spikes(name: str, layout: str) -> None:
    """Each sign of each amplitude; of a triplet's, the sum changes its sign from spike to spike."""
    for k in range(8):
        rng = np.random.default_rng([k, *name.encode()])
        rule, weight = draw(
            rng, name, coincidence=COINCIDENCES[k % 2], axonal_fraction=FRACTIONS[k % 3]
        )
        names = sorted(sl.plasticity.amplitudes(rule))
        signs = {a: -1.0 if (k + 1) >> i & 1 else 1.0 for i, a in enumerate(names)}
        shift = (0.0, -1.0, -2.0)[k % 3]
        rule = dataclasses.replace(
            rule, w_min=rule.w_min + shift, w_max=rule.w_max + shift,
            **{a: 2 * signs[a] * getattr(rule, a) for a in names},
        )  # fmt: skip
        first = (weight[0] + shift, weight[1] + shift)
        bench = Bench(make(threads=1 + 2 * (k == 1)), rng, layout, rule, first)
        bench.check([0, *np.sort(rng.integers(1, STEPS, 4)).tolist(), STEPS])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("coincidence", COINCIDENCES)
@pytest.mark.parametrize("name", ["triplet", "inhibitory", "diehl_cook"])
def test_rules_of_spikes(name: str, coincidence: str, layout: str) -> None:
    for k in range(6):
        rng = np.random.default_rng([k, *name.encode()])
        fraction = FRACTIONS[k % 3]
        rule, weight = draw(rng, name, coincidence=coincidence, axonal_fraction=fraction)
        bench = Bench(make(threads=1 + 2 * (k == 1)), rng, layout, rule, weight)
        bench.check([0, *np.sort(rng.integers(1, STEPS, 4)).tolist(), STEPS])


PRES = np.array([20, 30, 40, 42])
ARRIVED = np.array([10, 25, 30, 35, 38, 45])  # the posts, at the synapse
DOWN = [(20, 10), (30, 25), (40, 38)]
PAIRS: dict[tuple[str, str], tuple[list[tuple[int, int]], list[tuple[int, int]]]] = {
    ("nearest_symmetric", "potentiate"): (
        [(20, 25), (30, 30), (30, 35), (30, 38), (42, 45)], [*DOWN, (42, 38)]),
    ("nearest_symmetric", "ignore"): (
        [(20, 25), (20, 30), (30, 35), (30, 38), (42, 45)], [*DOWN, (42, 38)]),
    ("nearest_pre_centered", "potentiate"): (
        [(20, 25), (30, 30), (40, 45), (42, 45)], [*DOWN, (42, 38)]),
    ("nearest_pre_centered", "ignore"): (
        [(20, 25), (30, 35), (40, 45), (42, 45)], [*DOWN, (42, 38)]),
    ("nearest_restricted", "potentiate"): ([(20, 25), (30, 30), (42, 45)], DOWN),
    ("nearest_restricted", "ignore"): ([(20, 25), (30, 35), (42, 45)], DOWN),
}  # fmt: skip


@pytest.mark.parametrize("fraction", FRACTIONS)
@pytest.mark.parametrize(("pairing", "coincidence"), PAIRS)
def test_the_pairs_of_a_pairing(pairing: Any, coincidence: Any, fraction: float) -> None:
    """A list of pairs written by hand."""
    up, down = PAIRS[pairing, coincidence]
    rule = sl.STDP(
        A_plus=0.3, A_minus=0.2, pairing=pairing, coincidence=coincidence,
        axonal_fraction=fraction, **WIDE,
    )  # fmt: skip
    net = make()
    axonal = round(5 * fraction)
    source = emit(net, [PRES - axonal])
    target = force(net, [ARRIVED - (5 - axonal)], 60)
    p = net.connect(source, target, sl.OneToOne(), delay=0.5, plasticity=rule)
    net.run(6.0)
    change = 0.3 * sum(np.exp(-(x - s) * 0.1 / 20.0) for s, x in up)
    change -= 0.2 * sum(np.exp(-(s - x) * 0.1 / 20.0) for s, x in down)
    assert float(p.weights[0]) == pytest.approx(1.0 + change, rel=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sign", [-1, 1])
def test_inhibitory_plasticity_of_conductances(sign: int, layout: str) -> None:
    """The magnitude of the weight is what arrives, whatever the sign."""
    rng = np.random.default_rng(5)
    rule = sl.InhibitorySTDP(eta=0.1, alpha=2.0, w_max=1.0)
    weight = (-0.9, -0.1) if sign < 0 else (0.1, 0.9)
    bench = Bench(make(), rng, layout, rule, weight, model=COND)
    histories = bench.simulate()
    bench.net.run(STEPS * 0.1)
    np.testing.assert_allclose(bench.p.weights, [h.at(STEPS) for h in histories], rtol=1e-12)
    bench.check_sent([np.abs(h.sent) for h in histories])
    idle = bench.arrived[0 if sign < 0 else 1]
    assert not np.any(idle.values)


def test_an_inhibitory_weight_of_zero_keeps_its_sign() -> None:
    net = make()
    rule = sl.InhibitorySTDP(eta=0.5, alpha=1.0)
    target = force(net, [np.array([50])] * 2, 100)
    source = emit(net, [np.array([10, 20, 45])] * 2)
    p = net.connect(source, target, sl.OneToOne(), weight=[-0.6, 0.6], plasticity=rule)
    net.run(3.0)
    np.testing.assert_array_equal(p.weights, [0.0, 0.0])
    net.run(7.0)
    assert p.weights[0] == -p.weights[1]
    assert p.weights[1] > 0.3


def test_power_law_has_no_upper_bound() -> None:
    net = make()
    rule = sl.STDP(A_plus=5.0, A_minus=0.1, dependence="power_law", mu_plus=0.5, w_max=1.0)
    target = force(net, [np.array([20])], 100)
    p = net.connect(
        emit(net, [np.array([10])]), target, sl.OneToOne(), weight=9.0, delay=1.0, plasticity=rule
    )
    net.run(10.0)
    expected = 9.0 + 5.0 * 3.0 * np.exp(-2.0 / 20.0)
    assert float(p.weights[0]) == pytest.approx(expected, rel=1e-13)
    p.weights = 100.0
    assert float(p.weights[0]) == 100.0


# Reward


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


# Short-term plasticity


def by_synapse(rule: sl.TsodyksMarkram, k: int) -> sl.TsodyksMarkram:
    """Return the rule of one synapse."""
    mine = {name: float(getattr(rule, name)[k]) for name in rule.varied}
    return dataclasses.replace(rule, **mine)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("names", [("U",), ("tau_rec", "tau_fac"), ("U", "tau_rec", "tau_psc")])
def test_short_term_plasticity_by_synapse(names: tuple[str, ...], layout: str) -> None:
    for k, low in enumerate((0.2, -1.8)):
        rng = np.random.default_rng([k, 13])
        drawn = {
            "U": sl.Uniform(0.1, 0.9), "tau_rec": sl.Uniform(4.0, 40.0),
            "tau_fac": sl.Uniform(0.0, 20.0), "tau_psc": sl.Uniform(1.0, 5.0),
        }  # fmt: skip
        rule = sl.TsodyksMarkram(U=0.4, tau_rec=20.0, tau_fac=5.0)
        rule = dataclasses.replace(rule, **{name: drawn[name] for name in names})
        bench = Bench(make(threads=1 + 2 * k), rng, layout, rule, (low, low + 1.6))
        made = bench.p.plasticity
        assert isinstance(made, sl.TsodyksMarkram)
        assert made.varied == names
        assert all(len(np.unique(getattr(made, name))) == len(bench) for name in names)
        factors = [
            depression_and_facilitation(by_synapse(made, s), bench.pres[i])
            for s, i in enumerate(bench.pre)
        ]
        for now in (0, 57, 101, STEPS):
            bench.net.run(now * 0.1 - bench.net.t)
            np.testing.assert_array_equal(bench.p.weights, bench.start)
        sent = [w * np.array(f) for w, f in zip(bench.start, factors, strict=True)]
        bench.check_sent(sent, rtol=1e-11)


def test_equal_parameters_by_synapse_are_those_of_all() -> None:
    found = []
    for U in (0.4, np.full(40, 0.4)):
        net = make()
        cells = net.population(20, sl.LIF(I_e=600.0))
        cells.V_m = sl.Uniform(-70.0, -55.0)
        rule = sl.TsodyksMarkram(U=U, tau_rec=60.0, tau_fac=30.0, tau_psc=3.0)
        p = net.connect(cells, cells, sl.FixedIndegree(2), weight=200.0, delay=1.5, plasticity=rule)
        net.run(100.0)
        found.append([np.asarray(cells.V_m), *(p.traces[name] for name in "xyu")])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_parameters_by_synapse_follow_the_order_of_weights(tmp_path: Path) -> None:
    net = make(threads=2)
    cells, targets = net.population(3, sl.LIF(I_e=900.0)), net.population(2, sl.LIF())
    U, weight = np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, 2.0, 3.0, 4.0])
    lists = ([2, 0, 2, 0], [1, 1, 0, 1])  # the last two of one pair
    p = net.connect(cells, targets, lists, weight=weight, plasticity=sl.TsodyksMarkram(U=U))
    assert p.weights.tolist() == [2, 4, 3, 1]
    assert p.plasticity.U.tolist() == [0.2, 0.4, 0.3, 0.1]  # type: ignore[union-attr]
    net.run(20.0)
    first = p.traces["u"]
    net.save(tmp_path / "net.npz")
    loaded = sl.Network.load(tmp_path / "net.npz", threads=1)
    (q,) = loaded.projections
    assert q.plasticity == p.plasticity
    np.testing.assert_array_equal(q.traces["u"], first)
    for n in (net, loaded):
        n.run(30.0)
        n.connect(n.populations[0], n.populations[1][:1], sl.AllToAll(), weight=1.0)  # a new layout
        n.run(5.0)
    np.testing.assert_array_equal(q.traces["x"], p.traces["x"])
    np.testing.assert_array_equal(loaded.populations[1].V_m, targets.V_m)
    assert len(np.unique(p.traces["x"])) == 4
    p.plasticity = dataclasses.replace(p.plasticity)  # type: ignore[type-var]  # the same: nothing to do
    with pytest.raises(ValueError, match=r"plasticity\.U must stay"):
        p.plasticity = sl.TsodyksMarkram(U=U[::-1])
    net.reset()
    assert set(p.traces["x"].tolist()) == {1.0}


def test_bad_parameters_by_synapse() -> None:
    net = make()
    cells = net.population(3, sl.LIF())
    for given, text in (
        ({"U": [0.1, 0.2]}, r"TsodyksMarkram.U must have one value for each of the 9 synapses"),
        ({"U": sl.Normal(0.5, 1.0)}, r"U must be in \[0, 1\] at index"),
        ({"tau_rec": [-1.0] * 9}, r"tau_rec must be > 0 at index 0"),
        ({"U": [[0.1]]}, r"U must have at most one dimension"),
    ):
        with pytest.raises(ValueError, match=text):
            net.connect(cells, cells, sl.AllToAll(), plasticity=sl.TsodyksMarkram(**given))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="must be one number"):
        sl.STDP(tau_plus=[1.0, 2.0])  # type: ignore[arg-type]
    assert net.projections == ()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("tau_fac", [0.0, 15.0])
@pytest.mark.parametrize("tau_psc", [None, 2.5, "tau_rec"])
def test_short_term_plasticity(tau_psc: Any, tau_fac: float, layout: str) -> None:
    for k, low in enumerate((0.2, -1.8, -0.9)):
        rng = np.random.default_rng([k, 12])
        tau_rec = float(rng.uniform(4.0, 40.0))
        rule = sl.TsodyksMarkram(
            U=rng.uniform(0.1, 0.9), tau_rec=tau_rec, tau_fac=tau_fac,
            tau_psc=tau_rec if tau_psc == "tau_rec" else tau_psc,
        )  # fmt: skip
        bench = Bench(make(threads=1 + 2 * (k == 1)), rng, layout, rule, (low, low + 1.6))
        factors = [np.array(depression_and_facilitation(rule, s)) for s in bench.pres]
        for now in (0, 57, 101, STEPS):
            bench.net.run(now * 0.1 - bench.net.t)
            np.testing.assert_array_equal(bench.p.weights, bench.start)
        sent = [w * factors[i] for w, i in zip(bench.start, bench.pre, strict=True)]
        bench.check_sent(sent, rtol=1e-11)


def depressed(rule: Any, stamps: Any, *, weights: Any = None) -> Floats:
    """Return what arrives of a source's spikes."""
    net = make()
    target = net.population(1, sl.LIF(tau_syn_ex=1e-4, V_th=1e6))
    p = net.connect(
        emit(net, [np.array(stamps)]), target, sl.OneToOne(), weight=2.0, plasticity=rule
    )
    arrived = net.record(target, "I_syn_ex")
    net.run(100.0)
    if weights is not None:
        p.weights = weights
    net.run((max(stamps) + 20) * 0.1 - 100.0)
    return np.asarray(arrived.values)[np.array(stamps) + 9, 0]


@pytest.mark.parametrize("tau_psc", [None, 3.0])
def test_synapses_at_rest_do_not_depend_on_time(tau_psc: float | None) -> None:
    rule = sl.TsodyksMarkram(U=0.4, tau_rec=300.0, tau_fac=50.0, tau_psc=tau_psc)
    stamps = np.array([0, 30, 31, 400])
    early = depressed(rule, stamps + 1001)
    np.testing.assert_array_equal(depressed(rule, stamps + 7001), early)
    np.testing.assert_allclose(early, 2.0 * np.array(depression_and_facilitation(rule, stamps)))
    assert early[0] == 2.0 * 0.4


@pytest.mark.parametrize("tau_psc", [None, 3.0])
def test_the_base_weight_can_be_set(tau_psc: float | None) -> None:
    """What is sent from then on changes in proportion, whatever was released before."""
    rule = sl.TsodyksMarkram(U=0.4, tau_rec=300.0, tau_fac=50.0, tau_psc=tau_psc)
    stamps = [900, 950, 1000, 1005, 1300]
    once, twice = depressed(rule, stamps), depressed(rule, stamps, weights=4.0)
    np.testing.assert_allclose(twice / once, [1.0, 1.0, 1.0, 2.0, 2.0], rtol=1e-12)


def test_subclasses_of_a_rule_are_refused_with_a_way_out() -> None:
    class Mine(sl.STDP):
        pass

    with pytest.raises(TypeError, match=r"^Mine: .*make a function that returns STDP\(\.\.\.\)"):
        Mine(pairing="nonsense")  # type: ignore[arg-type]


def test_unknown_rules_are_refused_with_a_way_out() -> None:
    class Own(sl.plasticity.Plasticity):
        pass

    for kind in (Own, sl.plasticity.Plasticity):
        with pytest.raises(
            TypeError, match=rf"^{kind.__name__}: .*docs/adding_a_plasticity_rule\.md"
        ):
            kind()


def test_two_rules_of_one_name_are_refused() -> None:
    twin = type("TripletSTDP", (sl.plasticity.Plasticity,), {})
    with pytest.raises(TypeError, match=r"^TripletSTDP: .*has this name already; give tests\."):
        twin()


def test_the_core_has_every_rule_in_the_list() -> None:
    """A name in the list that the core lacks is refused by the core, and the error names the call."""
    net = make()
    cells = net.population(2, sl.LIF(), name="E")
    for kind in sl.plasticity.rules().values():
        net.connect(cells, cells, sl.AllToAll(), weight=0.5, delay=1.0, plasticity=kind())
    assert {type(p.plasticity) for p in net.projections} == set(sl.plasticity.rules().values())


def test_errors_of_the_core_name_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost(sl.plasticity.Plasticity):
        pass

    monkeypatch.setattr(sl.plasticity, "rules", lambda: {"Lost": Lost})
    net = make()
    cells = net.population(2, sl.LIF(), name="E")
    with pytest.raises(ValueError, match=r"^connect E -> E: no plasticity rule is named 'Lost'"):
        net.connect(cells, cells, sl.AllToAll(), weight=0.5, delay=1.0, plasticity=Lost())
