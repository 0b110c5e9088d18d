"""Short-term plasticity against its definition, with one parameter for all synapses or one for each."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import Floats, make
from tests.support.plasticity_bench import (
    LAYOUTS,
    STEPS,
    Bench,
    emit,
)
from tests.support.plasticity_reference import depression_and_facilitation

import spikelet as sl


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


@pytest.mark.parametrize("delay", [1.0, sl.Uniform(0.1, 1.6)])
@pytest.mark.parametrize("threads", [1, 2])
def test_many_sources_that_recover_at_once_send_their_weights(delay: Any, threads: int) -> None:
    """With all resources released and back before the next spike, synapses are static ones."""
    found = []
    for plasticity in (None, sl.TsodyksMarkram(U=1.0, tau_rec=1e-3, tau_fac=0.0)):
        net = sl.Network(dt=0.1, seed=1, threads=threads, dtype="float64")
        sources, per_step = 300, 90
        ids = np.concatenate(
            [np.sort(np.random.default_rng(k).choice(sources, per_step, False)) for k in range(20)]
        )
        given = sl.SpikeSource(np.repeat(np.arange(1, 21) * 0.1, per_step), ids)
        pre, post = net.population(sources, given), net.population(900, sl.LIF(V_th=1e6))
        rows = np.repeat(np.arange(sources), np.arange(sources) * 3)
        targets = np.concatenate([np.arange(3 * i) for i in range(sources)])  # of 0 to 897 synapses
        net.connect(
            pre, post, (rows, targets), weight=sl.Uniform(1.0, 2.0), delay=delay,
            plasticity=plasticity,
        )  # fmt: skip
        current = net.record(post, "I_syn_ex")
        net.run(6.0)
        found.append(current.values)
    assert found[0].max() > 0
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9, atol=1e-9)
