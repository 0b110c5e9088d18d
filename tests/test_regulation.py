"""Sums of incoming weights that are set, and weights that are scaled by the rates of their targets."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from tests.conftest import Floats, make, to_steps, train

import spikelet as sl
from spikelet._util import container

LAYOUTS = ("dense", "one delay", "many delays")


def scene(
    layout: str,
    *,
    rule: Any = None,
    weight: Any = None,
    threads: int = 1,
    normal: float | None = None,
) -> tuple[sl.Network, sl.Projection, sl.SpikeRecorder]:
    """Return a network that learns; `normal` is what the weights of each target sum to at first."""
    net = make(threads=threads)
    n, m = (12, 70) if layout == "dense" else (60, 70)
    pre = net.population(n, sl.PoissonSource(np.linspace(5.0, 120.0, n)))
    cells = net.population(m, sl.LIF(I_e=np.linspace(300.0, 480.0, m)))
    rng = np.random.default_rng(3)
    delay: Any = 1.5
    # In the sparse ones the last target gets nothing.
    connection: Any = sl.AllToAll()
    if layout != "dense":
        pairs = np.argwhere(rng.random((n, m - 1)) < 0.1).T
        connection = tuple(np.concatenate([x, x[:20]]) for x in pairs)  # with multapses
    if layout == "many delays":
        delay = rng.integers(1, 40, len(connection[0])) * 0.1
    rule = rule or sl.STDP(A_plus=0.8, A_minus=0.7, w_min=0.0, w_max=300.0)
    size = n * m if layout == "dense" else len(connection[0])
    values = rng.uniform(5.0, 40.0, size) if weight is None else np.full(size, weight)
    if normal is not None:
        post = np.tile(np.arange(m), n) if layout == "dense" else connection[1]
        values *= normal / np.bincount(post, values, m)[post]
    p = net.connect(pre, cells, connection, weight=values, delay=delay, plasticity=rule)
    return net, p, net.record(cells, "spikes")


def normalized(p: Any, w: Floats, total: float) -> Floats:
    """Return what the weights should be."""
    sums = np.bincount(p.post_ids, w, p.post.size)[p.post_ids]
    return np.clip(w * total / sums, p.plasticity.w_min, p.plasticity.w_max)


# By hand


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_normalize(layout: str, threads: int) -> None:
    net, p, _ = scene(layout, threads=threads)
    for piece in (0.0, 33.3, 50.0):
        net.run(piece)
        before = p.weights
        p.normalize(200.0)
        np.testing.assert_allclose(p.weights, normalized(p, before, 200.0), rtol=1e-12)
        sums = np.bincount(p.post_ids, p.weights, 70)
        np.testing.assert_allclose(sums[np.unique(p.post_ids)], 200.0, rtol=1e-12)
        assert np.abs(p.weights - before).max() > 1e-3
    net.run(5.0)
    assert np.ptp(np.bincount(p.post_ids, p.weights, 70)[np.unique(p.post_ids)]) > 1e-3


def beyond() -> contextlib.AbstractContextManager[object]:
    """Expect the warning of a sum that the weights cannot reach."""
    return pytest.warns(UserWarning, match="more than the bounds of the weights allow")


def test_normalize_stays_within_the_bounds() -> None:
    rule = sl.STDP(A_plus=0.0, A_minus=0.0, w_min=10.0, w_max=50.0)
    net, p, _ = scene("one delay", rule=rule, weight=20.0)
    for total in (5.0, 230.0, 1e5):
        p.weights = np.linspace(10.0, 50.0, len(p))
        expected = normalized(p, p.weights, total)
        with beyond() if total == 1e5 else contextlib.nullcontext():
            p.normalize(total)
        np.testing.assert_allclose(p.weights, expected, rtol=1e-12)
        assert (p.weights.min() == 10.0) or (p.weights.max() == 50.0)
    net.run(1.0)
    np.testing.assert_array_equal(p.weights, np.full(len(p), 50.0))


def test_normalize_leaves_targets_of_zero_weights() -> None:
    net = make()
    pre, post = net.population(2, sl.PoissonSource(0.0)), net.population(3, sl.LIF())
    p = net.connect(pre, post, sl.AllToAll(), weight=[0.0, 0.2, 0.5] * 2, plasticity=sl.STDP())
    p.normalize(1.0)
    np.testing.assert_allclose(p.weights, [0.0, 0.5, 0.5] * 2, rtol=1e-15)


def test_normalize_keeps_what_is_in_flight() -> None:
    net = make()
    post = net.population(1, sl.LIF(tau_syn_ex=1e-4))
    pre = net.population(2, sl.SpikeSource([1.0, 1.0], [0, 1]))
    rule = sl.STDP(A_plus=0.0, A_minus=0.0, w_max=9.0)
    p = net.connect(pre, post, sl.AllToAll(), weight=[[1.0], [3.0]], delay=2.0, plasticity=rule)
    arrived = net.record(post, "I_syn_ex")
    net.run(2.0)
    p.normalize(8.0)
    net.run(2.0)
    assert arrived.values[29, 0] == 4.0
    np.testing.assert_allclose(p.weights, [2.0, 6.0], rtol=1e-15)


# In a run


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_weight_normalization(layout: str, threads: int) -> None:
    """A run in one piece is what normalising by hand, at each multiple, gives."""
    net, p, spikes = scene(layout, threads=threads, normal=200.0)
    net.regulate(p, sl.WeightNormalization(total=200.0, every=25.0))
    other, q, others = scene(layout, normal=200.0)
    net.run(15.0)
    net.run(95.0)
    for piece in (25.0, 25.0, 25.0, 25.0):
        other.run(piece)
        q.normalize(200.0)
    other.run(10.0)
    assert train(spikes) == train(others)
    assert len(spikes.times) > 200
    np.testing.assert_allclose(p.weights, q.weights, rtol=1e-11)
    net.run(15.0)  # a run ends at a multiple
    sums = np.bincount(p.post_ids, p.weights, 70)[np.unique(p.post_ids)]
    np.testing.assert_allclose(sums, 200.0, rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_synaptic_scaling(layout: str, threads: int) -> None:
    """A run in one piece is what scaling by hand, by the spikes of each interval, gives."""
    net, p, spikes = scene(layout, threads=threads)
    net.regulate(p, sl.SynapticScaling(rate=30.0, strength=0.4, every=50.0))
    other, q, others = scene(layout)
    net.run(60.0)
    net.run(160.0)
    for k in range(4):
        other.run(50.0)
        stamps = to_steps(others.times)
        ids = others.ids[(stamps > 500 * k) & (stamps <= 500 * (k + 1))]
        rate = np.bincount(ids, minlength=70) / 0.05
        scaled = q.weights * (1.0 + 0.4 * (1.0 - rate / 30.0))[q.post_ids]
        q.weights = np.clip(scaled, 0.0, 300.0)
        assert np.ptp(rate) > 20.0
    other.run(20.0)
    assert train(spikes) == train(others)
    assert len(spikes.times) > 200
    np.testing.assert_allclose(p.weights, q.weights, rtol=1e-11, atol=1e-11)


def test_next_to_nothing_cannot_be_normalized() -> None:
    """The factor would be infinite, and 0 times that is no number."""
    for connection in (sl.AllToAll(), ([0, 1, 2, 2], [0, 0, 1, 0])):
        net = sl.Network(dtype="float32")
        X, E = net.population(3, sl.PoissonSource(0.0)), net.population(2, sl.LIF())
        weight = np.full(6 if isinstance(connection, sl.AllToAll) else 4, 1e-37)
        weight[0] = 0.0
        p = net.connect(X, E, connection, weight=weight, plasticity=sl.STDP())
        before = p.weights
        with beyond():
            p.normalize(1e4)
        np.testing.assert_array_equal(p.weights, before)


@pytest.mark.parametrize(("strength", "bound"), [(3.0, 40.0), (-3.0, 10.0)])
def test_synaptic_scaling_stays_within_the_bounds(strength: float, bound: float) -> None:
    """Silent targets: the factor is 1 + strength."""
    net = make()
    pre, post = net.population(9, sl.PoissonSource(0.0)), net.population(4, sl.LIF())
    rule = sl.STDP(w_min=10.0, w_max=40.0)
    p = net.connect(pre, post, sl.AllToAll(), weight=15.0, plasticity=rule)
    rate = 5.0
    if strength < 0:  # each spikes far more often than it should
        net.inject(post, sl.CurrentInput(np.full(3000, 900.0)))
        rate, strength = 1.0, 0.2
    net.regulate(p, sl.SynapticScaling(rate=rate, strength=strength, every=100.0))
    net.run(99.9)
    np.testing.assert_array_equal(p.weights, np.full(36, 15.0))
    net.run(0.1)
    np.testing.assert_array_equal(p.weights, np.full(36, bound))


# What a scaling counts


def idle_scene(
    layout: str, *, threads: int = 1, dtype: Any = "float64"
) -> tuple[sl.Network, sl.Projection, sl.SpikeRecorder]:
    """Return a network whose weights only regulations change: targets fire by a current, sources never."""
    net = sl.Network(dt=0.1, seed=3, threads=threads, dtype=dtype)
    n, m = 6, 70
    pre = net.population(n, sl.PoissonSource(0.0))
    cells = net.population(m, sl.LIF(I_e=np.linspace(300.0, 900.0, m)))
    connection: Any = sl.AllToAll()
    delay: Any = 1.5
    rule: Any = sl.STDP(A_plus=0.0, A_minus=0.0, w_min=0.0, w_max=1e6)
    if layout != "dense":
        connection = tuple(np.argwhere(np.random.default_rng(5).random((n, m)) < 0.5).T)
    if layout == "many delays":
        delay = np.random.default_rng(6).integers(1, 40, len(connection[0])) * 0.1
    if layout == "short term":
        rule = sl.TsodyksMarkram()
    p = net.connect(pre, cells, connection, weight=100.0, delay=delay, plasticity=rule)
    return net, p, net.record(cells, "spikes")


def scaled(spikes: Any, m: int, how: sl.SynapticScaling, begin: int, end: int) -> Floats:
    """Return each target's factor of all corrections in (begin, end], in steps, from its recorded spikes."""
    every = round(how.every * 10)
    factor, since = np.ones(m), begin
    stamps = to_steps(spikes.times)
    for now in range((begin // every + 1) * every, end + 1, every):
        ids = spikes.ids[(stamps > since) & (stamps <= now)]
        share = (now - since) / every
        rate = np.bincount(ids, minlength=m) / ((now - since) * 1e-4)
        factor *= np.maximum(0.0, 1.0 + how.strength * share * (1.0 - rate / how.rate))
        since = now
    return factor


ALL = (*LAYOUTS, "short term")
EARLY = sl.SynapticScaling(rate=60.0, strength=0.2, every=70.0)
LATE = sl.SynapticScaling(rate=90.0, strength=0.4, every=50.0)


def check_scaled(p: Any, want: Floats) -> None:
    assert np.ptp(want) > 0.05
    np.testing.assert_allclose(p.weights, 100.0 * want[p.post_ids], rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("layout", ALL)
def test_each_scaling_counts_from_when_it_is_added(layout: str, threads: int) -> None:
    net, p, spikes = idle_scene(layout, threads=threads)
    net.run(333.3)
    net.regulate(p, EARLY)  # between two multiples
    net.run(266.7)
    net.regulate(p, LATE)  # at a multiple
    net.run(50.0)  # both at 700, too
    net.run(110.3)
    want = scaled(spikes, 70, EARLY, 3333, 7603) * scaled(spikes, 70, LATE, 6000, 7603)
    check_scaled(p, want)


@pytest.mark.parametrize("layout", ALL)
def test_a_scaling_added_late_sees_the_rate_of_its_interval(layout: str) -> None:
    """It saw all spikes so far, and drove the weights to 0."""
    net, p, spikes = idle_scene(layout)
    how = sl.SynapticScaling(rate=50.0, strength=0.05, every=500.0)
    net.run(5000.0)
    net.regulate(p, how)
    net.run(500.0)
    rates = np.bincount(spikes.ids[to_steps(spikes.times) > 50_000], minlength=70) / 0.5
    assert rates.max() > 80.0
    np.testing.assert_allclose(
        p.weights, 100.0 * (1.0 + 0.05 * (1.0 - rates / 50.0))[p.post_ids], rtol=1e-12
    )
    assert p.weights.min() > 90.0


def test_two_equal_scalings_correct_alike() -> None:
    net, p, spikes = idle_scene("one delay")
    net.regulate(p, LATE)
    net.regulate(p, LATE)
    net.run(110.0)
    check_scaled(p, scaled(spikes, 70, LATE, 0, 1100) ** 2)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("layout", ALL)
def test_a_reset_begins_an_interval(layout: str, keep: bool) -> None:
    net, p, spikes = idle_scene(layout)
    net.regulate(p, LATE)
    net.run(130.0)
    before = scaled(spikes, 70, LATE, 0, 1300)
    net.reset(keep_weights=keep, at=1240.0)
    net.run(80.0)
    after = scaled(spikes, 70, LATE, 12400, 13200)  # 10 ms, then a whole interval
    check_scaled(p, after * before if keep else after)


def test_one_spike_in_a_short_interval_says_little() -> None:
    net = make()
    pre, post = net.population(1, sl.PoissonSource(0.0)), net.population(1, sl.LIFDelta())
    kick = net.population(1, sl.SpikeSource([99.8], [0]))
    net.connect(kick, post, sl.OneToOne(), weight=100.0, delay=0.1)
    p = net.connect(pre, post, sl.OneToOne(), weight=0.5, plasticity=sl.STDP())
    net.run(99.8)
    net.regulate(p, sl.SynapticScaling(rate=10.0, strength=0.5, every=100.0))
    net.run(0.2)
    # In all of the interval, one spike is the rate that is asked for.
    np.testing.assert_allclose(p.weights, 0.5 * (1.0 + 0.5 * (0.002 - 1.0)), rtol=1e-12)


@pytest.mark.parametrize("layout", ALL)
def test_counts_are_saved_with_a_network(layout: str, tmp_path: Any) -> None:
    whole, p, spikes = idle_scene(layout)
    part, q, _ = idle_scene(layout)
    for net, projection in ((whole, p), (part, q)):
        net.run(33.3)
        net.regulate(projection, EARLY)
        net.run(100.0)
        net.regulate(projection, LATE)
    whole.run(200.0)
    for k, piece in enumerate((4.0, 16.0, 0.0, 60.0, 120.0)):
        part.save(tmp_path / f"{k}.npz")
        part = sl.Network.load(tmp_path / f"{k}.npz", threads=k % 3 + 1)
        part.run(piece)
    want = scaled(spikes, 70, EARLY, 333, 3333) * scaled(spikes, 70, LATE, 1333, 3333)
    check_scaled(p, want)
    np.testing.assert_array_equal(part.projections[0].weights, p.weights)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"begin": -1}, "begin"),
        ({"begin": 1301}, "begin"),
        ({"begin": "x"}, "begin"),
        ({"spikes": np.zeros(69, np.uint32)}, "spikes must be 70 numbers"),
        ({"spikes": np.zeros(70)}, "spikes must be 70 numbers"),
    ],
)
def test_files_with_impossible_intervals(tmp_path: Any, change: Any, rule: str) -> None:
    net, p, _ = idle_scene("one delay")
    net.regulate(p, LATE)
    net.run(130.0)
    net.save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays["header"]))
    if "begin" in change:
        header["regulations"][0]["begin"] = change["begin"]
    else:
        arrays["regulation0.spikes"] = change["spikes"]
    del arrays["header"], header["arrays"]  # with it go the checksums
    with (tmp_path / "a.npz").open("wb") as file:
        container.write(file, header, arrays)
    with pytest.raises((ValueError, TypeError), match=rule):
        sl.Network.load(tmp_path / "a.npz")


