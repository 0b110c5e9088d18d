"""Sums of incoming weights that are set, and weights that are scaled by the rates of their targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import Floats, make, to_steps, train

import spikelet as sl

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


def normalised(p: Any, w: Floats, total: float) -> Floats:
    """Return what the weights should be."""
    sums = np.bincount(p.post_ids, w, p.post.size)[p.post_ids]
    return np.clip(w * total / sums, p.plasticity.w_min, p.plasticity.w_max)


# By hand


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_normalise(layout: str, threads: int) -> None:
    net, p, _ = scene(layout, threads=threads)
    for piece in (0.0, 33.3, 50.0):
        net.run(piece)
        before = p.weights
        p.normalise(200.0)
        np.testing.assert_allclose(p.weights, normalised(p, before, 200.0), rtol=1e-12)
        sums = np.bincount(p.post_ids, p.weights, 70)
        np.testing.assert_allclose(sums[np.unique(p.post_ids)], 200.0, rtol=1e-12)
        assert np.abs(p.weights - before).max() > 1e-3
    net.run(1.0)
    assert np.ptp(np.bincount(p.post_ids, p.weights, 70)[np.unique(p.post_ids)]) > 1e-3


def test_normalise_stays_within_the_bounds() -> None:
    rule = sl.STDP(A_plus=0.0, A_minus=0.0, w_min=10.0, w_max=50.0)
    net, p, _ = scene("one delay", rule=rule, weight=20.0)
    for total in (5.0, 230.0, 1e5):
        p.weights = np.linspace(10.0, 50.0, len(p))
        expected = normalised(p, p.weights, total)
        p.normalise(total)
        np.testing.assert_allclose(p.weights, expected, rtol=1e-12)
        assert (p.weights.min() == 10.0) or (p.weights.max() == 50.0)
    net.run(1.0)
    np.testing.assert_array_equal(p.weights, np.full(len(p), 50.0))


def test_normalise_leaves_targets_of_zero_weights() -> None:
    net = make()
    pre, post = net.population(2, sl.PoissonSource(0.0)), net.population(3, sl.LIF())
    p = net.connect(pre, post, sl.AllToAll(), weight=[0.0, 0.2, 0.5] * 2, plasticity=sl.STDP())
    p.normalise(1.0)
    np.testing.assert_allclose(p.weights, [0.0, 0.5, 0.5] * 2, rtol=1e-15)


def test_normalise_keeps_what_is_in_flight() -> None:
    net = make()
    post = net.population(1, sl.LIF(tau_syn_ex=1e-4))
    pre = net.population(2, sl.SpikeSource([1.0, 1.0], [0, 1]))
    rule = sl.STDP(A_plus=0.0, A_minus=0.0, w_max=9.0)
    p = net.connect(pre, post, sl.AllToAll(), weight=[[1.0], [3.0]], delay=2.0, plasticity=rule)
    arrived = net.record(post, "I_syn_ex")
    net.run(2.0)
    p.normalise(8.0)
    net.run(2.0)
    assert arrived.values[29, 0] == 4.0
    np.testing.assert_allclose(p.weights, [2.0, 6.0], rtol=1e-15)


# In a run


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_weight_normalisation(layout: str, threads: int) -> None:
    """A run in one piece is what normalising by hand, at each multiple, gives."""
    net, p, spikes = scene(layout, threads=threads, normal=200.0)
    net.regulate(p, sl.WeightNormalisation(total=200.0, every=25.0))
    other, q, others = scene(layout, normal=200.0)
    net.run(15.0)
    net.run(95.0)
    for piece in (25.0, 25.0, 25.0, 25.0):
        other.run(piece)
        q.normalise(200.0)
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


def test_next_to_nothing_cannot_be_normalised() -> None:
    """The factor would be infinite, and 0 times that is no number."""
    for connection in (sl.AllToAll(), ([0, 1, 2, 2], [0, 0, 1, 0])):
        net = sl.Network(dtype="float32")
        X, E = net.population(3, sl.PoissonSource(0.0)), net.population(2, sl.LIF())
        weight = np.full(6 if isinstance(connection, sl.AllToAll) else 4, 1e-37)
        weight[0] = 0.0
        p = net.connect(X, E, connection, weight=weight, plasticity=sl.STDP())
        before = p.weights
        p.normalise(1e4)
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
