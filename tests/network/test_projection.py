"""Projections: the order of their synapses, round trips, setting weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from tests.conftest import Floats, Ints, make, source
from tests.support.tables import assert_table

import spikelet as sl

Table = tuple[Ints, Ints, Floats, Floats]

# Where weights come from


@pytest.mark.parametrize("kind", ["csr_array", "csc_array", "coo_array", "csr_matrix", "lil_array"])
def test_a_sparse_matrix_makes_the_round_trip(kind: str) -> None:
    dense = sparse.random(8, 11, density=0.3, random_state=1)
    matrix = getattr(sparse, kind)(dense)
    net = make()
    a, b = net.population(8, sl.LIF()), net.population(11, sl.LIF())
    p = net.connect(a, b, matrix, delay=0.4)
    assert len(p) == matrix.nnz > 10
    assert (p.to_scipy() != sparse.csr_array(dense)).nnz == 0
    again = net.connect(a, b, p.to_scipy(), delay=0.4)
    np.testing.assert_array_equal(again.weights, p.weights)
    np.testing.assert_array_equal(p.delays, 0.4)


def test_repeated_entries_and_zeros_of_a_matrix_are_synapses() -> None:
    matrix = sparse.coo_array(([1.0, 2.0, 0.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    net = make()
    cells = net.population(2, sl.LIF())
    np.testing.assert_array_equal(net.connect(cells, cells, matrix).weights, [1.0, 2.0, 0.0])


@pytest.mark.parametrize("kind", [np.int32, np.float32, bool])
def test_matrices_of_other_types(kind: Any) -> None:
    matrix = sparse.csr_array(np.array([[0, 1], [1, 1]]).astype(kind))
    net = make()
    cells = net.population(2, sl.LIF())
    np.testing.assert_array_equal(net.connect(cells, cells, matrix).weights, np.ones(3))


def test_a_matrix_between_parts_names_their_elements() -> None:
    net = make()
    a, b = net.population(10, sl.LIF()), net.population(20, sl.LIF())
    p = net.connect(a[[7, 2]], b[[9, 0, 5]], sparse.csr_array([[1.0, 0, 2.0], [0, 3.0, 0]]))
    assert_table(
        p, (np.array([2, 7, 7]), np.array([0, 5, 9]), np.array([3.0, 2.0, 1.0]), np.ones(3))
    )
    lists = net.connect(a[[7, 2]], b[[9, 0, 5]], ([0, 1], [2, 0]), weight=[4.0, 5.0])
    assert_table(lists, (np.array([2, 7]), np.array([9, 5]), np.array([5.0, 4.0]), np.ones(2)))


def test_default_weight_and_delay() -> None:
    net = make()
    cells = net.population(2, sl.LIF())
    for p in (net.connect(cells, cells, sl.AllToAll()), net.connect(cells, cells, ([0], [1]))):
        assert set(p.weights) == {1.0}
        assert set(p.delays) == {1.0}


# Setting weights


@pytest.mark.parametrize("ran", [False, True])
@pytest.mark.parametrize("threads", [1, 3])
def test_weights_are_set_and_act(threads: int, ran: bool) -> None:
    net = make(threads=threads)
    pre = source(net, [1, 50])
    post = net.population(150, sl.LIF(V_th=1e6, tau_syn_ex=1e-4, tau_syn_in=1e-4))
    p = net.connect(pre, post, sl.AllToAll(), weight=1.0, delay=0.2)
    if ran:
        net.run(1.0)
    values = np.random.default_rng(2).integers(-9, 10, 150).astype(float)
    p.weights = values  # signs included
    np.testing.assert_array_equal(p.weights, values)
    net.run(5.2 - net.t)
    np.testing.assert_array_equal(post.I_syn_ex[:], np.maximum(values, 0.0))
    np.testing.assert_array_equal(post.I_syn_in[:], np.minimum(values, 0.0))
    p.weights = 7
    np.testing.assert_array_equal(p.weights, np.full(150, 7.0))


@pytest.mark.parametrize(("longest", "form"), [(2, "cache lines"), (30, "queued rows")])
@pytest.mark.parametrize("threads", [1, 3])
def test_spikes_in_flight_arrive_with_the_weights_of_that_time(
    longest: int, form: str, threads: int
) -> None:
    """When weights are set, some synapses have delivered the spike, and others have not."""
    rng = np.random.default_rng(5)
    ends = rng.integers(0, 30, 2000), rng.integers(0, 40, 2000)
    delays = rng.integers(1, longest + 1, 2000) * 0.1
    first, second = rng.integers(-9, 0, (2, 2000)).astype(float)
    net = make(threads=threads)
    pre = source(net, [1] * 30, range(30))
    post = net.population(40, sl.LIF(V_th=1e6, tau_syn_ex=1e-4, tau_syn_in=1e-4))
    p = net.connect(pre, post, ends, weight=first, delay=delays)
    arrived = net.record(post, "I_syn_in")
    steps = np.rint(p.delays * 10).astype(int)
    weights = np.where(steps == 1, p.weights, second)
    net.run(0.2)  # spikes are stamped 1, so delays of one step are over
    assert form in repr(p)
    p.weights = second
    net.run(0.1 * longest)
    expected = np.zeros((longest + 2, 40))
    np.add.at(expected, (steps, p.post_ids), weights)
    np.testing.assert_array_equal(arrived.values, expected)
    assert set(steps) == set(range(1, longest + 1))


@pytest.mark.parametrize("steps", [0, 1, 45, 103])
def test_plastic_weights_read_as_they_were_set(steps: int) -> None:
    """Also while spikes of both sides are in flight."""
    net = make()
    pre, post = net.population(5, sl.PoissonSource(5000.0)), net.population(5, sl.LIF(I_e=9000.0))
    p = net.connect(
        pre, post, sl.AllToAll(), weight=5.0, delay=sl.Uniform(0.1, 2.0),
        plasticity=sl.STDP(A_plus=0.1, A_minus=0.1, w_max=10.0),
    )  # fmt: skip
    net.run(steps * 0.1)
    values = np.linspace(1.0, 9.0, 25)
    p.weights = values
    np.testing.assert_array_equal(p.weights, values)


def test_what_is_read_is_a_copy() -> None:
    net = make()
    cells = net.population(4, sl.LIF())
    p = net.connect(cells, cells, sl.AllToAll(), weight=2.0)
    for _ in range(2):
        for name in ("delays", "pre_ids", "post_ids"):
            with pytest.raises(ValueError, match="fixed when it is made"):
                getattr(p, name)[:] = 99
        for name in ("weights", "delays", "pre_ids", "post_ids"):
            own = np.array(getattr(p, name))
            own[:] = 99
            assert not (getattr(p, name) == 99).any()
        p.to_scipy().data[:] = 99.0
        net.run(1.0)
    np.testing.assert_array_equal(p.weights, np.full(16, 2.0))


def test_repr_names_both_ends() -> None:
    net = make()
    a = net.population(3, sl.LIF(), name="here")
    b = net.population(3, sl.LIF(), name="there")
    plain = repr(net.connect(a, b, sl.OneToOne()))
    plastic = repr(net.connect(a, b, sl.OneToOne(), plasticity=sl.STDP()))
    assert "here -> there: 3 synapses" in plain
    assert "STDP" in plastic
    assert "STDP" not in plain


def test_one_weight_is_kept_once_through_another_layout_and_given_up_for_others() -> None:
    net = sl.Network(seed=1, threads=1)
    pre, post = net.population(50, sl.LIF()), net.population(400, sl.LIF())
    p = net.connect(pre, post, sl.FixedIndegree(20), weight=2.0)
    net.prepare()
    assert "one weight" in repr(p)
    net.population(3, sl.LIF())
    net.prepare()
    assert "one weight" in repr(p)
    p.weights = np.full(len(p), 3.0)
    net.prepare()
    assert "one weight" in repr(p)
    assert np.all(p.weights == 3.0)
    weights = np.arange(len(p), dtype=float)
    p.weights = weights
    net.prepare()
    assert "one weight" not in repr(p)
    assert np.array_equal(p.weights, weights)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("plastic", [False, True])
def test_items_of_weights_can_be_set(plastic: bool, dtype: str) -> None:
    net = make(dtype=dtype)
    pre, post = net.population(4, sl.PoissonSource(500.0)), net.population(5, sl.LIF(I_e=900.0))
    rule = sl.STDP(A_plus=0.1, A_minus=0.1, w_max=100.0) if plastic else None
    p = net.connect(pre, post, sl.AllToAll(), weight=2.0, plasticity=rule)
    expected = np.full(20, 2.0)
    before = p.weights
    if plastic:
        net.run(50.0)
        expected = np.array(p.weights)
        assert (before == 2.0).all()
        assert (p.weights - before).any()
    p.weights[0] = 5
    expected[0] = 5
    p.weights[:5] *= 3
    expected[:5] *= np.float32(3) if dtype == "float32" else 3
    p.weights[expected > 7] += 1
    expected[expected > 7] += 1
    p.weights[[7, 9]] = [8, 10]
    expected[[7, 9]] = [8, 10]
    p.weights[-1] = np.float32(0.5)
    expected[-1] = 0.5
    np.testing.assert_allclose(p.weights, expected, rtol=1e-6)
    w = p.weights
    w[3] = 1
    assert (w[3], p.weights[3]) == (1, 1)
    net.run(50.0)
    p.weights = w  # all back to what they were
    np.testing.assert_array_equal(p.weights, w)
    p.weights *= 2
    np.testing.assert_allclose(p.weights, 2 * w)
    assert type(p.weights.copy()) is np.ndarray


def test_items_of_weights_act_on_the_targets() -> None:
    net = make()
    p = net.connect(
        net.population(2, sl.SpikeSource([1.0, 1.0], [0, 1])), net.population(2, sl.LIF()),
        sl.OneToOne(), weight=100.0, delay=0.1,
    )  # fmt: skip
    p.weights[1] = 700.0
    net.run(1.2)
    np.testing.assert_allclose(p.post.I_syn_ex[:] / p.post.I_syn_ex[0], [1.0, 7.0])


@pytest.mark.parametrize(
    ("index", "value", "kind", "words"),
    [
        (0, np.nan, ValueError, "weights must be finite, got nan"),
        (slice(2), [1.0, np.inf], ValueError, "weights must be finite at index 1, got inf"),
        (slice(3), -1.0, ValueError, r"must lie in \[w_min, w_max\] = \[0, 9\], got -1.0"),
        (slice(3), [1, 2], ValueError, r"one for each of the 3 synapses, got shape \(2,\)"),
        (0, "5", TypeError, "must be a number"),
        (0, None, TypeError, "must be a number"),
        (0, True, TypeError, "must be a number"),
        (0, 1j, TypeError, "must be a number"),
        (16, 1.0, IndexError, "out of bounds"),
        ("a", 1.0, IndexError, "valid indices"),
    ],
)
def test_bad_items_of_weights_change_nothing(index: Any, value: Any, kind: Any, words: str) -> None:
    net = make()
    cells = net.population(4, sl.LIF())
    p = net.connect(cells, cells, sl.AllToAll(), weight=2.0, plasticity=sl.STDP(w_max=9.0))
    w = p.weights
    with pytest.raises(kind, match=words):
        w[index] = value
    np.testing.assert_array_equal(w, np.full(16, 2.0))
    np.testing.assert_array_equal(p.weights, np.full(16, 2.0))
    with pytest.raises(ValueError, match="through a view"):
        p.weights[:5][0] = 7
    with pytest.raises(ValueError, match="through a view"):
        p.weights.reshape(4, 4)[0, 0] = 7
