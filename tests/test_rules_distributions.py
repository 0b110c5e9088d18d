"""Distributions of weights, delays and states, and the random numbers beneath them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special, stats
from tests.conftest import Floats, Ints, make

import spikelet as sl
from spikelet import _core

CASES: list[tuple[Any, dict[str, float], Any]] = [
    (sl.Normal, {"mean": 3.0, "std": 2.0}, stats.norm(3.0, 2.0)),
    (sl.LogNormal, {"mu": 0.3, "sigma": 0.7}, stats.lognorm(0.7, scale=np.exp(0.3))),
    (sl.Uniform, {"low": -1.0, "high": 4.0}, stats.uniform(-1.0, 5.0)),
    (sl.Exponential, {"scale": 2.5}, stats.expon(scale=2.5)),
]
N = 20_000


def weights(spec: Any, *, lists: bool = False, seed: int = 1, number: int = 0) -> Floats:
    """Draw weights of one projection; `number` others come before it."""
    net = make(seed=seed)
    pre, post = net.population(100, sl.LIF()), net.population(N // 100, sl.LIF())
    every = np.divmod(np.arange(N), N // 100)
    for _ in range(number):
        net.connect(pre, post, sl.FixedTotalNumber(1))
    rule: Any = every if lists else sl.AllToAll()
    return np.asarray(net.connect(pre, post, rule, weight=spec).weights)


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize(("kind", "parameters", "law"), CASES)
def test_values_follow_the_law(kind: Any, parameters: Any, law: Any, lists: bool) -> None:
    x = weights(kind(**parameters), lists=lists)
    assert stats.kstest(x, law.cdf).pvalue > 1e-5
    u = law.cdf(x)
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 5 / np.sqrt(N)
    assert len(np.unique(x)) == N


@pytest.mark.parametrize(("kind", "parameters", "law"), CASES)
def test_clip_limits_the_value(kind: Any, parameters: Any, law: Any) -> None:
    x = weights(kind(**parameters, clip=(1.0, 3.0)))
    assert x.min() == 1.0
    assert x.max() == 3.0
    for atom, p in ((1.0, law.cdf(1.0)), (3.0, law.sf(3.0))):
        assert abs((x == atom).mean() - p) < 5 * np.sqrt(p * (1 - p) / N)
    inner = x[(x > 1.0) & (x < 3.0)]
    assert (
        stats.kstest(law.cdf(inner), "uniform", (law.cdf(1), law.cdf(3) - law.cdf(1))).pvalue > 1e-5
    )


@pytest.mark.parametrize("limits", [(1.0, 3.0), (3.5, 3.9), (2.0, np.inf)])
@pytest.mark.parametrize(("kind", "parameters", "law"), CASES)
def test_redraw_draws_from_within(kind: Any, parameters: Any, law: Any, limits: Any) -> None:
    x = weights(kind(**parameters, redraw=limits))
    lo, hi = law.cdf(limits[0]), law.cdf(limits[1])
    assert x.min() >= limits[0]
    assert x.max() <= limits[1]
    assert stats.kstest(law.cdf(x), "uniform", (lo, hi - lo)).pvalue > 1e-5


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        (sl.Normal(2.0, 0.0), 2.0), (sl.Uniform(1.5, 1.5), 1.5), (sl.LogNormal(0.0, 0.0), 1.0),
        (sl.Exponential(0.0), 0.0), (sl.Normal(0.0, 1.0, clip=(4.0, 4.0)), 4.0),
    ],
)  # fmt: skip
def test_degenerate_laws_are_constants(spec: Any, value: float) -> None:
    assert np.all(weights(spec) == value)


def test_an_interval_that_holds_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"connect .*redraw=\(50.*60"):
        weights(sl.Normal(0.0, 1.0, redraw=(50.0, 60.0)))


@pytest.mark.parametrize("lists", [False, True])
def test_draws_differ_by_seed_projection_and_purpose(lists: bool) -> None:
    base = weights(sl.Uniform(0.0, 1.0), lists=lists)
    np.testing.assert_array_equal(weights(sl.Uniform(0.0, 1.0), lists=lists), base)
    others = [
        weights(sl.Uniform(0.0, 1.0), lists=lists, seed=2),
        weights(sl.Uniform(0.0, 1.0), lists=lists, number=1),
        weights(sl.Uniform(0.0, 1.0), lists=lists, number=2),
    ]
    for other in others:
        assert abs(np.corrcoef(base, other)[0, 1]) < 5 / np.sqrt(N)


@pytest.mark.parametrize("lists", [False, True])
def test_weights_and_delays_are_independent(lists: bool) -> None:
    net = make()
    pre, post = net.population(100, sl.LIF()), net.population(100, sl.LIF())
    rule: Any = np.divmod(np.arange(10_000), 100) if lists else sl.AllToAll()
    p = net.connect(pre, post, rule, weight=sl.Uniform(0.0, 1.0), delay=sl.Uniform(1.0, 100.0))
    assert abs(np.corrcoef(p.weights, p.delays)[0, 1]) < 0.05
    assert abs(np.corrcoef(p.weights[1:], p.delays[:-1])[0, 1]) < 0.05


@pytest.mark.parametrize("lists", [False, True])
def test_delays_are_rounded_to_steps(lists: bool) -> None:
    net = make()
    pre, post = net.population(100, sl.LIF()), net.population(200, sl.LIF())
    rule: Any = np.divmod(np.arange(N), 200) if lists else sl.AllToAll()
    p = net.connect(pre, post, rule, delay=sl.Normal(1.0, 0.4, redraw=(0.25, 2.0)))
    steps = np.rint(p.delays / 0.1).astype(int)
    np.testing.assert_allclose(p.delays, steps * 0.1, rtol=1e-12)
    edges = np.clip(np.arange(2.5, 21) * 0.1, 0.25, 2.0)
    law = stats.norm(1.0, 0.4)
    mass = np.diff(law.cdf(edges)) / (law.cdf(2.0) - law.cdf(0.25))
    binned = np.bincount(steps, minlength=21)
    assert binned[:3].sum() == 0
    assert len(binned) == 21
    assert stats.chisquare(binned[3:], N * mass).pvalue > 1e-5


def test_states_are_drawn() -> None:
    net = make()
    cells = net.population(10_000, sl.LIF())
    cells.V_m[:] = sl.Normal(-65.0, 3.0)
    first = np.asarray(cells.V_m)
    assert stats.kstest(first, stats.norm(-65.0, 3.0).cdf).pvalue > 1e-5
    cells[:5000].V_m = sl.Uniform(-80.0, -70.0)
    second = np.asarray(cells.V_m)
    np.testing.assert_array_equal(second[5000:], first[5000:])
    assert stats.kstest(second[:5000], stats.uniform(-80.0, 10.0).cdf).pvalue > 1e-5
    u, v = stats.norm(-65.0, 3.0).cdf(first[:5000]), (second[:5000] + 80.0) / 10.0
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.07
    again = make()
    other = again.population(10_000, sl.LIF())
    other.V_m[:] = sl.Normal(-65.0, 3.0)
    np.testing.assert_array_equal(other.V_m[:], first)


def test_float32_weights_are_the_rounded_ones() -> None:
    values = []
    for dtype in ("float32", "float64"):
        net = make(dtype=dtype)
        cells = net.population(50, sl.LIF())
        values.append(net.connect(cells, cells, sl.AllToAll(), weight=sl.Normal(0.0, 1.0)).weights)
    assert values[0].dtype == np.float32
    np.testing.assert_array_equal(values[0], values[1].astype(np.float32))


# The generator and the quantile function


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ([0] * 4, (0, 0), [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, (0xFFFFFFFF,) * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], (0xA4093822, 0x299F31D0),
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)  # fmt: skip
def test_philox_gives_the_published_answers(counter: Any, key: Any, words: Any) -> None:
    assert list(_core.philox(counter, *key)) == words


def test_normal_quantile_is_that_of_scipy() -> None:
    tails = np.array([5e-324, 1e-300, 1e-100, 1e-30, 1e-17, 1e-10, 1e-5, 0.01, 0.0749, 0.0751])
    u = np.concatenate([tails, 1 - tails[5:], np.linspace(1e-4, 1 - 1e-4, 20_001)])
    z, expected = _core.normal_quantile(u), special.ndtri(u)
    np.testing.assert_allclose(z, expected, rtol=2e-14, atol=1e-15)


@pytest.mark.parametrize(
    "delay",
    [
        sl.Normal(1.5, 0.0, redraw=(1.5, 3.0)),
        sl.Normal(1.5, 0.5, redraw=(1.5, 1.5)),
        sl.Uniform(1.5, 1.5, redraw=(1.5, 3.0)),
        sl.Normal(1.5, 0.0),
    ],
)
def test_delays_of_no_width(delay: sl.Distribution) -> None:
    net = sl.Network(seed=1)
    pre, post = net.population(50, sl.LIF()), net.population(7, sl.LIF())
    p = net.connect(pre, post, sl.AllToAll(), delay=delay)
    net.run(1.0)
    assert p.delays.tolist() == [1.5] * 350


def first_words(counters: list[Ints], seed: int) -> Ints:
    """Return the first word of Philox 4x32-10 (Salmon et al. 2011), for arrays of four counters."""
    c0, c1, c2, c3 = (np.asarray(c, np.uint64) for c in counters)
    low, k0, k1 = np.uint64(0xFFFFFFFF), seed, 0
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0 = (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0)
        c2 = (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1)
        c1, c3 = p1 & low, p0 & low
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.asarray(c0.astype(np.int64))


@pytest.mark.parametrize("p", [3e-4, 1.2e-4, 1e-5, 1e-7])
def test_pairs_are_at_the_gaps_drawn_for_each_block_of_targets(p: float) -> None:
    """Also where most blocks have none, which the first draw of each decides."""
    block, sources, m, seed = 4096, 3000, 3 * 4096 + 500, 5
    net = sl.Network(dt=0.1, seed=seed, threads=1)
    pre, post = net.population(sources, sl.LIF()), net.population(m, sl.LIF())
    made = net.connect(pre, post, sl.FixedProbability(p), weight=1.0, delay=1.0)
    expected = []
    for b in range(4):
        source = np.arange(sources)
        width = min(block, m - b * block)
        at = np.full(sources, -1.0)
        for number in range(40):  # geometric gaps
            zeros = np.zeros(len(source), np.int64)
            words = first_words([source, zeros + number, zeros + b, zeros + (6 << 24)], seed)
            at += 1 + np.floor(np.log((words + 0.5) * 2.0**-32) * (1 / np.log1p(-p)))
            source, at = source[at < width], at[at < width]
            expected += list(zip(source, b * block + at.astype(np.int64), strict=True))
        assert len(source) == 0
    assert len(expected) == len(made)
    assert sorted(expected) == list(zip(made.pre_ids, made.post_ids, strict=True))
