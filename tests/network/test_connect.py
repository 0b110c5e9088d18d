"""Every event arrives at its stamp plus its delay, at its target and receptor, with its weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import Floats, Ints, make, trace

import spikelet as sl
from spikelet import _core

FLEETING: dict[str, Any] = {"V_th": 1e6, "tau_syn_ex": 1e-4, "tau_syn_in": 1e-4}


class Case:
    """Sources with given spikes, and lists of synapses between them and one population."""

    def __init__(self, n_pre: int, n_post: int, steps: int, spikes: int, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.n_pre, self.n_post, self.steps = n_pre, n_post, steps
        self.stamps = np.sort(self.rng.integers(0, steps, spikes))
        self.ids = self.rng.integers(0, n_pre, spikes)
        self.lists: list[tuple[Ints, Ints, Ints, Ints]] = []

    def add(self, size: int, longest: int, *, shortest: int = 1, signs: bool = True) -> None:
        """Add synapses with whole weights, whose sums are exact in any order."""
        pre = self.rng.integers(0, self.n_pre, size)
        post = self.rng.integers(0, self.n_post, size)
        weight = self.rng.integers(1, 9, size) * (self.rng.choice([-1, 1], size) if signs else 1)
        self.lists.append((pre, post, weight, self.rng.integers(shortest, longest + 1, size)))

    def expected(self) -> tuple[Floats, Floats]:
        """Sum of the positive and of the negative weights that arrive, each [steps, n_post]."""
        sums = np.zeros((2, self.steps + 1, self.n_post))
        for pre, post, weight, delay in self.lists:
            spikes = [self.stamps[self.ids == i] for i in range(self.n_pre)]
            for i, stamps in enumerate(spikes):
                for k in np.flatnonzero(pre == i) if len(stamps) else ():
                    at = stamps + delay[k]
                    at = at[at <= self.steps]
                    np.add.at(sums[int(weight[k] < 0)], (at, post[k]), float(weight[k]))
        return sums[0, 1:], sums[1, 1:]

    def build(self, model: Any, *, plasticity: Any = None, **options: Any) -> tuple[Any, Any]:
        """Return the network and its targets."""
        net = make(**options)
        pre = net.population(self.n_pre, sl.SpikeSource(self.stamps * 0.1, self.ids, snap=True))
        post = net.population(self.n_post, model)
        for i, j, weight, delay in self.lists:
            net.connect(pre, post, (i, j), weight=weight, delay=delay * 0.1, plasticity=plasticity)
        return net, post

    def check(self, model: Any = None, **options: Any) -> sl.Network:
        """Compare what arrives with what should."""
        net, post = self.build(model or sl.LIF(**FLEETING), **options)
        names = ("g_ex", "g_in") if isinstance(post.model, sl.LIFCond) else ("I_syn_ex", "I_syn_in")
        recorders = [net.record(post, name) for name in names]
        net.run(self.steps * 0.1)
        for recorder, sums in zip(recorders, self.expected(), strict=True):
            values = np.abs(sums) if names[0] == "g_ex" else sums
            np.testing.assert_array_equal(recorder.values, values)
            assert values.any()
        return net


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "model", [sl.LIF(**FLEETING), sl.IF(**FLEETING), sl.LIFCond(**FLEETING)], ids=repr
)
def test_events_arrive_when_they_should(model: Any, dtype: str, threads: int) -> None:
    case = Case(20, 130, 300, 400)
    case.add(1500, 40)
    case.add(300, 1)
    case.add(300, 250)
    case.check(model, dtype=dtype, threads=threads)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("size", [1, 40, 20_000])
def test_sparse_and_dense_rows(size: int, threads: int) -> None:
    case = Case(4, 500, 60, 60)
    case.add(size, 3, signs=size > 1)
    case.lists.append((np.arange(4), np.arange(4), np.full(4, -1), np.full(4, 2)))
    if size == 1:
        case.lists.append((np.arange(4), np.arange(4), np.full(4, 1), np.full(4, 2)))
    case.check(threads=threads)


def test_both_row_forms_are_tried() -> None:
    case = Case(4, 500, 10, 10)
    case.add(20_000, 1)
    dense = case.check().projections[0]
    case = Case(4, 500, 60, 60)
    case.add(60, 20)
    sparse = case.check().projections[0]
    assert "cache lines" in repr(dense)
    assert "queued rows" in repr(sparse)


@pytest.mark.parametrize("threads", [1, 3])
def test_delays_of_thousands_of_steps(threads: int) -> None:
    case = Case(30, 90, 9000, 300)
    case.add(900, 6000)
    case.add(90, 1)
    case.check(threads=threads)


def test_the_longest_delay() -> None:
    net = make(1.0)
    pre = net.population(1, sl.SpikeSource([0.0, 3.0], [0, 0]))
    post = net.population(1, sl.LIF(**FLEETING))
    net.connect(pre, post, sl.OneToOne(), weight=2.0, delay=65_535.0)
    recorder = net.record(post, "I_syn_ex")
    net.run(65_540.0)
    hit = np.flatnonzero(recorder.values[:, 0])
    np.testing.assert_allclose(recorder.times[hit], [65_535.0, 65_538.0])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("n_post", [1, 7])
def test_more_than_65535_synapses_of_one_source_and_delay(n_post: int, threads: int) -> None:
    net = make(threads=threads)
    pre = net.population(2, sl.SpikeSource([0.1, 0.3, 0.3], [0, 1, 1]))
    post = net.population(n_post, sl.LIF(**FLEETING))
    rng = np.random.default_rng(3)
    i, j = rng.integers(0, 2, 300_000), rng.integers(0, n_post, 300_000)
    w = rng.integers(1, 4, 300_000)
    net.connect(pre, post, (i, j), weight=w, delay=0.1)
    v = trace(net, post, "I_syn_ex", 1.0)
    sums = [np.bincount(j[i == k], w[i == k], n_post) for k in (0, 1)]
    np.testing.assert_array_equal(v[1], sums[0])
    np.testing.assert_array_equal(v[3], 2 * sums[1])
    assert not v[[0, 2, 4, 5, 6, 7, 8, 9]].any()


@pytest.mark.parametrize("longest", [1, 30])
@pytest.mark.parametrize("threads", [1, 3])
def test_plastic_synapses_deliver_alike(threads: int, longest: int) -> None:
    case = Case(20, 130, 200, 300)
    case.add(1200, longest)
    frozen = sl.STDP(A_plus=0.0, A_minus=0.0, w_min=-10.0, w_max=10.0)
    case.check(threads=threads, plasticity=frozen)


@pytest.mark.parametrize("plasticity", [None, sl.STDP(A_plus=0.0, A_minus=0.0, w_max=9.0)])
@pytest.mark.parametrize("n", [3, 70])
def test_recurrent_spikes_arrive(n: int, plasticity: Any) -> None:
    """A ring passes one spike on."""
    net = make()
    ring = net.population(n, sl.LIFDelta(V_th=-69.0, t_ref=0.0))
    hop = (np.arange(n), (np.arange(n) + 1) % n)
    net.connect(ring, ring, hop, weight=5.0, delay=0.3, plasticity=plasticity)
    net.connect(net.population(1, sl.SpikeSource([0.0], [0])), ring[0], sl.OneToOne(), weight=5.0)
    spikes = net.record(ring, "spikes")
    net.run(1.0 + 0.3 * 2 * n)
    np.testing.assert_allclose(spikes.times, 1.0 + 0.3 * np.arange(2 * n + 1))
    np.testing.assert_array_equal(spikes.ids, np.arange(2 * n + 1) % n)


@pytest.mark.parametrize("plasticity", [None, sl.STDP(A_plus=0.0, A_minus=0.0, w_min=-9, w_max=9)])
@pytest.mark.parametrize(("receptor", "state"), [("excitatory", "ex"), ("in", "in")])
def test_receptor_overrides_the_sign(receptor: Any, state: str, plasticity: Any) -> None:
    net = make()
    pre = net.population(2, sl.SpikeSource([0.1, 0.1], [0, 1]))
    post = net.population(2, sl.LIF(**FLEETING))
    net.connect(
        pre, post, sl.OneToOne(), weight=[3.0, -4.0], delay=0.1, receptor=receptor,
        plasticity=plasticity,
    )  # fmt: skip
    net.run(0.2)
    other = "in" if state == "ex" else "ex"
    np.testing.assert_array_equal(getattr(post, f"I_syn_{state}")[:], [3.0, -4.0])
    assert not getattr(post, f"I_syn_{other}")[:].any()


def test_receptor_of_a_conductance() -> None:
    net = make()
    pre = net.population(1, sl.SpikeSource([0.1], [0]))
    post = net.population(1, sl.LIFCond(**FLEETING))
    p = net.connect(pre, post, sl.OneToOne(), weight=3.0, delay=0.1, receptor="inhibitory")
    net.run(0.2)
    assert float(post.g_in[0]) == 3.0
    assert float(post.g_ex[0]) == 0.0
    assert p.weights[0] == 3.0
    with pytest.raises(ValueError, match=r"connect.*weight.*>= 0.*-1"):
        net.connect(pre, post, sl.OneToOne(), weight=-1.0, receptor="inhibitory")


def test_synapses_made_during_a_run_carry_later_spikes_only() -> None:
    net = make()
    pre = net.population(1, sl.SpikeSource(np.arange(0.0, 4.0, 0.5), [0] * 8, snap=True))
    post = net.population(1, sl.LIF(**FLEETING))
    net.connect(pre, post, sl.OneToOne(), weight=1.0, delay=1.2)
    recorder = net.record(post, "I_syn_ex")
    net.run(2.0)
    net.connect(pre, post, sl.OneToOne(), weight=10.0, delay=1.2)
    net.run(3.0)
    hit = np.flatnonzero(recorder.values[:, 0])
    got = dict(zip((hit + 1).tolist(), recorder.values[hit, 0].tolist(), strict=True))
    assert got == {s + 12: 11.0 if s > 20 else 1.0 for s in range(0, 40, 5) if s + 12 <= 50}


@pytest.mark.parametrize("receptor", [["in"], "both", 1])
def test_unknown_receptors_are_refused(receptor: Any) -> None:
    net = make()
    cells = net.population(2, sl.LIF(), name="E")
    with pytest.raises(ValueError, match=r'^connect E -> E: receptor must be "excitatory", "ex", '):
        net.connect(cells, cells, sl.AllToAll(), receptor=receptor)


def test_a_delay_out_of_range_is_one_that_was_drawn() -> None:
    net = make()
    cells = net.population(40, sl.LIF(), name="E")
    wide = sl.Normal(1.0, 1.0)
    with pytest.raises(
        ValueError, match=r"of which 18\.4\d+ % lie below dt = 0\.1 ms; limit it with clip"
    ):
        net.connect(cells, cells, sl.AllToAll(), delay=wide)
    with pytest.raises(ValueError, match=r"of which 5\d\.\d+ % lie above 65535 steps of 0\.1 ms"):
        net.connect(cells, cells, sl.AllToAll(), delay=sl.Uniform(6000.0, 7200.0))
    both = tuple(np.indices((40, 40)).reshape(2, -1))
    with pytest.raises(
        ValueError, match=r"delay must lie .*limit the distribution.*got (-?\d\.\d+)"
    ) as e:
        net.connect(cells, cells, both, delay=wide)
    drawn = float(str(e.value).rpartition(" ")[2])
    assert -4.0 < drawn < 0.1  # and not 9 standard deviations from the mean
    assert net.projections == ()


def test_a_matrix_of_weights_keeps_its_unit_and_its_mask() -> None:
    net = make()
    cells = net.population(2, sl.LIF())
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])

    class Quantity:
        """What the quantities package has; numpy would take the magnitude alone."""

        def __init__(self, magnitude: Any, unit: str) -> None:
            self.magnitude, self.unit = magnitude, unit

        def rescale(self, unit: str) -> Quantity:
            assert (self.unit, unit) in {("nA", "pA"), ("s", "ms")}
            return Quantity(1000 * self.magnitude, unit)

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
            return np.array(self.magnitude, dtype)

    found = net.connect(
        cells,
        cells,
        sl.AllToAll(),
        weight=Quantity(matrix, "nA"),
        delay=Quantity(matrix / 1e3, "s"),
    )
    np.testing.assert_array_equal(found.weights, [1000.0, 2000.0, 3000.0, 4000.0])
    np.testing.assert_allclose(found.delays, [1.0, 2.0, 3.0, 4.0])
    masked = np.ma.masked_array(matrix, matrix > 3)
    with pytest.raises(TypeError, match=r"weight .*masked"):
        net.connect(cells, cells, sl.AllToAll(), weight=masked)
    for odd, message in ((np.nan, "NaN"), (np.inf, "finite")):
        with pytest.raises(ValueError, match=rf"weight must .*{message} at index \(0, 1\)"):
            net.connect(cells, cells, sl.AllToAll(), weight=[[1.0, odd], [3.0, 4.0]])
    assert net.projections == (found,)


@pytest.mark.parametrize(
    ("rule", "n"),
    [
        (sl.FixedIndegree(2**40), 10),
        (sl.FixedOutdegree(2**40), 10),
        (sl.FixedTotalNumber(2**43), 10),
        (sl.AllToAll(), 5_000_000),
        (sl.FixedProbability(0.5), 5_000_000),
    ],
)
def test_a_rule_that_exceeds_the_memory_is_refused(rule: sl.Rule, n: int) -> None:
    """A typing error in a rule does not exhaust the machine's memory, and adds nothing."""
    net = sl.Network()
    cells = net.population(n, sl.LIF())
    with pytest.raises(ValueError, match=r"connect .* need at least .* GB; this machine has"):
        net.connect(cells, cells, rule)
    assert net.projections == ()
    net.connect(cells, cells, sl.FixedIndegree(2))


