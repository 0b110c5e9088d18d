"""The same bits for any number of threads, any SIMD level, any cut of a run, any split into partitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import MODELS, at_each_level, busy_network, digest, make, spawn, train
from tests.network.test_connect import Case

import spikelet as sl

DTYPES = ("float32", "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("model", MODELS)
def test_threads_do_not_matter(model: Any, dtype: str) -> None:
    base = digest(model, dtype)
    assert digest(model, dtype) == base
    for threads in (2, 3, 7, None):
        assert digest(model, dtype, threads=threads) == base


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("seed", range(6))
def test_the_cut_of_a_run_does_not_matter(seed: int, threads: int) -> None:
    rng = np.random.default_rng(seed)
    model, dtype = MODELS[seed % len(MODELS)], DTYPES[seed % 2]
    cuts = np.unique(np.concatenate([[0, 600], rng.integers(0, 600, (1, 4, 60)[seed % 3])]))
    pieces = np.diff(cuts) * 0.1
    assert digest(model, dtype, threads=threads, pieces=pieces.tolist()) == digest(model, dtype)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 90), max_size=8), st.sampled_from(MODELS))
def test_any_cut_gives_the_same_spikes(pieces: list[int], model: Any) -> None:
    net, cells, spikes, plastic = busy_network(model, dtype="float32")
    for piece in pieces:
        net.run(piece * 0.1)
    net.run(10.0)
    other, twins, others, twin = busy_network(model, dtype="float32")
    other.run(10.0 + sum(pieces) * 0.1)
    assert train(others) == train(spikes)
    np.testing.assert_array_equal(twins.V_m[:], cells.V_m[:])
    np.testing.assert_array_equal(twin.weights, plastic.weights)


def test_simd_levels_do_not_matter() -> None:
    found = at_each_level(
        "from tests.conftest import MODELS, digest\n"
        "for model in MODELS:\n"
        "    for dtype in ('float32', 'float64'):\n"
        "        print(model.__name__, dtype, digest(model, dtype, threads=2))\n"
    )
    assert len(found.splitlines()) == 2 * len(MODELS)
    assert found.count(digest(sl.LIF, "float64")) == 1


def test_an_unknown_simd_level_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"SPIKELET_SIMD.*baseline"):
        spawn("import spikelet", SPIKELET_SIMD="v9")


# More than one partition for each thread


@pytest.mark.parametrize("threads", [1, 2])
def test_events_reach_their_targets_in_all_partitions(threads: int) -> None:
    case = Case(5, 150_000, 12, 20)
    case.add(30_000, 8)
    case.lists.append(
        tuple(np.array(x) for x in ([0, 1], [149_999, 65_408], [3, -4], [2, 5]))  # type: ignore[arg-type]
    )
    case.check(threads=threads)


@pytest.mark.parametrize("plasticity", [None, sl.STDP(A_plus=9.0, A_minus=9.0, w_max=900.0)])
def test_a_part_of_many_neurons_runs_as_it_would_alone(plasticity: Any) -> None:
    """Neurons at the borders of partitions are driven and connected; the others are idle."""
    n = 140_000
    ids = np.array([0, 65_343, 65_344, 65_407, 65_408, 65_535, 65_536, 131_071, 139_999])
    rng = np.random.default_rng(1)
    i, j = rng.integers(0, 9, 60), rng.integers(0, 9, 60)
    w, d = rng.uniform(200.0, 700.0, 60), rng.integers(1, 30, 60) * 0.1
    times, which = np.sort(rng.integers(0, 600, 200)) * 0.1, rng.integers(0, 9, 200)
    results = []
    for large, threads in ((False, 1), (True, 1), (True, 3)):
        net = make(threads=threads, dtype="float32")
        pre = net.population(9, sl.SpikeSource(times, which, snap=True))
        cells = net.population(n if large else 9, sl.LIF(t_ref=1.0))
        part = cells[ids] if large else cells
        net.connect(pre, part, sl.OneToOne(), weight=900.0, delay=0.7)
        p = net.connect(part, part, (i, j), weight=w, delay=d, plasticity=plasticity)
        spikes = net.record(part, "spikes")
        net.run(60.0)
        own = np.searchsorted(ids, spikes.ids) if large else spikes.ids
        results.append((spikes.times.tolist(), own.tolist(), p.weights.tolist()))
    assert results[0] == results[1] == results[2]
    assert len(results[0][0]) > 150


@pytest.mark.parametrize("weight", [sl.Normal(-20.0, 4.0), -15.0])
@pytest.mark.parametrize("longest", [0.3, 1.6])
def test_partitions_of_more_than_65536_neurons_add_the_same_bits(
    longest: float, weight: Any
) -> None:
    """One and two threads have wide partitions here, and three have not."""
    results = []
    for threads in (1, 2, 3):
        net = sl.Network(seed=4, threads=threads, dtype="float32")
        cells = net.population(150_000, sl.LIF())
        net.inject(cells, sl.PoissonInput(rate=6000.0, weight=90.0))
        p = net.connect(
            cells, cells, sl.FixedOutdegree(10), weight=weight, delay=sl.Uniform(0.1, longest)
        )
        spikes = net.record(cells, "spikes")
        net.run(12.0)
        results.append((spikes.times, spikes.ids, cells.I_syn_in[:], p.weights, p.post_ids))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)
    assert len(results[0][0]) > 20_000


def test_poisson_sources_in_all_partitions() -> None:
    results = []
    for threads in (1, 2, 3):
        net = make(threads=threads)
        pre = net.population(150_000, sl.PoissonSource(20.0))
        post = net.population(3, sl.LIF(tau_syn_ex=1e-4, V_th=1e6))
        net.connect(pre, post, (np.arange(0, 150_000), np.arange(150_000) % 3), delay=0.1)
        spikes, current = net.record(pre, "spikes"), net.record(post, "I_syn_ex")
        net.run(10.0)
        results.append((train(spikes), current.values))
        table = np.zeros((101, 3))
        stamps = np.rint(spikes.times / 0.1).astype(int)
        np.add.at(table, (stamps, spikes.ids % 3), 1.0)
        np.testing.assert_array_equal(current.values[1:], table[1:100])
    assert results[0][0] == results[1][0] == results[2][0]
    assert abs(len(results[0][0]) - 30_000) < 5 * np.sqrt(30_000)


def test_more_threads_than_cores_are_not_much_slower() -> None:
    """3000 meetings of seven threads: if those that wait did not yield, this test would take minutes."""
    trains = []
    for threads in (7, 1):
        net, _, spikes, _ = busy_network(threads=threads)
        net.run(300.0)
        trains.append(train(spikes))
    assert trains[0] == trains[1]
    assert len(trains[0]) > 100
