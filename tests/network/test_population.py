"""Populations: states that read and write like arrays, parameters, parts, quantities."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from tests.conftest import MODELS, make, trace

import spikelet as sl

FACTORS = {"s": 1e3, "ms": 1.0, "V": 1e3, "mV": 1.0, "nA": 1e3, "pA": 1.0, "nF": 1e3, "pF": 1.0,
           "uS": 1e3, "nS": 1.0, "kHz": 1e3, "Hz": 1.0}  # fmt: skip


@dataclass
class Quantity:
    """What the quantities package has: a magnitude, a unit, and `rescale`."""

    magnitude: Any
    unit: str

    def rescale(self, unit: str) -> Quantity:
        """Convert; both units must measure the same."""
        if unit[-1:] != self.unit[-1:]:
            msg = f"cannot convert {self.unit!r} to {unit!r}"
            raise ValueError(msg)
        return Quantity(np.multiply(self.magnitude, FACTORS[self.unit] / FACTORS[unit]), unit)


class PintQuantity(Quantity):
    """What pint has: `to` in place of `rescale`."""

    rescale = None  # type: ignore[assignment]

    def __getattribute__(self, name: str) -> Any:
        if name == "rescale":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def to(self, unit: str) -> Quantity:
        """Convert."""
        return Quantity(self.magnitude, self.unit).rescale(unit)


# States


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_state_reads_and_writes_like_an_array(dtype: str) -> None:
    net = make(dtype=dtype)
    cells = net.population(5, sl.LIF(E_L=-60.0, V_reset=-65.0))
    v = cells.V_m
    assert v.dtype == np.dtype(dtype)
    assert v.shape == (5,)
    assert len(v) == 5
    np.testing.assert_array_equal(v, np.full(5, -60.0))
    v[1:3] = [-61.5, -62.5]
    v[np.array([False, False, False, True, False])] = -63.5
    v[4] += 0.5
    np.testing.assert_array_equal(cells.V_m[:], [-60.0, -61.5, -62.5, -63.5, -59.5])
    cells.V_m = -58.0
    cells.V_m -= 2.0
    cells.V_m *= 1.0
    np.testing.assert_array_equal(v + 1, np.full(5, -59.0))
    assert v.mean() == -60.0
    assert (v < 0).all()
    assert np.max(v) == -60.0
    np.testing.assert_array_equal(np.sort(-v), np.full(5, 60.0))


def test_parts_write_through() -> None:
    cells = make().population(6, sl.LIF())
    part = cells[[4, 1, 2]]
    part.V_m = [-64.0, -61.0, -62.0]
    part[1:].I_syn_ex[:] = [5.0, 7.0]
    part[0].V_m += 0.5
    np.testing.assert_array_equal(cells.V_m[:], [-70.0, -61.0, -62.0, -70.0, -63.5, -70.0])
    np.testing.assert_array_equal(part.V_m, [-63.5, -61.0, -62.0])
    np.testing.assert_array_equal(cells.I_syn_ex[:], [0.0, 5.0, 7.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("model", MODELS)
def test_each_state_can_be_written_and_acts(model: Any) -> None:
    for state in model().states:
        net = make()
        cells = net.population(3, model(V_th=1e6))
        start = {"V_m": -65.0}.get(state, 4.0)
        getattr(cells, state)[1] = start
        before = np.asarray(cells.V_m)
        values = trace(net, cells, state, 0.5)
        assert np.all(values[:, 0] == values[:, 2])
        assert np.all(values[:, 1] != values[:, 0])
        if state not in ("V_m", "theta"):
            v = np.asarray(cells.V_m)
            assert v[1] != before[1]
            assert v[0] == v[2] == before[0]


def test_a_potential_above_the_threshold_spikes_in_the_next_step() -> None:
    net = make()
    cells = net.population(3, sl.LIF())
    spikes = net.record(cells, "spikes")
    net.run(1.0)
    cells.V_m[1] = -50.0
    net.run(1.0)
    np.testing.assert_allclose(spikes.times, [1.1])
    np.testing.assert_array_equal(spikes.ids, [1])


@pytest.mark.parametrize(
    ("state", "index", "value", "rule"),
    [
        ("V_m", slice(None), [1.0, 2.0], "shape"), ("V_m", slice(0, 2), np.nan, "finite"),
        ("V_m", 1, np.inf, "finite"), ("V_m", slice(None), "high", "numbers"),
        ("g_ex", 0, -1.0, ">= 0"), ("V_m", slice(None), np.zeros((4, 2)), "shape"),
    ],
)  # fmt: skip
def test_a_bad_state_changes_nothing(state: str, index: Any, value: Any, rule: str) -> None:
    cells = make().population(4, sl.LIFCond(), name="cells")
    before = np.asarray(getattr(cells, state))
    with pytest.raises((TypeError, ValueError), match=rf"cells\.{state}: .*{rule}"):
        getattr(cells, state)[index] = value
    np.testing.assert_array_equal(getattr(cells, state), before)


def test_a_state_can_only_be_copied() -> None:
    v = make().population(2, sl.LIF()).V_m
    copied = np.asarray(v)
    copied[:] = 0.0
    np.testing.assert_array_equal(v, [-70.0, -70.0])
    with pytest.raises(ValueError, match="copy"):
        v.__array__(copy=False)  # as np.asarray(v, copy=False) calls it from numpy 2 on
    assert "LIF0.V_m" in repr(v)


# Parameters


def test_a_part_does_not_change_the_reset_of_the_others() -> None:
    cells = make().population(4, sl.LIF())
    with pytest.raises(ValueError, match=r"^part of LIF0: reset is of the whole population"):
        cells[:2].reset = "subtract"
    with pytest.raises(ValueError, match="reset is of the whole population"):
        cells[:2].set(tau_m=5.0, reset="subtract")
    assert cells.reset == "zero"
    assert (cells[:2].tau_m, cells[:2].reset) == (10.0, "zero")
    cells[:2].set(tau_m=5.0, reset="zero")  # as it is
    cells[:].reset = "subtract"
    assert cells.reset == "subtract"


def test_parameters_are_read_and_set() -> None:
    cells = make().population(4, sl.LIF(tau_m=15.0), name="cells")
    assert cells.tau_m == 15.0
    cells.set(tau_m=[10.0, 11.0, 12.0, 13.0], I_e=5.0)
    np.testing.assert_array_equal(cells.tau_m, [10.0, 11.0, 12.0, 13.0])
    part = cells[[3, 0]]
    part.I_e = [1.0, 2.0]
    np.testing.assert_array_equal(cells.I_e, [2.0, 5.0, 5.0, 1.0])
    np.testing.assert_array_equal(part.I_e, [1.0, 2.0])
    assert part.V_th == -55.0
    cells.reset = "subtract"
    assert cells.model.reset == part.model.reset == "subtract"
    with pytest.raises(ValueError, match=r"reset.*zero.*subtract"):
        cells.reset = "none"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("model", [*MODELS, sl.AdEx])
def test_what_changes_between_runs_acts_as_if_everything_was_set_anew(
    model: Any, dtype: str
) -> None:
    rng, n = np.random.default_rng(3), 70
    nets = [make(dtype=dtype) for _ in range(2)]
    cells = [net.population(n, model()) for net in nets]
    records = [
        (net.record(c, "spikes"), net.record(c, "V_m")) for net, c in zip(nets, cells, strict=True)
    ]
    names = [name for name in cells[0].parameters if name not in ("reset", "tau_theta")]
    for _ in range(60):
        part = rng.permutation(n)[:30] if rng.random() < 0.3 else np.arange(n)
        for name in rng.choice(names, 2, replace=False):
            usual = {"I_e": 400.0, "theta_plus": 0.5}.get(name, getattr(model(), name))
            spread = rng.uniform(0.99, 1.01, None if rng.random() < 0.4 else len(part))
            for c in cells:
                (c if len(part) == n else c[part]).set(**{name: usual * spread})
        values = {name: getattr(cells[1], name) for name in cells[1].parameters}
        anew = {k: np.array(v) if np.ndim(v) else v for k, v in values.items()}
        cells[1].set(**{k: v * 1.0 if type(v) is float else v for k, v in anew.items()})
        for net in nets:
            net.run(1.0)
        np.testing.assert_array_equal(cells[0].V_m, cells[1].V_m)
    (spikes, v), (expected_spikes, expected) = records
    np.testing.assert_array_equal(v.values, expected.values)
    np.testing.assert_array_equal(spikes.times, expected_spikes.times)
    assert np.ptp(v.values) > 1.0


def test_a_current_for_each_neuron_that_changes_every_ms_follows_the_closed_form() -> None:
    rng, n = np.random.default_rng(4), 100
    net = make()
    tau = rng.uniform(5.0, 30.0, n)
    cells = net.population(n, sl.LIF(V_th=1e3, tau_m=tau))
    expected = np.full(n, -70.0)
    for k in range(20):
        current = rng.uniform(-500.0, 500.0, n)
        if k % 3 == 2:
            current[:40] = cells.I_e[:40]
            cells[40:].I_e = current[40:]
        else:
            cells.I_e = current
        net.run(1.0)
        rest = -70.0 + tau / 250.0 * current
        expected = rest + (expected - rest) * np.exp(-1.0 / tau)
        np.testing.assert_allclose(cells.V_m, expected, rtol=1e-12)


def test_a_change_that_was_interrupted_is_made_up_for_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = make()
    cells = net.population(3, sl.LIF(V_th=1e3))
    set_in = sl.LIF.set_in

    def interrupted(*args: Any, **options: Any) -> None:
        set_in(*args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sl.LIF, "set_in", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cells.I_e = 400.0
    assert cells.I_e == 0.0
    cells.t_ref = 3.0  # the core has the parameters that are shown again
    net.run(5.0)
    np.testing.assert_array_equal(cells.V_m, -70.0)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"tau_m": -1.0}, "tau_m.*> 0"), ({"V_th": -80.0}, "V_reset.*below V_th"),
        ({"I_e": [1.0, 2.0]}, "4"), ({"C_m": 1.0, "tau_m": np.nan}, "tau_m.*NaN"),
    ],
)  # fmt: skip
def test_a_bad_parameter_changes_nothing(changes: Any, rule: str) -> None:
    cells = make().population(4, sl.LIF(), name="cells")
    before = repr(cells)
    with pytest.raises(ValueError, match=rf"(?s)(LIF|cells).*{rule}"):
        cells.set(**changes)
    assert repr(cells) == before
    with pytest.raises(ValueError, match=r"cells: I_e.*\(3,\)"):
        cells[:2].I_e = [1.0, 2.0, 3.0]
    assert repr(cells) == before


@pytest.mark.parametrize(
    ("drawn", "numpys"),
    [
        (sl.Normal(20.0, 1.0), r"rng.normal\(20, 1, n\)"),
        (sl.Uniform(1.0, 2.0), r"rng.uniform\(1, 2, n\)"),
        (sl.LogNormal(1.0, 0.5), r"rng.lognormal\(1, 0.5, n\)"),
        (sl.Exponential(3.0, clip=(1.0, 5.0)), r"rng.exponential\(3, n\)"),
    ],
)
def test_a_distribution_as_a_parameter_names_the_way_out(drawn: Any, numpys: str) -> None:
    """States are drawn, parameters are not."""
    cells = make().population(4, sl.LIF())
    message = (
        rf"LIF: I_e must be a number or an array of numbers, got .*draw n numbers with {numpys}"
    )
    with pytest.raises(TypeError, match=message):
        cells.I_e = drawn
    with pytest.raises(TypeError, match=f"LIF: tau_m must be .*{numpys} of numpy"):
        sl.LIF(tau_m=drawn)
    with pytest.raises(TypeError, match=r"number or an array of numbers, got None$"):
        sl.LIF(tau_m=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "known"), [("V", "V_m"), ("tau", "tau_m"), ("rate", "I_e")])
def test_unknown_names_are_refused_with_a_list_of_known_ones(name: str, known: str) -> None:
    cells = make().population(2, sl.LIF(), name="cells")
    with pytest.raises(AttributeError, match=rf"cells \(LIF\) has no '{name}'.*{known}"):
        getattr(cells, name)
    with pytest.raises(AttributeError, match=rf"no '{name}'.*{known}"):
        setattr(cells, name, 1.0)
    with pytest.raises(AttributeError, match=rf"no '{name}'.*{known}"):
        cells.set(**{name: 1.0})


@pytest.mark.parametrize("name", ["size", "ids", "model", "whole"])
def test_what_is_fixed_cannot_be_set(name: str) -> None:
    cells = make().population(2, sl.LIF(), name="cells")
    with pytest.raises(AttributeError, match="cells"):
        setattr(cells, name, 3)


# Parts


@pytest.mark.parametrize(
    "part",
    [
        slice(2, 5),
        slice(None),
        slice(None, None, -3),
        slice(-4, 99),
        slice(7, 2),
        slice(np.int64(3)),
    ],
)
def test_slices_are_those_of_arrays(part: slice) -> None:
    found = make().population(10, sl.LIF())[part].ids
    assert found.dtype == np.uint32
    np.testing.assert_array_equal(found, np.arange(10)[part])


@pytest.mark.parametrize(
    "index",
    [
        0, 299, -1, -300, np.int64(7), np.int8(-3), np.array(5), np.uint64(8), [3], [-1, 4, 0], range(2, 9, 3),
        np.array([5, -7, 100], np.int8), np.array([299, 1], np.uint64), np.array([2, 0], np.uint8), np.arange(300) % 7 == 2,
        [], (0,),
    ],
    ids=repr,
)  # fmt: skip
def test_parts_are_those_of_an_array_of_ids(index: Any) -> None:
    cells = make().population(300, sl.LIF())
    expected = np.atleast_1d(np.arange(300)[index])
    part = cells[index]
    np.testing.assert_array_equal(part.ids, expected)
    assert not part.whole
    assert len(part) == len(expected)
    if len(expected) > 1:  # of a part
        np.testing.assert_array_equal(part[-1].ids, expected[-1:])
        np.testing.assert_array_equal(part[[1, 0]].ids, expected[[1, 0]])


@pytest.mark.parametrize(
    "index", [True, False, (1, 2), 1.0, [1.0], [[1]], None, "1", [0, 300], [-301], -301, 300]
)
def test_what_is_no_array_of_ids_is_an_error(index: Any) -> None:
    cells = make().population(300, sl.LIF())
    with pytest.raises((TypeError, IndexError)):
        cells[index]


def test_parts_of_parts() -> None:
    cells = make().population(10, sl.LIF(), name="cells")
    assert cells.whole
    assert len(cells[::2]) == 5
    np.testing.assert_array_equal(cells[::2][[3, 1]].ids, [6, 2])
    np.testing.assert_array_equal(cells[-1].ids, [9])
    np.testing.assert_array_equal(cells[np.arange(10) > 7].ids, [8, 9])
    assert len(cells[[]]) == len(cells[3:3]) == 0
    part = cells[2:4]
    assert part.size == 10
    assert not part.whole
    assert "2 of 10" in repr(part)
    assert "cells: 10" in repr(cells)


@pytest.mark.parametrize("index", [10, -11, [3, 10], np.ones(9, dtype=bool), 1.5, "a"])
def test_a_part_out_of_range(index: Any) -> None:
    with pytest.raises(IndexError, match="cells"):
        make().population(10, sl.LIF(), name="cells")[index]


def test_a_part_names_no_element_twice() -> None:
    with pytest.raises(ValueError, match=r"cells.*twice"):
        make().population(10, sl.LIF(), name="cells")[[1, 2, 1]]


# Quantities


@pytest.mark.parametrize("kind", [Quantity, PintQuantity])
def test_quantities_are_converted(kind: Any) -> None:
    net = make()
    model = sl.LIF(tau_m=kind(0.02, "s"), V_th=kind(-0.05, "V"), I_e=kind([0.1, 0.2], "nA"))
    assert model.tau_m == pytest.approx(20.0)
    assert model.V_th == pytest.approx(-50.0)
    cells = net.population(2, model)
    np.testing.assert_allclose(cells.I_e, [100.0, 200.0])
    cells.V_m[:] = kind(-0.06, "V")
    np.testing.assert_allclose(cells.V_m, [-60.0, -60.0])
    pre = net.population(2, sl.PoissonSource(kind(1.0, "kHz")))
    assert pre.rate == 1000.0
    p = net.connect(
        pre, cells, sl.AllToAll(), weight=kind(0.001, "nA"), delay=kind(0.002, "s"),
        plasticity=sl.STDP(tau_plus=kind(0.02, "s"), tau_minus=kind(30.0, "ms")),
    )  # fmt: skip
    np.testing.assert_allclose(p.weights, 1.0)
    np.testing.assert_allclose(p.delays, 2.0)
    assert p.plasticity is not None
    assert p.plasticity.tau_plus == pytest.approx(20.0)
    given = sl.SpikeSource(kind([0.001, 0.002], "s"), [0, 0])
    np.testing.assert_allclose(given.times, [1.0, 2.0])
    net.run(kind(0.01, "s"))
    assert net.t == 10.0
    values = net.record(cells, "V_m", every=kind(0.001, "s"))
    net.run(2.0)
    np.testing.assert_allclose(values.times, [11.0, 12.0])
    assert sl.Network(dt=kind(0.0001, "s")).dt == pytest.approx(0.1)


def test_quantities_that_are_arrays_are_converted() -> None:
    pq = pytest.importorskip("quantities")
    net = make()
    cells = net.population(2, sl.LIF(I_e=np.array([0.1 * pq.nA, 200.0 * pq.pA], dtype=object)))
    np.testing.assert_allclose(cells.I_e, [100.0, 200.0])
    drive = net.inject(cells, sl.PoissonInput(rate=8000.0, weight=0.035 * pq.nA))
    assert drive.weight == pytest.approx(35.0)
    with pytest.raises((TypeError, ValueError), match="weight"):
        net.inject(cells, sl.PoissonInput(rate=8000.0, weight=35.0 * pq.mV))


def test_quantities_of_a_part_are_converted() -> None:
    cells = make().population(3, sl.LIF())
    cells[:2].tau_m = Quantity([0.02, 0.03], "s")
    np.testing.assert_allclose(cells.tau_m, [20.0, 30.0, 10.0])


@pytest.mark.parametrize("value", [1.0, np.array([1.0, 2.0])])
def test_quantities_of_an_input_are_converted(value: Any) -> None:
    what = sl.PoissonInput(rate=Quantity(1.0, "kHz"), weight=Quantity(value, "nA"))
    net = make()
    cells = net.population(2, sl.LIF(V_th=1e6))
    net.inject(cells, what)
    net.run(5.0)
    assert np.all(cells.I_syn_ex[:] > 100.0)


def test_a_quantity_of_another_kind_is_an_error() -> None:
    with pytest.raises((TypeError, ValueError), match=r"LIF.*tau_m.*V"):
        sl.LIF(tau_m=Quantity(1.0, "V"))


def test_a_slice_of_a_state_cannot_be_changed_without_effect() -> None:
    net = make()
    cells = net.population(4, sl.LIF(), name="E")
    cells.V_m[:2] += 3.0
    cells.V_m[[2]] = -60.0
    np.testing.assert_array_equal(cells.V_m, [-67.0, -67.0, -60.0, -70.0])
    for change in (
        lambda: cells.V_m[:2].__setitem__(0, 1.0), lambda: cells.V_m.fill(1.0), cells.V_m.sort,
        lambda: cells.ids.__setitem__(0, 2),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"read-only|in one step|another part"):
            change()
    own = cells.V_m[:] + 1
    own[0] = 3
    np.testing.assert_array_equal(cells.V_m, [-67.0, -67.0, -60.0, -70.0])


def test_items_of_parameters_cannot_be_changed_without_effect() -> None:
    net = make()
    cells = net.population(4, sl.LIF(I_e=np.zeros(4)), name="E")
    source = net.population(4, sl.PoissonSource([1.0, 2.0, 3.0, 4.0]))
    for change in (
        lambda: cells.I_e.__setitem__(0, 1.0), lambda: cells[:2].I_e.__setitem__(0, 1.0),
        lambda: source[:2].rate.__setitem__(0, 9.0),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="assign a whole array"):
            change()
    cells.I_e += 1.0
    cells[:2].I_e *= 3.0
    source[1:3].rate *= 2.0
    np.testing.assert_array_equal(cells.I_e, [3.0, 3.0, 1.0, 1.0])
    np.testing.assert_array_equal(source.rate, [1.0, 4.0, 6.0, 4.0])


def test_a_part_of_a_source_has_the_spikes_of_the_whole() -> None:
    net = make()
    given = net.population(3, sl.SpikeSource([1.0, 2.0], [0, 2]), name="given")
    np.testing.assert_array_equal(given[2:].times, [1.0, 2.0])
    with pytest.raises(ValueError, match="part of given: times is of the whole population"):
        given[:1].set(times=[3.0], ids=[0])
    np.testing.assert_array_equal(given.times, [1.0, 2.0])


@pytest.mark.parametrize("index", [None, True, (0, 1), np.zeros((2, 2), int), "a", 1.5, 9])
def test_what_names_no_elements_is_refused(index: object) -> None:
    cells = make().population(4, sl.LIF(), name="E")
    with pytest.raises((TypeError, IndexError), match="E: "):
        cells[index]


@pytest.mark.parametrize(
    "value", ["-65", None, True, 1j, [1.0, "a"], np.ma.array([1.0] * 4, mask=[0, 1, 0, 0])]
)
def test_states_take_numbers_only(value: object) -> None:
    cells = make().population(4, sl.LIF(), name="E")
    with pytest.raises(TypeError, match=r"E\.V_m: value must be a number"):
        cells.V_m = value
    assert (cells.V_m == -70.0).all()


def test_the_name_is_fixed() -> None:
    cells = make().population(4, sl.LIF(), name="E")
    with pytest.raises(
        AttributeError, match=r"E: name cannot be set: .*net\.population\(name=\.\.\.\)"
    ):
        cells.name = "x"
    with pytest.raises(AttributeError, match="E: name cannot be deleted"):
        del cells.name
    with pytest.raises(AttributeError, match=r"E: model cannot be set: set its parameters"):
        cells.model = sl.LIF()


@pytest.mark.parametrize("name", ["rate", "rates", "counts"])
def test_spikes_are_asked_of_a_recorder(name):
    net = sl.Network()
    with pytest.raises(AttributeError, match=rf"'{name}'; record spikes: net\.record"):
        getattr(net.population(3, sl.LIF()), name)
    assert net.population(3, sl.PoissonSource(2.0)).rate == 2.0  # a parameter of sources


def test_a_state_copies_and_pickles_as_an_array():
    net = sl.Network()
    cells, more = net.population(3, sl.LIF(E_L=-60.0)), net.population(2, sl.LIF(E_L=-65.0))
    for state in (cells.V_m, cells[1:].V_m, (cells + more).V_m):
        before = np.array(state)
        copies = [
            copy.copy(state),
            copy.deepcopy({"v": state})["v"],
            pickle.loads(pickle.dumps(state)),
        ]
        state[:] = -70.0
        for values in copies:
            assert type(values) is np.ndarray
            np.testing.assert_array_equal(values, before)
        state[:] = before


def test_no_neurons_may_have_arrays_of_parameters():
    net = make()
    cells = net.population(0, sl.LIF(V_th=np.array([]), tau_m=np.array([])))
    net.run(1.0)
    cells.V_th = np.array([])
    assert len(cells.V_m) == 0


def test_items_of_a_parameter_that_all_share_cannot_be_set() -> None:
    cells = make().population(3, sl.LIF(I_e=2.0))
    with pytest.raises(ValueError, match="assign a whole array"):
        cells.I_e[0] = 5
    cells.I_e *= 2
    assert cells.I_e == 4.0
