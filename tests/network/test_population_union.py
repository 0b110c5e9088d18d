"""Unions: elements, states and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl


def three() -> tuple[sl.Network, Any, Any, Any]:
    net = make()
    E = net.population(4, sl.LIF(I_e=300.0), name="E")
    I = net.population(3, sl.LIFCond(I_e=300.0, V_th=-50.0), name="I")
    S = net.population(2, sl.PoissonSource(10.0), name="S")
    return net, E, I, S


def ids(union: sl.Population) -> list[tuple[str, list[int]]]:
    return [(part.name, part.ids.tolist()) for part in union.parts]


def test_elements_are_numbered_through_the_parts() -> None:
    _, E, I, S = three()
    U = E + I[1:] + S
    assert U.name == "E + I + S"
    assert len(U) == 8
    assert U.ids.tolist() == list(range(8))
    assert ids(U) == [("E", [0, 1, 2, 3]), ("I", [1, 2]), ("S", [0, 1])]
    assert ids(sum([E, I])) == ids(E + I) == ids(E.network.join(E, I))  # type: ignore[arg-type, comparison-overlap]
    assert ids((E + I) + S) == ids(E + (I + S))


def test_parts_of_a_union() -> None:
    _, E, I, _ = three()
    U = E + I
    assert ids(U[2:5]) == [("E", [2, 3]), ("I", [0])]
    assert ids(U[5]) == [("I", [1])]
    assert ids(U[[6, 4, 0]]) == [("I", [2, 0]), ("E", [0])]
    assert ids(U[::-1]) == [("I", [2, 1, 0]), ("E", [3, 2, 1, 0])]
    assert ids(U[np.arange(7) % 2 == 0]) == [("E", [0, 2]), ("I", [0, 2])]
    assert ids(U[1:6][1:3]) == [("E", [2, 3])]
    assert len(U[:0]) == 0


def test_states_read_and_write_like_those_of_a_population() -> None:
    _, E, I, _ = three()
    U = E + I
    assert U.states == ("V_m", "theta")
    U.V_m = np.arange(-70.0, -63.0)
    assert np.asarray(E.V_m).tolist() == [-70, -69, -68, -67]
    assert np.asarray(I.V_m).tolist() == [-66, -65, -64]
    U.V_m[3:5] = -60.0
    U.V_m[5:] += 1.0
    assert np.asarray(U.V_m).tolist() == [-70, -69, -68, -60, -60, -64, -63]
    assert float(U[6].V_m) == float(I[2].V_m) == -63.0
    assert U.V_m.max() == -60.0
    U[::-1].V_m = np.arange(7.0)
    assert np.asarray(U.V_m).tolist() == [6, 5, 4, 3, 2, 1, 0]
    U.V_m = sl.Normal(-60.0, 1.0)
    assert len(np.unique(U.V_m)) == 7


def test_parameters_are_shared_or_by_element() -> None:
    _, E, I, _ = three()
    U = E + I
    assert U.I_e == 300.0
    assert np.asarray(U.V_th).tolist() == [-55.0] * 4 + [-50.0] * 3
    U.I_e = np.arange(7.0)
    assert E.I_e.tolist() == [0, 1, 2, 3]
    assert I.I_e.tolist() == [4, 5, 6]
    U.set(I_e=5.0, t_ref=1.0)
    assert (U.I_e == 5.0).all() if np.ndim(U.I_e) else U.I_e == 5.0
    assert (E.t_ref, I.t_ref) == (1.0, 1.0)
    (E[:1] + I + E[2:]).I_e = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    assert E.I_e.tolist() == [10, 5, 50, 60]
    assert I.I_e.tolist() == [20, 30, 40]


def test_tab_completion() -> None:
    _, E, I, _ = three()
    assert {"V_m", "I_e", "I_syn_ex", "set"} <= set(dir(E))
    assert {"V_m", "I_e", "parts"} <= set(dir(E + I))
    assert "I_syn_ex" not in dir(E + I)


def test_positions() -> None:
    net = make()
    a = net.population(2, sl.LIF(), positions=[[0.0, 1.0], [2.0, 3.0]])
    b = net.population(1, sl.LIF(), positions=[[4.0, 5.0]])
    assert (b + a).positions.tolist() == [[4, 5], [0, 1], [2, 3]]


def test_mistakes() -> None:
    net, E, I, S = three()
    other = make().population(1, sl.LIF(), name="other")
    U = E + I
    for call, error, text in (
        (lambda: E + E, ValueError, "E 0 is in two"),
        (lambda: U + E[3:], ValueError, "E 3 is in two"),
        (lambda: E + 3, TypeError, "part must be a population"),
        (lambda: E + other, ValueError, "must belong to the same network"),
        (lambda: U[7], IndexError, "out of bounds"),
        (lambda: U[[0, 5, 1]], ValueError, "of each population together"),
        (lambda: U[[0, 0]], ValueError, "not name an element twice"),
        (lambda: U.I_syn_ex, AttributeError, "has no 'I_syn_ex'; did you mean"),
        (lambda: U.Ve, AttributeError, "all of its parts have: V_m, theta"),
        (lambda: setattr(U, "parts", ()), AttributeError, "make another union"),
        (lambda: setattr(U, "colour", 1), AttributeError, "has no 'colour'"),
        (lambda: setattr(U, "I_e", [1.0, 2.0]), ValueError, "one number or 7 numbers"),
        (lambda: setattr(U, "V_m", [1.0, 2.0]), ValueError, r"numbers of shape \(7,\)"),
        (lambda: setattr(U, "V_th", -80.0), ValueError, "V_reset must lie below"),
        (lambda: delattr(U, "V_m"), AttributeError, "cannot be deleted"),
        (lambda: (U + S).rate, AttributeError, r"has no 'rate' \(its parts have none in common\)"),
        (lambda: float(U.V_m), TypeError, "has 7 values"),
    ):
        with pytest.raises(error, match=text):
            call()
    assert len(net.populations) == 3


def test_a_change_that_one_part_refuses_changes_none() -> None:
    _, E, I, _ = three()
    I.V_reset = -60.0
    with pytest.raises(ValueError, match="V_reset must lie below V_th = -65"):
        (E + I).set(V_th=-65.0)  # E, whose V_reset is -70, would take it
    assert E.V_th == -55.0


def test_a_sum_looks_at_each_population_a_few_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is made in a time in proportion to the number of populations."""
    looks = 0

    def index(population: sl.Population) -> int:
        nonlocal looks
        looks += 1
        return int(vars(population)["index"])

    net = make()
    whole = [net.population(2, sl.LIF()) for _ in range(60)]
    parts = [*whole[:30], *(half for one in whole[30:] for half in (one[:1], one[1:]))]
    monkeypatch.setattr(sl.Population, "index", property(index), raising=False)
    assert len(sum(parts)) == 120  # type: ignore[arg-type]
    assert len(net.join(*parts)) == 120
    assert 2 * len(parts) <= looks <= 6 * len(parts)


def test_a_union_does_not_change_when_others_are_made_of_it() -> None:
    net = make()
    E, I = net.population(4, sl.LIF(), name="E"), net.population(3, sl.LIF(), name="I")
    first = E[:1] + I
    for _ in range(2):
        assert ids(first + E[1:2]) == [("E", [0]), ("I", [0, 1, 2]), ("E", [1])]
        with pytest.raises(ValueError, match="must not share elements, but E 0 is in two"):
            _ = first + E[:2]
        with pytest.raises(ValueError, match="must not share elements, but I 2 is in two"):
            _ = first + I[2:]
        with pytest.raises(ValueError, match="must not share elements, but E 0 is in two"):
            _ = first + first
    assert ids(first) == [("E", [0]), ("I", [0, 1, 2])]
