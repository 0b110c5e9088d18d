"""Branches that parameters decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.neurons.equations.branches import taken
from spikelet.neurons.equations.expression import Call, Expr, Name, Number, call

A, B, V = Name("a"), Name("b"), Name("v")
QUOTIENT = call("div", B, A)
ZERO_A = call("eq", A, 0.0)


def used(*roots: Expr, **values: Any) -> list[bool]:
    return taken(roots, values)[QUOTIENT].tolist()


def test_a_branch_that_no_neuron_takes_does_not_count() -> None:
    x = call("select", ZERO_A, V, call("mul", QUOTIENT, V))
    assert used(x, a=0.0, b=3.0) == [False]
    assert used(x, a=2.0, b=3.0) == [True]
    assert used(x, a=np.array([0.0, 2.0]), b=3.0) == [False, True]
    assert used(x, QUOTIENT, a=0.0, b=3.0) == [True]
    assert used(call("add", x, QUOTIENT), a=0.0, b=3.0) == [True]
    inner = call("select", call("lt", V, 1.0), x, 0.0)
    assert used(inner, a=0.0, b=3.0) == [False]
    assert used(inner, a=2.0, b=3.0) == [True]


def test_conditions_of_states_may_be_true_or_false() -> None:
    below = call("lt", V, 1.0)
    not_zero = call("not", ZERO_A)
    for condition, with_0, without in [
        (below, True, True),
        (call("and", not_zero, below), False, True),
        (call("and", below, not_zero), False, True),
        (call("or", not_zero, below), True, True),
        (call("or", call("and", not_zero, below), call("lt", B, A)), False, True),
        (call("lt", Call("rand", (Number(0.0),)), 0.5), True, True),
    ]:
        assert used(call("select", condition, QUOTIENT, V), a=0.0, b=3.0) == [with_0]
        assert used(call("select", condition, QUOTIENT, V), a=2.0, b=3.0) == [without]
    other = call("select", call("and", ZERO_A, call("lt", B, 9.0)), V, QUOTIENT)
    assert used(other, a=0.0, b=3.0) == [False]
    assert used(other, a=0.0, b=9.0) == [True]


def run(rate: str, a: Any, **options: Any) -> list[float]:
    eq = sl.Equations(f"dv/dt = ({rate})/(10*ms) : mV", parameters={"a": 0.0, "b": 3.0}, **options)
    net = sl.Network(dt=0.1, seed=1, dtype="float64")
    cells = net.population(2, eq(a=a))
    cells.v = [1.0, 2.0]
    net.run(20.0)
    return list(cells.v)


@pytest.mark.parametrize(
    "method", ["euler", "rk2", "rk4", "heun", "exponential_euler", "exponential_midpoint"]
)
def test_a_quotient_behind_a_condition_may_divide_by_zero(method: str) -> None:
    square = "-v*v/mV"
    with_0 = run(f"where(a == 0, 0*mV, b/a*{square})", 0.0, method=method)
    np.testing.assert_array_equal(with_0, [1.0, 2.0])
    mixed = run(f"where(a == 0, v, b/a*mV) {square}", [0.0, 2.0], method=method)
    plain = [
        run(f"v {square}", 0.0, method=method)[0],
        run(f"1.5*mV {square}", 0.0, method=method)[1],
    ]
    np.testing.assert_allclose(mixed, plain, rtol=1e-5)


def test_a_quotient_that_counts_must_be_finite() -> None:
    for rate in ("b/a*v*v/mV", "where(v > 1*mV, b/a*v, v*v/mV)", "where(a == 0, b/a*v, v*v/mV)"):
        with pytest.raises(ValueError, match=r"b/a.* must be finite, .*is one of them zero"):
            run(rate, 0.0)
    with pytest.raises(ValueError, match=r"b/a.* must be finite of neuron 1"):
        run("where(v > 1*mV, b/a*v, v*v/mV)", [2.0, 0.0])
