"""Each rule of spike pairs and triplets against its definition, in all layouts of a projection."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from tests.conftest import make
from tests.support.plasticity_bench import (
    COINCIDENCES,
    COND,
    DEPENDENCES,
    FRACTIONS,
    LAYOUTS,
    PAIRINGS,
    STEPS,
    WIDE,
    Bench,
    draw,
    draw_stdp,
    emit,
    force,
)

import spikelet as sl


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


@pytest.mark.filterwarnings("ignore:.*both orders of spikes")
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


@pytest.mark.filterwarnings("ignore:.*both orders of spikes")
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
