"""Connection rules: exact counts, flags, and the distribution of what is drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.conftest import Ints, make

import spikelet as sl

COUNTED: list[Any] = [sl.FixedIndegree, sl.FixedOutdegree, sl.FixedTotalNumber]


def draw(
    rule: sl.rules.Rule,
    n: int,
    m: int | None = None,
    *,
    seed: int = 1,
    pre: Any = slice(None),
    post: Any = slice(None),
    threads: int = 1,
) -> Ints:
    """Return the drawn pairs, [synapses, 2]; within one population where m is None."""
    net = make(seed=seed, threads=threads)
    a = net.population(n, sl.LIF())
    b = a if m is None else net.population(m, sl.LIF())
    projection = net.connect(a[pre], b[post], rule)
    pairs = np.stack([projection.pre_ids, projection.post_ids], axis=1)
    assert len(projection) == len(pairs)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    np.testing.assert_array_equal(order, np.arange(len(pairs)))  # canonical
    return pairs


def table(draws: Callable[[int], Ints], n: int, m: int, repeats: int) -> Ints:
    """How often each pair came in many networks, [n, m]."""
    counts = np.zeros((n, m), dtype=np.int64)
    for seed in range(repeats):
        pairs = draws(seed)
        np.add.at(counts, (pairs[:, 0], pairs[:, 1]), 1)
    return counts


def as_set(pairs: Ints) -> set[tuple[int, int]]:
    """Return the pairs as a set; none may come twice."""
    result = {(int(i), int(j)) for i, j in pairs}
    assert len(result) == len(pairs)
    return result


# Rules without chance


def test_all_to_all() -> None:
    assert as_set(draw(sl.AllToAll(), 3, 4)) == {(i, j) for i in range(3) for j in range(4)}
    assert as_set(draw(sl.AllToAll(), 5)) == {(i, j) for i in range(5) for j in range(5)}


def test_all_to_all_without_self_connections() -> None:
    rule = sl.AllToAll(self_connections=False)
    assert as_set(draw(rule, 5)) == {(i, j) for i in range(5) for j in range(5) if i != j}
    assert len(draw(rule, 3, 4)) == 12  # two populations have no self connections
    pairs = as_set(draw(rule, 9, pre=[7, 2, 3], post=slice(2, 5)))
    assert pairs == {(i, j) for i in (2, 3, 7) for j in (2, 3, 4) if i != j}


def test_one_to_one() -> None:
    assert as_set(draw(sl.OneToOne(), 4, 4)) == {(i, i) for i in range(4)}
    assert not len(draw(sl.OneToOne(self_connections=False), 4))
    pairs = as_set(draw(sl.OneToOne(self_connections=False), 9, pre=[7, 2, 3], post=[1, 2, 8]))
    assert pairs == {(7, 1), (3, 8)}


# Every pair with a probability


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_probabilities(p: float) -> None:
    assert len(draw(sl.FixedProbability(p), 13, 7)) == p * 91
    assert len(draw(sl.FixedProbability(p, self_connections=False), 13)) == p * 13 * 12


@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 0.93])
def test_probability_gives_binomial_degrees(p: float) -> None:
    n, m = 400, 500
    pairs = draw(sl.FixedProbability(p), n, m)
    as_set(pairs)
    spread = np.sqrt(n * m * p * (1 - p))
    assert abs(len(pairs) - n * m * p) < 5 * spread
    for axis, size, other in ((0, n, m), (1, m, n)):
        degrees = np.bincount(pairs[:, axis], minlength=size)
        z = (degrees - other * p) / np.sqrt(other * p * (1 - p))
        assert abs((z**2).sum() - size) < 5 * np.sqrt(2 * size + size / (other * p * (1 - p)))


@pytest.mark.parametrize("self_connections", [True, False])
def test_each_pair_is_equally_probable(self_connections: bool) -> None:
    rule = sl.FixedProbability(0.3, self_connections=self_connections)
    counts = table(lambda seed: draw(rule, 9, seed=seed), 9, 9, 400)
    wanted = counts[np.eye(9) == 0] if not self_connections else counts.reshape(-1)
    assert self_connections or not np.diag(counts).any()
    z = (wanted - 120.0) / np.sqrt(400 * 0.3 * 0.7)
    assert np.abs(z).max() < 4.5
    assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-5


# Given numbers


@pytest.mark.parametrize("multapses", [True, False])
@pytest.mark.parametrize("self_connections", [True, False])
@pytest.mark.parametrize("number", [0, 1, 4, 7])
@pytest.mark.parametrize("same", [True, False])
def test_degrees_are_exact(
    same: bool, number: int, self_connections: bool, multapses: bool
) -> None:
    n, m = 8, None if same else 11
    flags = {"self_connections": self_connections, "multapses": multapses}
    columns = n if m is None else m
    for rule, axis, size in (
        (sl.FixedIndegree(number, **flags), 1, columns),
        (sl.FixedOutdegree(number, **flags), 0, n),
    ):
        pairs = draw(rule, n, m)
        assert np.all(np.bincount(pairs[:, axis], minlength=size) == number)
        if not multapses:
            as_set(pairs)
        if same and not self_connections:
            assert np.all(pairs[:, 0] != pairs[:, 1])
    pairs = draw(sl.FixedTotalNumber(7 * number, **flags), n, m)
    assert len(pairs) == 7 * number
    if not multapses:
        as_set(pairs)
    if same and not self_connections:
        assert np.all(pairs[:, 0] != pairs[:, 1])


@pytest.mark.parametrize("multapses", [True, False])
@pytest.mark.parametrize("self_connections", [True, False])
@pytest.mark.parametrize("rule", COUNTED)
@pytest.mark.parametrize("part", [False, True])
def test_candidates_are_drawn_uniformly(
    rule: Any, self_connections: bool, multapses: bool, part: bool
) -> None:
    n, repeats = 8, 250
    pre: Any = [6, 1, 2, 7, 4] if part else slice(None)
    post: Any = [0, 2, 7, 5] if part else slice(None)
    number = {sl.FixedTotalNumber: 9}.get(rule, 3)
    made = rule(number, self_connections=self_connections, multapses=multapses)
    counts = table(lambda s: draw(made, n, seed=s, pre=pre, post=post), n, n, repeats)
    rows, columns = np.arange(n)[pre], np.arange(n)[post]
    allowed = np.zeros((n, n), dtype=bool)
    allowed[np.ix_(rows, columns)] = True
    if not self_connections:
        np.fill_diagonal(allowed, False)
    assert not counts[~allowed].any()
    if rule is sl.FixedTotalNumber:
        expected = allowed * (number / allowed.sum())
    else:
        axis = 0 if rule is sl.FixedIndegree else 1
        expected = allowed * (number / allowed.sum(axis=axis, keepdims=True).clip(1))
    # Without multapses a pair comes at most once in a network.
    share = expected / (number if multapses else 1)  # of a draw, or of having a synapse
    variance = repeats * expected * (1 - share)
    fixed = allowed & (variance < 1e-9)
    assert np.all(counts[fixed] == repeats)
    free = allowed & ~fixed
    z = (counts - repeats * expected)[free] / np.sqrt(variance[free])
    assert np.abs(z).max() < 4.5
    assert z.std() == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("rule", COUNTED)
@pytest.mark.parametrize("more", [0, 1])
def test_the_last_candidate_can_be_drawn(rule: Any, more: int) -> None:
    """All pairs except self-connections are requested, or one more."""
    number = (30 if rule is sl.FixedTotalNumber else 5) + more
    made = rule(number, self_connections=False, multapses=False)
    if more:
        with pytest.raises(ValueError, match=rf"{rule.__name__}.*{number}.*multapses=False"):
            draw(made, 6)
    else:
        assert as_set(draw(made, 6)) == {(i, j) for i in range(6) for j in range(6) if i != j}


@pytest.mark.parametrize("number", [40, 60, 90])
def test_dense_totals_are_uniform(number: int) -> None:
    """More than half of the pairs: those left out are drawn."""
    rule = sl.FixedTotalNumber(number, multapses=False)
    counts = table(lambda seed: draw(rule, 10, 10, seed=seed), 10, 10, 150)
    p = number / 100
    z = (counts - 150 * p) / np.sqrt(150 * p * (1 - p))
    assert np.abs(z).max() < 4.5
    assert z.std() == pytest.approx(1.0, abs=0.25)


@pytest.mark.parametrize("rule", [sl.FixedIndegree(1), sl.FixedOutdegree(1)])
def test_rows_of_the_table_are_independent(rule: sl.rules.Rule) -> None:
    axis = 0 if isinstance(rule, sl.FixedIndegree) else 1
    joint = np.zeros((4, 4), dtype=np.int64)
    for seed in range(500):
        pairs = draw(rule, 4, 4, seed=seed)
        partner = pairs[np.argsort(pairs[:, 1 - axis]), axis]
        joint[partner[0], partner[1]] += 1
    assert stats.chisquare(joint.reshape(-1)).pvalue > 1e-5


def test_large_indegree_has_poisson_outdegrees() -> None:
    pairs = draw(sl.FixedIndegree(100), 2000, 1000)
    degrees = np.bincount(pairs[:, 0], minlength=2000)
    assert stats.chisquare(degrees).pvalue > 1e-5
    assert stats.chisquare(degrees).pvalue < 1 - 1e-5
    repeated = len(pairs) - len(np.unique(pairs, axis=0))
    expected = 1000 * 100 * 99 / 2 / 2000  # pairs of synapses that meet
    assert abs(repeated - expected) < 5 * np.sqrt(expected)


# Seeds and parts


@pytest.mark.parametrize(
    "rule",
    [sl.FixedProbability(0.2), sl.FixedIndegree(5), sl.FixedOutdegree(5), sl.FixedTotalNumber(90)],
)
def test_draws_depend_on_seed_and_projection(rule: sl.rules.Rule) -> None:
    first = draw(rule, 30, 40)
    np.testing.assert_array_equal(draw(rule, 30, 40, threads=3), first)
    assert not np.array_equal(draw(rule, 30, 40, seed=2), first)
    net = make()
    a, b = net.population(30, sl.LIF()), net.population(40, sl.LIF())
    one, two = net.connect(a, b, rule), net.connect(a, b, rule)
    np.testing.assert_array_equal(one.post_ids, first[:, 1])
    assert not np.array_equal(one.post_ids, two.post_ids)


@pytest.mark.parametrize("rule", [sl.FixedProbability(0.5), sl.AllToAll(), sl.FixedTotalNumber(0)])
@pytest.mark.parametrize(("n", "m"), [(0, 5), (5, 0), (0, 0)])
def test_empty_populations(n: int, m: int, rule: sl.rules.Rule) -> None:
    assert draw(rule, n, m).shape == (0, 2)


def test_counted_rules_need_candidates() -> None:
    assert not len(draw(sl.FixedIndegree(3), 4, 0))
    assert not len(draw(sl.FixedOutdegree(3), 0, 4))
    for rule, n, m in ((sl.FixedIndegree(1), 0, 4), (sl.FixedOutdegree(1), 4, 0)):
        with pytest.raises(ValueError, match=type(rule).__name__):
            draw(rule, n, m)
    with pytest.raises(ValueError, match="FixedTotalNumber"):
        draw(sl.FixedTotalNumber(1, self_connections=False), 1)


@pytest.mark.parametrize("mask", [False, True])
def test_parts_can_be_named_in_any_way(mask: bool) -> None:
    index: Any = np.isin(np.arange(9), [3, 5]) if mask else np.array([3, 5])
    pairs = draw(sl.AllToAll(), 9, 4, pre=index, post=2)
    assert as_set(pairs) == {(3, 2), (5, 2)}


@pytest.mark.parametrize("n_post", [1, 3])
def test_a_total_number_without_multapses_does_not_depend_on_threads(n_post: int) -> None:
    found = []
    for threads in (1, 2, 4):
        net = sl.Network(seed=3, threads=threads)
        pre, post = net.population(50, sl.LIF()), net.population(n_post, sl.LIF())
        rule = sl.FixedTotalNumber(10, multapses=False)
        p = net.connect(pre, post, rule, weight=sl.Normal(1.0, 0.1))
        found.append((p.pre_ids.tolist(), p.post_ids.tolist(), p.weights.tolist()))
        assert len(set(zip(*found[-1][:2], strict=True))) == len(p) == 10
    assert found[0] == found[1] == found[2]


# Every rule

RULES = [
    rule
    for name in sl.rules.__all__
    if issubclass(rule := getattr(sl.rules, name), sl.rules.Rule) and rule is not sl.rules.Rule
]


def an_example(rule: type[sl.rules.Rule]) -> sl.rules.Rule:
    """Return a rule of a class, with some number or probability."""
    values: dict[str, Any] = {"number": 7, "p": 0.2}
    return rule(**{f.name: values[f.name] for f in dataclasses.fields(rule) if f.name in values})


def ring_of(rule: type[sl.rules.Rule], threads: int, dtype: str = "float32") -> Any:
    """Return a projection of a rule within a population, with weights and delays that are drawn."""
    net = make(seed=5, threads=threads, dtype=dtype)
    cells = net.population(5000, sl.LIF(I_e=400.0))
    weight, delay = sl.Normal(1.0, 0.1), sl.Uniform(0.1, 3.0)
    few = cells[:60] if rule is sl.AllToAll else cells  # 25 million would be slow
    return net.connect(few, few, an_example(rule), weight=weight, delay=delay)


def arrays(projection: Any) -> list[Any]:
    return [projection.pre_ids, projection.post_ids, projection.weights, projection.delays]


@pytest.mark.parametrize("rule", RULES)
def test_synapses_do_not_depend_on_threads_or_on_being_stored(rule: type[sl.rules.Rule]) -> None:
    given = arrays(ring_of(rule, 1))
    assert len(given[0]) > 0
    order = np.lexsort((given[1], given[0]))
    for x in given[:2]:
        np.testing.assert_array_equal(x[order], x)  # canonical
    for threads in (2, 3):
        stored = ring_of(rule, threads)
        stored.network.prepare()
        for x, y in zip(given, arrays(stored), strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("rule", RULES)
def test_a_saved_network_has_the_same_synapses(rule: type[sl.rules.Rule], tmp_path: Path) -> None:
    projection = ring_of(rule, 2)
    projection.network.run(2.0)
    projection.network.save(tmp_path / "net.npz")
    loaded = sl.Network.load(tmp_path / "net.npz")
    for x, y in zip(arrays(projection), arrays(loaded.projections[0]), strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(
    ("base", "pattern"),
    [
        (sl.rules.Rule, r"^Own: the core has no such connection rule; .*\(pre_ids, post_ids\)"),
        (sl.rules.Distribution, "^Own: the core has no such distribution; .*array of values"),
    ],
)
def test_kinds_that_the_core_lacks_are_refused(base: type, pattern: str) -> None:
    for unknown in (type("Own", (base,), {}), base):
        with pytest.raises(TypeError, match=pattern.replace("Own", unknown.__name__)):
            unknown()


def test_subclasses_of_a_kind_that_the_core_has_are_allowed() -> None:
    class Few(sl.FixedIndegree):
        pass

    net = make()
    cells = net.population(10, sl.LIF())
    assert len(net.connect(cells, cells, Few(3), weight=1.0, delay=1.0)) == 30


def test_total_number_is_binomial_in_each_block_of_targets() -> None:
    """Blocks of 4096 targets are drawn one by one; together they have the exact number."""
    number, n, m = 600, 3, 4096 + 1000
    first = []
    for seed in range(400):
        post = draw(sl.FixedTotalNumber(number), n, m, seed=seed)[:, 1]
        assert len(post) == number
        first.append(int((post < 4096).sum()))
    share = stats.binom(number, 4096 / m)
    u = share.cdf(first) - share.pmf(first) * np.random.default_rng(0).random(400)
    assert stats.kstest(u, stats.uniform.cdf).pvalue > 1e-4
    assert np.mean(first) == pytest.approx(share.mean(), abs=4.5 * share.std() / 20)
    assert np.std(first) == pytest.approx(share.std(), rel=0.16)