_DRAWN = {"weight": sl.Normal(1.0, 0.1, clip=(0, 2))}


@pytest.mark.parametrize(
    ("dtype", "options", "each", "listed"),
    [
        ("float32", {}, 2, 4),
        ("float32", _DRAWN, 6, 8),
        ("float64", _DRAWN, 10, 12),
        ("float32", {**_DRAWN, "weight_dtype": "int16"}, 2, 8),
        ("float32", {"plasticity": sl.STDP(w_max=2.0), "delay": sl.Uniform(1.0, 2.0)}, 10, 10),
    ],
)
def test_synapses_have_to_fit_into_the_memory_that_is_left(
    dtype: Any, options: dict[str, Any], each: int, listed: int
) -> None:
    """With what other projections will need, which are drawn when the network runs."""
    net = make(dtype=dtype)
    left = _core.available_memory()
    big, parts, small = (
        net.population(int(np.sqrt(share * left / size)) + 1, sl.LIF())
        for share, size in ((1.5, each), (1.5, listed), (0.7, each))
    )
    parts = parts[:-1]
    refused = r"would make about .* synapses, .* GB left: make fewer"
    for cells in (big, parts):
        with pytest.raises(ValueError, match=refused):
            net.connect(cells, cells, sl.AllToAll(), **options)
    if "plasticity" not in options:
        net.connect(small, small, sl.AllToAll(), **options)
        rest = r"GB left, of which the other synapses of the network need .*: make fewer"
        with pytest.raises(ValueError, match=rest):
            net.connect(small, small, sl.AllToAll(), **options)
    assert len(net.projections) == ("plasticity" not in options)


@pytest.mark.parametrize("weight", [1e39, [1.0, 1e39]])
@pytest.mark.parametrize("rule", [sl.AllToAll(), ([0, 0], [0, 1])])
def test_a_weight_beyond_the_precision_of_the_network_is_named(rule: Any, weight: Any) -> None:
    net = make(dtype="float32")
    pre, post = net.population(1, sl.LIF()), net.population(2, sl.LIF())
    with pytest.raises(
        ValueError, match=r"weight must be finite and within the range of float32, got 1e\+39"
    ):
        net.connect(pre, post, rule, weight=weight)
    assert not net.projections
