"""Traces that can be read are sums over explicit spikes, decayed to the present, in all layouts."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from tests.conftest import Floats, make
from tests.support.plasticity_bench import (
    COINCIDENCES,
    FRACTIONS,
    LAYOUTS,
    PAIRINGS,
    STEPS,
    Bench,
    draw,
    draw_stdp,
)
from tests.support.plasticity_reference import answered
from tests.support.plasticity_zoo import build

import spikelet as sl


def expected(bench: Bench, now: int) -> dict[str, Floats]:
    """Return the traces of all synapses."""
    rule = bench.rule
    pairing = getattr(rule, "pairing", "all_to_all")
    if isinstance(rule, sl.DiehlCookSTDP):
        pairing = "nearest_symmetric"
        taus = {"Kplus": rule.tau_pre, "Kminus": rule.tau_post_1, "Kminus_triplet": rule.tau_post_2}
    elif isinstance(rule, sl.InhibitorySTDP):
        taus = {"Kplus": rule.tau, "Kminus": rule.tau}
    else:
        taus = {"Kplus": rule.tau_plus, "Kminus": rule.tau_minus}
    if isinstance(rule, sl.TripletSTDP):
        taus |= {"Kplus_triplet": rule.tau_plus_triplet, "Kminus_triplet": rule.tau_minus_triplet}
    found: dict[str, list[float]] = {name: [] for name in taus}
    for i, j, delay in zip(bench.pre, bench.post, bench.delay, strict=True):
        axonal = int(rule.axonal_fraction * delay + 0.5)
        pres = [int(s) + axonal for s in bench.pres[i] if s + axonal <= now]
        posts = [int(t) + delay - axonal for t in bench.posts[j] if t + delay - axonal <= now]
        for name, tau in taus.items():
            spikes = pres if name.startswith("Kplus") else posts
            if name == "Kplus" and pairing == "nearest_pre_centered":
                spikes = [s for s in pres if not answered(rule, s, posts)]
            elif pairing != "all_to_all":
                spikes = spikes[-1:]
            found[name].append(sum(np.exp(-(now - s) * 0.1 / tau) for s in spikes))
    return {name: np.array(values) for name, values in found.items()}


def check(bench: Bench, now: int) -> None:
    bench.net.run(now * 0.1 - bench.net.t)
    got, want = bench.p.traces, expected(bench, now)
    assert set(got) == set(want)
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-12, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("coincidence", COINCIDENCES)
@pytest.mark.parametrize("pairing", PAIRINGS)
def test_pairs(pairing: str, coincidence: str, layout: str) -> None:
    for k, fraction in enumerate(FRACTIONS):
        rng = np.random.default_rng([k, *pairing.encode()])
        rule, weight = draw_stdp(
            rng, "additive", pairing=pairing, coincidence=coincidence, axonal_fraction=fraction
        )
        bench = Bench(make(threads=1 + k), rng, layout, rule, weight)
        for now in (1, 57, 130, STEPS):  # a source's spike at 0 comes with the first step
            check(bench, now)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["triplet", "inhibitory", "diehl_cook"])
def test_other_rules(name: str, layout: str) -> None:
    for k, fraction in enumerate(FRACTIONS):
        rng = np.random.default_rng([k, *name.encode()])
        rule, weight = draw(rng, name, axonal_fraction=fraction)
        bench = Bench(make(threads=1 + k), rng, layout, rule, weight)
        for now in (1, 90, STEPS):
            check(bench, now)


def test_eligibility() -> None:
    """One pair, whose mark decays with tau_c and is what reward turns into weight."""
    net = make()
    pre = net.population(1, sl.SpikeSource([2.0], [0]))
    post = net.population(1, sl.LIFDelta())
    kick = net.population(1, sl.SpikeSource([3.0], [0]))
    net.connect(kick, post, sl.OneToOne(), weight=100.0, delay=1.0)
    rule = sl.RewardSTDP(tau_plus=10.0, tau_minus=10.0, tau_c=50.0, A_plus=0.2, A_minus=0.1)
    p = net.connect(pre, post, sl.OneToOne(), weight=0.5, delay=1.5, plasticity=rule)
    net.run(5.4)
    np.testing.assert_array_equal(p.traces["c"], [0.0])
    net.run(4.6)  # the target's spike at 4.0 was at the synapse at 5.5
    np.testing.assert_allclose(p.traces["c"], 0.2 * np.exp(-3.5 / 10.0 - 4.5 / 50.0), rtol=1e-13)
    np.testing.assert_allclose(p.traces["Kplus"], np.exp(-0.8), rtol=1e-13)
    np.testing.assert_allclose(p.traces["Kminus"], np.exp(-0.45), rtol=1e-13)


def test_resources() -> None:
    net = make()
    pre = net.population(2, sl.SpikeSource([2.0], [0]))
    post = net.population(1, sl.LIF())
    p = net.connect(
        pre, post, sl.AllToAll(), plasticity=sl.TsodyksMarkram(U=0.4, tau_rec=60.0, tau_fac=30.0)
    )
    net.run(10.0)
    traces = p.traces
    np.testing.assert_allclose(traces["x"], [1.0 - 0.4 * np.exp(-8.0 / 60.0), 1.0], rtol=1e-13)
    np.testing.assert_allclose(traces["u"], [0.4 * np.exp(-8.0 / 30.0), 0.0], rtol=1e-13)
    np.testing.assert_array_equal(traces["y"], [0.0, 0.0])


@pytest.mark.parametrize("layout", ["dense", "one delay", "many delays"])
def test_threads_saving_and_reading_change_no_bit(layout: str, tmp_path: Any) -> None:
    one, three = build(layout, threads=1), build(layout, threads=3)
    for zoo in (one, three):
        zoo.net.run(20.0)
    for p, q in zip(one.net.projections, three.net.projections, strict=True):
        for name, values in p.traces.items():
            np.testing.assert_array_equal(values, q.traces[name])
            assert values.shape == (len(p),)
            assert values.dtype == p.weights.dtype
    one.net.save(tmp_path / "a.npz")
    loaded = sl.Network.load(tmp_path / "a.npz")
    for p, q in zip(one.net.projections, loaded.projections, strict=True):
        for name, values in p.traces.items():
            np.testing.assert_array_equal(values, q.traces[name])
    unread = build(layout, threads=1)
    unread.net.run(20.0)
    for zoo in (one, unread):
        zoo.net.run(20.0)
    for a, b in zip(one.result(), unread.result(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_traces_after_a_reset_and_without_plasticity() -> None:
    net = make()
    pre, post = net.population(3, sl.PoissonSource(500.0)), net.population(2, sl.LIF(I_e=900.0))
    p = net.connect(pre, post, sl.AllToAll(), weight=0.5, plasticity=sl.STDP())
    np.testing.assert_array_equal(p.traces["Kplus"], np.zeros(6))
    net.run(50.0)
    assert p.traces["Kplus"].min() > 0.0
    assert p.traces["Kminus"].min() > 0.0
    for own in (copy.copy(p.traces), copy.deepcopy(p.traces), pickle.loads(pickle.dumps(p.traces))):
        assert type(own) is dict
        np.testing.assert_array_equal(own["Kplus"], p.traces["Kplus"])
    with pytest.raises(TypeError):
        p.traces["Kplus"] = np.zeros(6)  # type: ignore[index]  # a read-only mapping
    with pytest.raises(ValueError, match="traces cannot be set"):
        p.traces["Kplus"][0] = 1.0
    net.reset()
    np.testing.assert_array_equal(p.traces["Kminus"], np.zeros(6))
    static = net.connect(pre, post, sl.AllToAll())
    with pytest.raises(ValueError, match="plasticity must be a rule, to have traces"):
        _ = static.traces
