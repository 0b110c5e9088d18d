"""The network as a whole: time, sizes, reset, what is added later."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from tests.conftest import MODELS, STRONG, busy_network, make, spawn, train

import spikelet as sl

# Sizes


@pytest.mark.parametrize("threads", [1, 7])
def test_an_empty_network(threads: int) -> None:
    net = make(threads=threads)
    net.run(100.0)
    assert net.t == 100.0
    nobody = net.population(0, sl.LIF())
    p = net.connect(nobody, nobody, sl.AllToAll())
    net.inject(nobody, sl.PoissonInput(rate=1e4, weight=1.0))
    net.inject(nobody, sl.NoiseInput(std=1.0))
    net.inject(nobody, sl.CurrentInput(np.zeros((3, 0))))
    spikes = net.record(nobody, "spikes")
    net.run(100.0)
    assert len(p) == len(p.weights) == len(spikes.times) == 0
    assert p.to_scipy().shape == (0, 0)


@pytest.mark.parametrize("threads", [1, 7])
def test_one_neuron_and_no_synapses(threads: int) -> None:
    net = make(threads=threads)
    one = net.population(1, sl.LIF(I_e=900.0))
    p = net.connect(one, one, sl.FixedProbability(0.0))
    spikes = net.record(one, "spikes")
    net.run(100.0)
    assert len(p) == 0
    assert len(spikes.times) == 13


@pytest.mark.parametrize("model", MODELS)
def test_more_threads_than_neurons(model: Any) -> None:
    w = STRONG[model.__name__]
    traces = []
    for threads in (1, 20):
        net = make(threads=threads)
        cells = net.population(3, model(t_ref=0.5))
        net.inject(cells, sl.PoissonInput(rate=2000.0, weight=0.3 * w))
        net.connect(cells, cells, sl.AllToAll(), weight=0.2 * w, delay=0.2)
        spikes = net.record(cells, "spikes")
        net.run(30.0)
        traces.append((train(spikes), np.asarray(cells.V_m).tolist()))
    assert traces[0] == traces[1]
    assert len(traces[0][0]) > 3


# Settings


def test_settings_can_be_read() -> None:
    net = sl.Network()
    assert (net.dt, net.seed, net.dtype) == (0.1, 0, np.float32)
    assert net.threads >= 1
    net = sl.Network(dt=0.5, seed=2**64 - 1, threads=3, dtype="float64")
    assert (net.dt, net.seed, net.threads, net.dtype) == (0.5, 2**64 - 1, 3, np.float64)


def test_repr_shows_sizes_and_settings() -> None:
    net = make(threads=2, seed=5)
    cells = net.population(10, sl.LIF())
    net.population(4, sl.PoissonSource(1.0))
    net.connect(cells, cells, sl.AllToAll())
    net.run(1.5)
    text = repr(net)
    for part in (
        "10 neurons",
        "100 synapses",
        "0.1 ms",
        "1.5 ms",
        "seed=5",
        "threads=2",
        "float64",
    ):
        assert part in text


def test_seeds_differ_in_all_bits() -> None:
    def first(seed: int) -> list[tuple[int, int]]:
        net, _, spikes, _ = busy_network(seed=seed)
        net.run(20.0)
        return train(spikes)

    runs = [first(seed) for seed in (0, 1, 2**32, 2**63)]
    assert all(a != b for k, a in enumerate(runs) for b in runs[:k])


def test_import_is_light() -> None:
    code = (
        "import sys, spikelet\n"
        "print([m for m in ('scipy', 'torch', 'matplotlib', 'rich', 'sklearn') if m in sys.modules])"
    )
    assert spawn(code).strip() == "[]"


# Reset


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("model", MODELS)
def test_reset_goes_back_to_the_start(model: Any, threads: int) -> None:
    net, cells, spikes, plastic = busy_network(model, threads=threads, theta=True)
    cells.V_m[:] = sl.Uniform(-70.0, -56.0)
    v, w = net.record(cells, "V_m"), net.record(plastic, "weights", every=1.0)
    initial, weights = np.asarray(cells.V_m), plastic.weights
    net.run(40.0)
    first = train(spikes), v.values, w.values
    net.reset()
    assert net.t == 0.0
    assert len(spikes.times) == len(v.times) == len(w.times) == 0
    np.testing.assert_array_equal(cells.V_m[:], initial)
    np.testing.assert_array_equal(plastic.weights, weights)
    net.run(17.3)
    net.run(22.7)
    assert train(spikes) == first[0]
    assert len(first[0]) > 50
    np.testing.assert_array_equal(v.values, first[1])
    np.testing.assert_array_equal(w.values, first[2])


def test_reset_keeps_weights_as_they_are_now() -> None:
    net, _, spikes, plastic = busy_network()
    start = plastic.weights
    net.run(31.7)
    now = plastic.weights
    assert (now != start).any()
    net.reset(keep_weights=True)
    np.testing.assert_array_equal(plastic.weights, now)
    net.run(20.0)
    other, _, others, twin = busy_network()
    twin.weights = now
    other.run(20.0)
    assert train(others) == train(spikes)
    np.testing.assert_array_equal(twin.weights, plastic.weights)
    net.reset()
    np.testing.assert_array_equal(plastic.weights, start)


def test_reset_keeps_static_weights_that_were_set() -> None:
    net = make()
    cells = net.population(2, sl.LIF())
    p = net.connect(cells, cells, sl.AllToAll(), weight=1.0)
    net.run(1.0)
    p.weights = [1.0, 2.0, 3.0, 4.0]
    net.reset()
    np.testing.assert_array_equal(p.weights, [1.0, 2.0, 3.0, 4.0])


def test_reset_before_a_run() -> None:
    net, cells, spikes, _ = busy_network()
    cells.V_m[:] = -60.0
    net.reset()
    np.testing.assert_array_equal(cells.V_m[:], np.full(90, -60.0))
    net.run(20.0)
    other, twins, others, _ = busy_network()
    twins.V_m[:] = -60.0
    other.run(20.0)
    assert train(spikes) == train(others)


def test_reset_emits_the_spikes_of_time_0_again() -> None:
    net = make()
    pre = net.population(1, sl.SpikeSource([0.0, 0.3], [0, 0]))
    post = net.population(1, sl.LIF(tau_syn_ex=1e-4))
    net.connect(pre, post, sl.OneToOne(), delay=0.5)
    spikes, current = net.record(pre, "spikes"), net.record(post, "I_syn_ex")
    net.run(0.6)  # the second spike is in flight
    for _ in range(2):
        net.reset()
        net.run(1.0)
        assert train(spikes) == [(0, 0), (3, 0)]
        np.testing.assert_array_equal(np.flatnonzero(current.values), [4, 7])


# Additions


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_additions_change_nothing_else(dtype: str, threads: int) -> None:
    net, cells, spikes, plastic = busy_network(dtype=dtype, threads=threads)
    net.run(60.0)
    other, twins, others, twin = busy_network(dtype=dtype, threads=threads)
    other.run(20.0)
    late = other.population(300, sl.LIF(I_e=900.0))
    late_spikes = other.record(late, "spikes")
    other.run(20.0)
    other.connect(twins, late, sl.FixedIndegree(5), weight=1.0, delay=40.0)
    other.connect(late, late, sl.FixedIndegree(5), plasticity=sl.STDP())
    other.run(20.0)
    assert train(others) == train(spikes)
    np.testing.assert_array_equal(twins.V_m[:], cells.V_m[:])
    np.testing.assert_array_equal(twin.weights, plastic.weights)
    assert late_spikes.counts().min() > 3
    assert late_spikes.times.min() > 20.0


def test_reset_covers_what_was_added_later() -> None:
    net, cells, _, _ = busy_network()
    net.run(5.0)
    late = net.population(4, sl.LIF(I_e=900.0))
    net.connect(late, cells, sl.FixedIndegree(2), weight=100.0)
    spikes = net.record(late, "spikes")
    net.run(5.0)
    net.reset()
    net.run(20.0)
    first = train(spikes)
    net.reset()
    net.run(20.0)
    assert train(spikes) == first
    assert len(first) > 4


def test_permuted_ids_permute_the_result() -> None:
    n, rng = 100, np.random.default_rng(0)
    order = rng.permutation(n)
    stamps, ids = np.sort(rng.integers(1, 400, 900)) * 0.1, rng.integers(0, n, 900)
    i, j = rng.integers(0, n, 1500), rng.integers(0, n, 1500)
    w, d = rng.integers(-300, 600, 1500).astype(float), rng.integers(1, 20, 1500) * 0.1
    results = []
    for new in (np.arange(n), order):
        net = make()
        pre = net.population(n, sl.SpikeSource(stamps, new[ids], snap=True))
        cells = net.population(n, sl.LIF())
        net.connect(pre, cells, sl.OneToOne(), weight=1500.0)
        net.connect(cells, cells, (new[i], new[j]), weight=w, delay=d)
        spikes = net.record(cells, "spikes")
        net.run(50.0)
        back = np.argsort(new)[spikes.ids]
        results.append(sorted(zip(spikes.times.tolist(), back.tolist(), strict=True)))
    assert results[0] == results[1]
    assert len(results[0]) > 300


def test_a_projection_created_later_is_as_old_as_the_others_after_a_reset() -> None:
    """Sums of its synapses are added in the same order as in a network that had it from the start."""

    def make(first: float) -> tuple[sl.Network, sl.Population]:
        net = sl.Network(dt=0.1, seed=1, threads=1)
        a, b, c = (net.population(60, sl.LIF()) for _ in range(3))
        net.inject(a, sl.PoissonInput(rate=9000.0, weight=60.0))
        net.inject(b, sl.PoissonInput(rate=9000.0, weight=60.0))
        net.connect(b, c, sl.AllToAll(), weight=sl.Normal(-20.0, 7.0))
        net.run(first)
        net.connect(a, c, sl.AllToAll(), weight=sl.Normal(-20.0, 7.0))
        net.run(1.0)
        net.reset()
        net.run(60.0)
        return net, c

    np.testing.assert_array_equal(make(1.0)[1].I_syn_in[:], make(0.0)[1].I_syn_in[:])


def test_reset_restores_absolute_potentials_after_E_L_was_changed() -> None:
    net = make()
    cells = net.population(2, sl.LIF(E_L=-70.0))
    cells.V_m = [-60.0, -65.0]
    net.run(1.0)
    cells.E_L = [-75.0, -58.0]
    net.reset()
    np.testing.assert_allclose(cells.V_m, [-60.0, -65.0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("take", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_network_is_neither_copied_nor_pickled(take: Any) -> None:
    net = make()
    cells = net.population(2, sl.LIF())
    for thing in (net, net.connect(cells, cells, sl.OneToOne())):
        if thing is net or take is not copy.copy:  # a copy of a handle is a handle
            with pytest.raises(TypeError, match="a Network cannot be copied or pickled; save it"):
                take(thing)
