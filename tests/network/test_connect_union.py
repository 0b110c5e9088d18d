"""Connecting, driving and recording unions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from tests.conftest import make

import spikelet as sl


def both(n: int = 30, m: int = 12, **options: Any) -> tuple[sl.Network, Any, Any]:
    net = make(**options)
    return net, net.population(n, sl.LIF(), name="E"), net.population(m, sl.LIF(), name="I")


RULES = [
    sl.AllToAll(self_connections=False),
    sl.OneToOne(),
    sl.FixedProbability(0.2),
    sl.FixedIndegree(7),
    sl.FixedIndegree(7, self_connections=False, multapses=False),
    sl.FixedOutdegree(5, multapses=False),
    sl.FixedTotalNumber(100, self_connections=False),
    sl.FixedTotalNumber(100, multapses=False),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_rules_draw_over_the_whole_union(rule: sl.rules.Rule) -> None:
    net, E, I = both()
    U = E + I
    p = net.connect(U, U, rule, weight=sl.Normal(1.0, 0.1), delay=sl.Uniform(1.0, 2.0))
    pairs = np.stack([p.pre_ids, p.post_ids])
    assert len(p) == pairs.shape[1] == sum(map(len, p.blocks)) > 0
    assert (np.lexsort(pairs[::-1]) == np.arange(len(p))).all()
    into, out = (np.bincount(ids, minlength=42) for ids in (p.post_ids, p.pre_ids))
    if isinstance(rule, sl.FixedIndegree):
        assert (into == 7).all()
        assert 0 < out[:30].sum() / out.sum() < 1
    if isinstance(rule, sl.FixedOutdegree):
        assert (out == 5).all()
    if isinstance(rule, sl.FixedTotalNumber):
        assert len(p) == 100
    if isinstance(rule, sl.OneToOne):
        assert (pairs[0] == pairs[1]).all()
        assert len(p.blocks) == 2  # no empty ones
    if not rule.self_connections:
        assert (pairs[0] != pairs[1]).all()
    if not rule.multapses:
        assert len(np.unique(pairs, axis=1).T) == len(p)
    assert len(np.unique(p.weights)) > 0.9 * len(p)
    assert p.to_scipy().shape == (42, 42)
    for one in p.blocks:  # the same synapses, by population
        places = [0 if end.name == "E" else 30 for end in (one.pre, one.post)]
        mine = set(
            zip(
                (one.pre_ids + places[0]).tolist(), (one.post_ids + places[1]).tolist(), strict=True
            )
        )
        assert mine <= set(map(tuple, pairs.T.tolist()))


def test_sources_of_a_fixed_indegree_are_uniform_over_the_union() -> None:
    net, E, I = both(300, 100)
    targets = net.population(2000, sl.LIF())
    p = net.connect(E + I, targets, sl.FixedIndegree(20))
    counts = np.bincount(p.pre_ids, minlength=400)
    assert abs(counts[300:].sum() / 40000 - 0.25) < 0.01
    assert ((counts - 100.0) ** 2 / 100.0).sum() < 400 + 5 * np.sqrt(800)  # chi square
    of_target = np.bincount(p.blocks[1].post_ids, minlength=2000)  # from I: binomial, not always 5
    assert abs(of_target.var() - 20 * 0.25 * 0.75) < 0.4


def test_one_part_is_drawn_as_its_population() -> None:
    """A union of one whole population connects what the population itself does, as the keys are its elements."""
    net, E, _ = both()
    a = net.connect(E, E, sl.FixedIndegree(5))
    other, F, _ = both()
    b = other.connect(other.join(F), other.join(F), sl.FixedIndegree(5))
    np.testing.assert_array_equal(a.pre_ids, b.pre_ids)
    np.testing.assert_array_equal(a.post_ids, b.post_ids)


def test_threads_change_nothing() -> None:
    found = []
    for threads in (1, 3):
        net, E, I = both(threads=threads)
        p = net.connect(E + I, E + I, sl.FixedTotalNumber(200), weight=sl.Normal(5.0, 1.0))
        found.append([np.asarray(x) for x in (p.pre_ids, p.post_ids, p.weights, p.delays)])
    for x, y in zip(*found, strict=True):
        np.testing.assert_array_equal(x, y)


def test_explicit_synapses_and_values() -> None:
    net, E, I = both()
    S = net.population(3, sl.SpikeSource([1.0], [0]), name="S")
    U = E + I
    rng = np.random.default_rng(1)
    matrix = scipy.sparse.csr_array(scipy.sparse.random(45, 42, density=0.2, random_state=1))
    p = net.connect(U + S, U, matrix, delay=2.0)
    assert abs(p.to_scipy() - matrix).max() == 0
    dense = rng.normal(size=(42, 45))[:, :42]
    p = net.connect(U, U, sl.AllToAll(), weight=dense, delay=1.0)
    np.testing.assert_array_equal(p.to_scipy().toarray(), dense)
    p = net.connect(U, U, ([0, 35, 3, 3], [41, 2, 3, 3]), weight=[1, 2, 3, 4], delay=[1, 2, 3, 4])
    assert p.pre_ids.tolist() == [0, 3, 3, 35]
    assert p.post_ids.tolist() == [41, 3, 3, 2]
    assert p.weights.tolist() == [1, 3, 4, 2]
    np.testing.assert_allclose(p.delays, [1, 3, 4, 2])
    p = net.connect(U[::-1], U, sl.OneToOne(), weight=np.arange(42.0))
    assert p.post_ids.tolist() == list(range(42))
    assert p.weights.tolist() == list(range(42))
    assert p.blocks[0].pre.name == "I"


def test_weights_of_a_group_can_be_set() -> None:
    net, E, I = both()
    p = net.connect(E + I, E + I, sl.FixedIndegree(4), weight=0.5, plasticity=sl.STDP())
    values = np.linspace(0.0, 1.0, len(p))
    p.weights = values
    np.testing.assert_array_equal(p.weights, values)
    p.weights[:3] = 0.25
    p.weights[p.pre_ids > 35] *= 0.5
    values[:3] = 0.25
    values[p.pre_ids > 35] *= 0.5
    np.testing.assert_array_equal(p.weights, values)
    bad = values.copy()
    bad[-1] = 2.0  # in the last projection
    with pytest.raises(ValueError, match=r"must lie in \[w_min, w_max\]"):
        p.weights = bad
    np.testing.assert_array_equal(p.weights, values)
    with pytest.raises(ValueError, match="one number or one for each"):
        p.weights = [1.0, 2.0]
    with pytest.raises(ValueError, match="view"):
        p.weights[:3][0] = 1.0


def test_what_fails_adds_nothing() -> None:
    net, E, I = both()
    C = net.population(4, sl.LIFCond(), name="C")
    S = net.population(3, sl.PoissonSource(10.0), name="S")
    U, stdp = E + I, sl.STDP()
    weights = np.full(42 * 2, 0.5)
    weights[-1] = 3.0
    mixed = np.ones((42, 46))
    mixed[7, 45] = -1.0  # onto C
    for call, text in (
        (lambda: net.connect(U, U + S, sl.AllToAll()), "post must be neurons"),
        (lambda: net.connect(U, U, sl.OneToOne(), weight=[1.0, 2.0]), "one for each of the 42"),
        (lambda: net.connect(U, E, sl.OneToOne()), "populations of the same size"),
        (lambda: net.connect(U, U, sl.FixedIndegree(2), weight=weights, plasticity=stdp), "w_max"),
        (lambda: net.connect(U, U, sl.AllToAll(), receptor="up"), "receptor"),
        (lambda: net.connect(U, U, sl.AllToAll(), delay=1e-3), "did you mean 1"),
        (lambda: net.connect(U, U, sl.FixedIndegree(2), delay=sl.Normal(1.0, 1.0)), "delay must lie"),
        (lambda: net.connect(U, U + C, sl.AllToAll(), weight=mixed, receptor="ex"), ">= 0 if receptor="),
        (lambda: net.connect(U, U + C, sl.AllToAll(), weight=sl.Normal(1, 1), receptor="ex"), ">= 0 if receptor="),
        (lambda: net.connect(U, U, scipy.sparse.csr_array(np.eye(43))), "shape"),
        (lambda: net.connect(U, U, sl.FixedIndegree(2), plasticity=sl.TsodyksMarkram(U=[1.0])), "single numbers"),
        (lambda: net.connect(U, U, sl.DistanceDependent(indegree=3)), "None for a union"),
        (lambda: net.connect(U, U, sl.DistanceDependent()), "must have positions"),
        (lambda: net.record(U + S, "V_m"), "record S"),
        (lambda: net.record(U, ["V_m", "I_syn"]), "record E"),
        (lambda: net.inject(U, sl.PoissonInput(np.ones(3), 1.0)), "one value for each of the 42"),
        (lambda: net.inject(U + S, sl.PoissonInput(1.0, 1.0)), "must be neurons"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=text):
            call()
        assert (net.projections, net.recorders, net.inputs) == ((), (), ())
    with pytest.raises(TypeError, match=r"did you mean sl.OneToOne\(\)"):
        net.connect(U, U, "one_to_one")


def test_distance_over_a_union() -> None:
    net = make()
    line = np.linspace(0.0, 1.0, 11)
    E = net.population(6, sl.LIF(), name="E", positions=line[:6])
    I = net.population(5, sl.LIF(), name="I", positions=line[6:])
    p = net.connect(
        E + I, E + I, sl.DistanceDependent(cutoff=0.15), delay=sl.ByDistance("1 + 10*d")
    )
    expected = [(i, j) for i in range(11) for j in range(11) if abs(i - j) <= 1]
    assert list(zip(p.pre_ids.tolist(), p.post_ids.tolist(), strict=True)) == expected
    np.testing.assert_allclose(p.delays, 1 + np.abs(p.pre_ids - p.post_ids))


def test_inputs_have_the_values_of_the_union() -> None:
    net, E, I = both(2, 1)
    U = E + I
    steps = np.array([[100.0, 200.0, 300.0]])
    d = net.inject(U, sl.CurrentInput(steps))
    assert [drive.values.tolist() for drive in d.parts] == [[[100.0, 200.0]], [[300.0]]]
    s = net.inject(U, sl.StepCurrent([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]))  # three times, not neurons
    assert [drive.amplitudes.tolist() for drive in s.parts] == [[1, 2, 3], [1, 2, 3]]
    n = net.inject(U, sl.PoissonInput([1.0, 2.0, 3.0], 5.0))
    assert [np.ravel(drive.rate).tolist() for drive in n.parts] == [[1, 2], [3]]
    n.set(rate=[4.0, 5.0, 6.0], weight=1.0)
    assert [np.ravel(drive.rate).tolist() for drive in n.parts] == [[4, 5], [6]]
    v = net.record(U, "V_m")
    net.run(0.1)
    rise = v.values[0] + 70.0
    np.testing.assert_allclose(rise / rise[0], [1.0, 2.0, 3.0], rtol=1e-9)
    n.remove()
    assert n.removed
    assert len(net.inputs) == 4


def test_recordings_count_within_the_union(tmp_path: Path) -> None:
    net, E, I = both()
    U = I + E[::-1]
    E.I_e, I.I_e = np.linspace(400.0, 700.0, 30), 650.0
    spikes, states = net.record(U, "spikes"), net.record(U[10:14], ["V_m", "theta"], every=1.0)
    each = [net.record(p, "spikes") for p in (E, I)]
    net.run(60.0)
    counts = np.concatenate([each[1].counts(), each[0].counts()[::-1]])
    np.testing.assert_array_equal(spikes.counts(), counts)
    assert len(spikes) == counts.sum() > 0
    assert (np.lexsort((spikes.ids, spikes.times)) == np.arange(len(spikes))).all()
    np.testing.assert_array_equal(spikes.rates(), counts / 0.06)
    np.testing.assert_array_equal(sl.statistics.rates(spikes), spikes.rates())
    times, ids = spikes.between(20.0, 40.0)
    assert ((times > 20.0) & (times <= 40.0)).all()
    assert len(ids) == spikes.counts(20.0, 40.0).sum()
    assert states.values.shape == (2, 60, 4)
    np.testing.assert_array_equal(states["V_m"].values[-1], np.asarray(U[10:14].V_m))
    spikes.clear()
    assert len(spikes) == 0
    assert len(each[0]) > 0
    net.save(tmp_path / "net.npz", recorders=True)
    assert len(sl.Network.load(tmp_path / "net.npz").recorders) == len(net.recorders) == 8


def test_a_union_drives_what_single_projections_drive() -> None:
    """The network with a union does what the one with its projections does."""
    found = []
    for union in (True, False):
        net, E, I = both(seed=9)
        net.inject(E, sl.PoissonInput(20000.0, 30.0))
        net.inject(I, sl.PoissonInput(20000.0, 20.0))
        if union:
            group = net.connect(E + I, E + I, sl.FixedIndegree(5), weight=sl.Normal(60.0, 15.0))
            pairs = [(p.pre, p.post, (p.pre_ids, p.post_ids), p.weights) for p in group.blocks]
        else:
            mine = {"E": E, "I": I}
            for pre, post, lists, weights in pairs:
                net.connect(mine[pre.name], mine[post.name], lists, weight=weights)
        spikes = net.record(I, "spikes")
        net.run(100.0)
        found.append((spikes.times, spikes.ids))
    assert len(found[0][0]) > 20
    for x, y in zip(*found, strict=True):
        np.testing.assert_array_equal(x, y)