def test_regulations_of_one_moment_act_in_their_order() -> None:
    for first, second, total in (("n", "s", 1.5), ("s", "n", 1.0)):
        net = make()
        pre, post = net.population(4, sl.PoissonSource(0.0)), net.population(3, sl.LIF())
        p = net.connect(pre, post, sl.AllToAll(), weight=0.3, plasticity=sl.STDP())
        hows = {
            "n": sl.WeightNormalization(total=1.0, every=30.0),
            "s": sl.SynapticScaling(rate=10.0, strength=0.5, every=30.0),
        }
        net.regulate(p, hows[first])
        net.regulate(p, hows[second])
        net.run(30.0)
        np.testing.assert_allclose(p.weights.reshape(4, 3).sum(axis=0), total, rtol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_normalization_sums_magnitudes(layout: str) -> None:
    """Weights of both signs almost cancelled, and became enormous."""
    rule = sl.STDP(A_plus=0.0, A_minus=0.0, w_min=-50.0, w_max=50.0)
    net, p, _ = scene(layout, rule=rule, weight=20.0)
    weights = np.where(np.random.default_rng(1).random(len(p)) < 0.5, -1.0, 1.0) * 20.0
    p.weights = weights
    p.normalize(30.0)
    sums = np.bincount(p.post_ids, np.abs(p.weights), 70)[np.unique(p.post_ids)]
    several = np.bincount(p.post_ids)[np.unique(p.post_ids)] > 1
    np.testing.assert_allclose(sums[several], 30.0, rtol=1e-12)
    np.testing.assert_array_equal(np.sign(p.weights), np.sign(weights))
    net.run(1.0)


def test_a_sum_beyond_the_bounds_is_not_silent() -> None:
    net = make()
    pre, post = net.population(6, sl.PoissonSource(0.0)), net.population(5, sl.LIF())
    rule = sl.STDP(w_max=10.0)
    p = net.connect(pre, post, sl.AllToAll(), weight=1.0, plasticity=rule)
    p.normalize(60.0)  # what fits exactly is fine
    np.testing.assert_allclose(p.weights, 10.0, rtol=1e-14)
    message = r"total = 61 is more than the bounds of the weights allow, 10 times 6 synapses"
    with pytest.warns(UserWarning, match=message):
        p.normalize(61.0)
    np.testing.assert_array_equal(p.weights, np.full(30, 10.0))
    with pytest.warns(UserWarning, match=message):
        net.regulate(p, sl.WeightNormalization(total=61.0, every=1.0))
    free = sl.STDP(w_max=1.0, dependence="power_law", mu_plus=0.4)
    net.connect(pre, post, sl.AllToAll(), weight=1.0, plasticity=free).normalize(1e6)
