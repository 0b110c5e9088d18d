"""Removing and adding synapses, projections and populations between runs."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, source
from tests.support.removal import FORMS, Pair, forced, random_synapses, weights_of

import spikelet as sl

# Static synapses


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weight_dtype", ["float", "int16"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("seed", [1, 2])
def test_what_stays_acts_as_if_the_others_had_never_been(
    dtype: str, weight_dtype: Any, threads: int, seed: int
) -> None:
    """Synapses of weight 0 change nothing, so networks with and without them agree in all bits at all times."""
    rng = np.random.default_rng(seed)
    pre, post, delay = random_synapses(rng, 30, 20, 300)
    weight = rng.integers(1, 40, 300) * 0.5
    silent = rng.random(300) < 0.4
    nets = []
    for which in (np.ones(300, bool), ~silent):
        net = make(seed=seed, threads=threads, dtype=dtype)
        sources = net.population(30, sl.LIF(I_e=np.linspace(400.0, 900.0, 30)))
        cells = net.population(20, sl.LIF(I_e=300.0))
        given = np.where(silent, 0.0, weight)[which]
        p = net.connect(sources, cells, (pre[which], post[which]), weight=given, delay=delay[which],
                        weight_dtype=weight_dtype)  # fmt: skip
        nets.append((net, p, net.record(cells, "V_m")))
    (net, p, v), (other, q, u) = nets
    for _ in range(4):
        net.run(7.3)
        other.run(7.3)
        zeros = np.flatnonzero(p.weights == 0)
        p.remove(rng.permutation(zeros)[: len(zeros) // 2 + 1] if len(zeros) else [])
    p.remove(p.weights == 0)
    net.run(10.0)
    other.run(10.0)
    np.testing.assert_array_equal(v.values, u.values)
    assert np.ptp(v.values) > 1
    for name in ("pre_ids", "post_ids", "weights", "delays"):
        np.testing.assert_array_equal(getattr(p, name), getattr(q, name))
    assert (p.to_scipy() != q.to_scipy()).nnz == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_a_new_static_synapse_is_one_of_weight_0_that_gets_its_weight(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pre, post = np.divmod(
        np.sort(rng.permutation(600)[:300]), 20
    )  # the order of a pair would matter
    delay = rng.integers(1, 60, 300) * 0.1
    weight = rng.uniform(1, 30, 300)
    later = rng.random(300) < 0.3
    nets = []
    for first in (~later, np.ones(300, bool)):
        net = make(seed=seed)
        sources = net.population(30, sl.PoissonSource(200.0))
        cells = net.population(20, sl.LIF(I_e=300.0))
        given = np.where(later, 0.0, weight)[first]
        p = net.connect(sources, cells, (pre[first], post[first]), weight=given, delay=delay[first])
        nets.append((net, p, net.record(cells, "V_m")))
    (net, p, v), (other, q, u) = nets
    net.run(10.0)
    other.run(10.0)
    p.add(pre[later], post[later], weight=weight[later], delay=delay[later])
    q.weights = weight
    np.testing.assert_array_equal(p.to_scipy().toarray(), q.to_scipy().toarray())
    net.run(20.0)
    other.run(20.0)
    np.testing.assert_array_equal(v.values, u.values)


def test_removal_before_the_first_run_is_as_if_they_were_never_connected() -> None:
    rng = np.random.default_rng(3)
    pre, post, delay = random_synapses(rng, 10, 10, 60)
    keep = rng.random(60) < 0.5
    spikes = []
    for which in (np.ones(60, bool), keep):
        net = make()
        a, b = net.population(10, sl.PoissonSource(500.0)), net.population(10, sl.LIF())
        rule = sl.STDP(w_max=500.0)
        for plasticity in (None, rule):
            p = net.connect(a, b, (pre[which], post[which]), weight=80.0, delay=delay[which],
                            plasticity=plasticity)  # fmt: skip
            if which.all():
                order = np.lexsort((post, pre))
                p.remove(np.flatnonzero(~keep[order]))
        recorder = net.record(b, "spikes")
        net.run(50.0)
        spikes.append((recorder.times, recorder.ids, p.weights, repr(p)))
    assert len(spikes[0][0]) > 10
    for mine, its in zip(spikes[0][:3], spikes[1][:3], strict=True):
        np.testing.assert_array_equal(mine, its)
    assert spikes[0][3] == spikes[1][3]


def test_synapses_of_one_weight_stay_so() -> None:
    reprs = []
    for removes in (True, False):
        net = make()
        a = net.population(200, sl.LIF())
        ids = np.arange(40000)[:: 1 if removes else 2]
        p = net.connect(a, a, (ids // 200, ids % 200), weight=2.0)
        if removes:
            net.run(1.0)
            p.remove(np.arange(1, 40000, 2))
        net.run(1.0)
        reprs.append(repr(p))
    assert "one weight" in reprs[0]
    assert reprs[0] == reprs[1]


def test_spikes_on_their_way_over_removed_synapses_are_lost() -> None:
    net = make()
    a, b = source(net, [10, 10], [0, 1]), net.population(2, sl.LIFDelta())
    p = net.connect(a, b, sl.OneToOne(), weight=5.0, delay=3.0)
    net.run(2.0)
    p.remove([0])
    net.run(5.0)
    rest = float(b.model.E_L)
    assert b.V_m[0] == rest
    assert b.V_m[1] > rest + 3


def test_a_whole_projection_can_go() -> None:
    net = make()
    a, b = source(net, [10, 50]), net.population(1, sl.LIFDelta())
    p = net.connect(a, b, sl.AllToAll(), weight=5.0, delay=3.0, plasticity=sl.STDP(w_max=10.0))
    q = net.connect(a, b, sl.AllToAll(), weight=1.0)
    net.regulate(p, sl.WeightNormalization(total=5.0, every=10.0))
    w = net.record(p, "weights", every=1.0)
    net.run(2.0)
    p.remove()
    p.remove()
    assert net.projections == (q,)
    assert net.regulations == ()
    assert net.recorders == ()
    assert p.removed
    assert not q.removed
    np.testing.assert_array_equal(w.values, np.full((2, 1), 5.0))
    net.run(8.0)
    assert w.values.shape == (2, 1)
    assert repr(p).endswith("removed)")
    for use in (
        lambda: p.weights,
        lambda: len(p),
        lambda: p.remove([0]),
        lambda: p.add([0], [0]),
        lambda: p.traces,
        p.to_scipy,
        lambda: net.record(p, "weights"),
        lambda: net.regulate(p, sl.WeightNormalization(total=5.0, every=10.0)),
    ):
        with pytest.raises(ValueError, match=r"removed.*cannot be used.*net\.connect"):
            use()
    r = net.connect(a, b, sl.AllToAll(), weight=2.0)
    np.testing.assert_array_equal(r.weights, [2.0])


# Plastic synapses


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_plastic_synapses_that_stay_keep_their_state_to_the_bit(form: str, dtype: str) -> None:
    rng = np.random.default_rng(5)
    both = Pair(form, dtype, rng)
    both.run(23.7)
    for _ in range(3):
        both.remove_some(rng)
        both.compare()
        both.run(11.3)
        both.compare()


@pytest.mark.parametrize("form", FORMS)
def test_removal_keeps_events_of_others_in_flight(form: str) -> None:
    """Synapses of weight 0 that do not learn change nothing."""
    rng = np.random.default_rng(8)
    both = Pair(form, "float64", rng, silent=True)
    for _ in range(4):
        both.run(9.1)
        both.remove_some(rng)
    both.run(9.1)
    v, u = (recorder.values for recorder in both.potentials)
    assert np.ptp(v) > 1
    np.testing.assert_array_equal(v, u)


@pytest.mark.parametrize("form", [*FORMS, "matrix"])
def test_changed_projections_go_on_from_files(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    net, p = forced(form, "float32", *random_synapses(rng, 12, 9, 60))
    net.run(20.0)
    p.remove(rng.permutation(len(p))[: len(p) // 3])
    net.run(3.0)
    p.add([0, 3, 3], [8, 1, 1], weight=0.5 * weights_of(form), delay=p.delays[0])
    net.save(tmp_path / "a.npz")
    again = sl.Network.load(tmp_path / "a.npz")
    for one in (net, again):
        one.run(20.0)
    (q,) = (q for q in again.projections if q.plasticity is not None)
    assert len(q) == len(p)
    np.testing.assert_array_equal(p.weights, q.weights)
    for name, values in p.traces.items():
        np.testing.assert_array_equal(values, q.traces[name])


@pytest.mark.parametrize("form", [*FORMS, "matrix"])
def test_synapses_are_added_without_a_change_of_others(form: str) -> None:
    rng = np.random.default_rng(7)
    ends = random_synapses(rng, 12, 9, 60)
    (net, p), (other, q) = (forced(form, "float64", *ends) for _ in range(2))
    for one in (net, other):
        one.run(20.0)
    w = 0.5 * weights_of(form)
    before, n = p.weights, len(p)
    p.add([2, 2, 11], [4, 4, 0], weight=w, delay=p.delays[0])
    assert len(p) == n + 3
    old = np.ones(n + 3, bool)
    for i, j in ((2, 4), (11, 0)):
        of_pair = np.flatnonzero((p.pre_ids == i) & (p.post_ids == j))
        old[of_pair[-2 if i == 2 else -1 :]] = False
    np.testing.assert_array_equal(p.weights[old], before)
    np.testing.assert_array_equal(p.weights[~old], w)
    assert np.lexsort((p.post_ids, p.pre_ids)).tolist() == list(range(n + 3))
    for one in (net, other):
        one.run(20.0)
    np.testing.assert_allclose(p.weights[old], q.weights, rtol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_a_new_synapse_of_silent_neurons_learns_as_one_that_was_always_there(form: str) -> None:
    rng = np.random.default_rng(9)
    pre, post, delay = random_synapses(rng, 12, 9, 60, quiet=True)
    new = (pre == 11) & (post == 8)
    assert new.any()
    nets = [
        forced(form, "float64", pre[w], post[w], delay[w], quiet=20.0) for w in (~new, new | ~new)
    ]
    for net, one in nets:
        if form == "reward":
            one.reward = 1.0
        net.run(20.0)
    (net, p), (other, q) = nets
    if form in ("closed", "triplet"):
        delay[:] = p.delays[0]
    p.add(pre[new], post[new], weight=weights_of(form), delay=delay[new])
    for one in (net, other):
        one.run(30.0)
    learned = (q.weights[-new.sum() :] != weights_of(form)).all()
    assert learned != (form in ("short-term", "varied"))
    np.testing.assert_allclose(p.weights, q.weights, rtol=1e-9)


def test_a_matrix_learns_on_after_removal() -> None:
    (net, p), (other, q) = (forced("matrix", "float64", [], [], []) for _ in range(2))
    assert "dense block" in repr(p)
    for one in (net, other):
        one.run(21.3)
    stays = np.random.default_rng(2).random(len(p)) < 0.6
    before, traces = p.weights, dict(p.traces)
    p.remove(~stays)
    np.testing.assert_array_equal(p.weights, before[stays])
    for name, values in p.traces.items():
        np.testing.assert_array_equal(values, traces[name][stays])
    for one in (net, other):
        one.run(20.0)
    assert np.abs(p.weights - before[stays]).max() > 0
    np.testing.assert_allclose(p.weights, q.weights[stays], rtol=1e-12)


def test_rewards_and_scaling_go_on() -> None:
    ends = random_synapses(np.random.default_rng(4), 12, 9, 60)
    (net, p), (other, q) = (forced("reward", "float64", *ends) for _ in range(2))
    keep = np.arange(len(p)) % 3 > 0
    for one, of in ((net, p), (other, q)):
        one.regulate(of, sl.SynapticScaling(rate=20.0, strength=0.1, every=50.0))
        of.reward = 0.5
        one.run(30.0)
    p.remove(~keep)
    for one in (net, other):
        one.run(40.0)
    assert p.reward == q.reward
    np.testing.assert_array_equal(p.weights, q.weights[keep])


# Populations


def test_a_population_goes_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    net = make()
    a, b, c = (net.population(5, sl.LIF(I_e=500.0), name=name) for name in "abc")
    ab, bc, ca = (net.connect(x, y, sl.AllToAll(), weight=1.0) for x, y in ((a, b), (b, c), (c, a)))
    part = b[:2]
    drive = net.inject(b, sl.PoissonInput(rate=100.0, weight=1.0))
    kept = net.inject(c, sl.PoissonInput(rate=100.0, weight=10.0))
    spikes, v = net.record(b, "spikes"), net.record(part, "V_m")
    on_disk = net.record(b, "spikes", to=tmp_path / "b.rec")
    net.run(50.0)
    recorded = len(spikes), v.values
    assert recorded[0] > 0
    b.remove()
    b.remove()
    assert net.populations == (a, c)
    assert net.projections == (ca,)
    assert net.inputs == (kept,)
    assert net.recorders == ()
    assert all(gone.removed for gone in (drive, ab, bc, b, part))
    net.run(50.0)
    assert len(spikes) == len(on_disk) == recorded[0]
    np.testing.assert_array_equal(v.values, recorded[1])
    assert copy.copy(spikes) is spikes
    assert len(pickle.loads(pickle.dumps(v)).times) == 500
    with pytest.raises(ValueError, match=r"removed.*only be read"):
        spikes.resume()
    for use in (
        lambda: np.asarray(b.V_m),
        lambda: b.set(I_e=3.0),
        lambda: net.connect(a, b, sl.AllToAll()),
        lambda: net.connect(a, part, sl.AllToAll()),
        lambda: net.connect(a + b, c, sl.AllToAll()),
        lambda: net.inject(b, sl.PoissonInput(rate=1.0, weight=1.0)),
        lambda: net.record(b, "spikes"),
    ):
        with pytest.raises(ValueError, match=r"b was removed and cannot be used"):
            use()
    with pytest.raises(KeyError, match="no population has the name 'b'"):
        net["b"]
    d = net.population(2, sl.LIF(I_e=500.0), name="d")
    net.connect(d, a, sl.AllToAll(), weight=1.0, delay=2.0)
    net.run(20.0)
    net.reset()
    net.run(5.0)


def test_the_rest_is_as_with_a_population_that_does_nothing(tmp_path: Path) -> None:
    """Random numbers and spikes in flight of the others stay; files keep the numbers of all."""
    potentials = []
    for removes in (True, False):
        net = make(seed=3)
        a, b, c = (net.population(7, sl.LIF(), name=name) for name in "abc")
        noise = net.population(4, sl.PoissonSource(300.0))
        net.connect(b, a, sl.AllToAll(), weight=0.0)
        net.connect(a, c, sl.FixedProbability(0.5), weight=60.0, delay=sl.Uniform(1.0, 9.0))
        net.connect(noise, a, sl.AllToAll(), weight=200.0, delay=4.0)
        net.inject(c, sl.PoissonInput(rate=500.0, weight=30.0))
        net.run(30.0)
        if removes:
            b.remove()
            net.run(2.0)
            net.save(tmp_path / "x.npz")
            net = sl.Network.load(tmp_path / "x.npz")
            assert [p.name for p in net.populations if p.name in "abc"] == ["a", "c"]
        else:
            net.run(2.0)
        net.connect(net["c"], net["a"], sl.FixedProbability(0.3), weight=sl.Normal(20.0, 5.0))
        net.population(3, sl.PoissonSource(1000.0), name="more")
        net.connect(net["more"], net["a"], sl.AllToAll(), weight=50.0)
        v = net.record(net["a"] + net["c"], "V_m")
        net.run(40.0)
        potentials.append(v.values)
    assert np.ptp(potentials[0]) > 1
    np.testing.assert_array_equal(*potentials)


def test_parts_and_unions_cannot_be_removed_as_populations() -> None:
    net = make()
    a, b = net.population(3, sl.LIF(), name="a"), net.population(2, sl.LIF(), name="b")
    for what in (a[:2], a + b):
        with pytest.raises(ValueError, match="must be a whole population"):
            what.remove()


def test_a_source_can_be_removed() -> None:
    net = make()
    a, b = source(net, [5, 500]), net.population(1, sl.LIFDelta())
    net.connect(a, b, sl.AllToAll(), weight=3.0, delay=5.0)
    net.run(1.0)
    a.remove()
    net.run(100.0)
    assert b.V_m[0] == float(b.model.E_L)


# Unions, parts, recorders, networks run together


def test_synapses_of_a_union_go_from_its_blocks() -> None:
    net = make()
    a, b = net.population(3, sl.LIF()), net.population(4, sl.LIF())
    p = net.connect(a + b, b + a, sl.FixedProbability(0.8), weight=sl.Uniform(1.0, 2.0))
    order = np.asarray(p.weights)
    gone = np.arange(len(p)) % 3 == 0
    p.remove(gone)
    np.testing.assert_array_equal(p.weights, order[~gone])
    assert sum(map(len, net.projections)) == len(p)
    with pytest.raises(ValueError, match=r"projection\.blocks"):
        p.add([0], [0])
    p.remove()
    assert p.removed
    assert net.projections == ()


def test_between_parts_ids_are_of_whole_populations() -> None:
    net = make()
    a, b = net.population(10, sl.LIF(), name="a"), net.population(10, sl.LIF(), name="b")
    p = net.connect(a[5:], b[:3], sl.AllToAll(), weight=1.0)
    p.add([9], [2], weight=7.0, delay=2.0)
    assert (p.pre_ids[-1], p.post_ids[-1], p.weights[-1], p.delays[-1]) == (9, 2, 7.0, 2.0)
    with pytest.raises(ValueError, match=r"pre_ids must be in the part of a .* got 4"):
        p.add([4], [2])


def test_values_of_added_synapses_may_be_drawn() -> None:
    net = make()
    a = net.population(10, sl.LIF())
    p = net.connect(a, a, ([0], [1]))
    p.add(np.arange(10), np.arange(10), weight=sl.Uniform(1.0, 2.0), delay=sl.Uniform(1.0, 5.0))
    assert len(np.unique(p.weights)) == 11
    assert len(np.unique(p.delays)) > 5


def test_a_recorder_of_weights_ends_with_its_data() -> None:
    net = make()
    a, b = source(net, [10, 50]), net.population(3, sl.LIF())
    p = net.connect(a, b, sl.AllToAll(), weight=[1.0, 2.0, 3.0])
    w = net.record(p, "weights", every=1.0)
    net.run(2.0)
    p.remove([1])
    again = net.record(p, "weights", every=1.0)
    net.run(2.0)
    np.testing.assert_array_equal(w.values, [[1.0, 2.0, 3.0]] * 2)
    np.testing.assert_array_equal(again.values, [[1.0, 3.0]] * 2)
    np.testing.assert_array_equal(w.labels.columns["post"], [0, 1, 2])
    assert net.recorders == (again,)


def test_a_recording_in_a_shared_file_must_end_with_the_others(tmp_path: Path) -> None:
    net = make()
    a, b = net.population(1, sl.LIF(), name="a"), net.population(1, sl.LIF(), name="b")
    for population in (a, b):
        net.record(population, "spikes", to=tmp_path / "both.rec")
    with pytest.raises(ValueError, match="must be that of no other recorder"):
        a.remove()
    assert not a.removed


def test_changed_networks_run_together() -> None:
    values = []
    for together in (True, False):
        nets = []
        for seed in range(3):
            net = make(seed=seed)
            a, b = net.population(10, sl.PoissonSource(400.0)), net.population(10, sl.LIF())
            p = net.connect(a, b, sl.FixedProbability(0.5), weight=100.0)
            nets.append((net, p, net.record(b, "V_m")))
        for round_ in range(3):
            if together:
                sl.run_all([net for net, _, _ in nets], 10.0)
            else:
                for net, _, _ in nets:
                    net.run(10.0)
            for _, p, _ in nets:
                p.remove([0, 2])
                p.add([round_], [3], weight=50.0)
        values.append([v.values for _, _, v in nets])
    np.testing.assert_array_equal(*values)


def test_reset_returns_to_the_weights_that_were_given() -> None:
    rng = np.random.default_rng(2)
    net, p = forced("history", "float64", *random_synapses(rng, 12, 9, 60))
    net.run(20.0)
    p.remove(np.arange(30))
    p.add([0], [0], weight=2e-7, delay=p.delays[0])
    n = len(p)
    net.reset()
    np.testing.assert_array_equal(
        np.sort(p.weights), np.sort([*[weights_of("history")] * (n - 1), 2e-7])
    )
    net.run(20.0)


# Errors


def test_what_cannot_be_removed_or_added_is_named() -> None:
    net = make()
    a, b = net.population(3, sl.LIF(), name="a"), net.population(4, sl.LIF(), name="b")
    p = net.connect(a, b, sl.AllToAll(), weight=1.0)
    for what, error, text in (
        ([12], ValueError, "synapses must lie in 0 .. 11, got 12"),
        ([0.5], TypeError, "synapses must be a one-dimensional array of integers"),
        (np.ones(5, bool), ValueError, "mask of all 12 synapses"),
    ):
        with pytest.raises(error, match=text):
            p.remove(what)
    for args, more, error, text in (
        (([3], [0]), {}, ValueError, "pre_ids must lie in 0 .. 2, got 3"),
        (([0], [4]), {}, ValueError, "post_ids must lie in 0 .. 3, got 4"),
        (([0], [0, 1]), {}, ValueError, "must be equally long"),
        (([0], [0]), {"weight": np.nan}, ValueError, "weights must be finite"),
        (([0, 1], [0, 1]), {"weight": [1.0, 2.0, 3.0]}, ValueError, "each of the 2 synapses"),
        (([0], [0]), {"delay": 0.0}, ValueError, "delay must lie between"),
        (([0, 1], [0, 1]), {"delay": [1.0, 2.0, 3.0]}, ValueError, "one number or 2 numbers"),
    ):
        with pytest.raises(error, match=text):
            p.add(*args, **more)
    assert len(p) == 12
    q = net.connect(a, b, sl.AllToAll(), weight=1.0, plasticity=sl.STDP(w_max=2.0))
    with pytest.raises(ValueError, match="w_max"):
        q.add([0], [0], weight=3.0)
    s = net.connect(a, b, sl.AllToAll(), weight=1.0,
                    plasticity=sl.TsodyksMarkram(tau_rec=sl.Uniform(100.0, 200.0)))  # fmt: skip
    with pytest.raises(ValueError, match="must have single numbers"):
        s.add([0], [0])
    s.remove([3])
    assert len(s.plasticity.tau_rec) == 11
