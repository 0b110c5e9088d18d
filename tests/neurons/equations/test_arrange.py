"""Arranged expressions have the values of those they were made from, and fewer operations."""

from __future__ import annotations

from collections.abc import Container

import numpy as np
import pytest
from tests.neurons.equations.test_program import FIXED, random_expressions

from spikelet.neurons.equations.arrange import Arranger
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import Call, Expr, Name, Number, call, nodes
from spikelet.neurons.equations.linear import NOT_REFRACTORY

X, Y, A, B = map(Name, "xyab")
VALUES = {
    "x": np.linspace(-1, 1, 7), "y": np.linspace(2, 3, 7), "z": -0.4, "a": 0.5, "b": -2.0, "dt": 0.1, "t": 3.0,
    "external current": 0.3, "not_refractory": True,
}  # fmt: skip


def operations(arranger: Arranger, expr: Expr) -> list[str]:
    """Return what has to be computed in each step."""
    found, stack = set[Call](), [expr]
    while stack:
        node = stack.pop()
        if isinstance(node, Call) and not arranger.is_fixed(node):
            found.add(node)
            stack.extend(node.args)
    return sorted(n.op for n in found)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (A * X * B, ["mul"]),
        (X / A, ["mul"]),
        (A / X, ["div"]),
        (A / (B * X), ["div"]),
        (A / X / B, ["div", "mul"]),
        (-(X * A) * Y / B, ["mul", "mul"]),
        (X + A + B, ["add"]),
        (X - A - B, ["add"]),
        (X + A - (B + 1.0), ["add"]),
        ((X * A) / (Y * B), ["div", "mul"]),
        (call("exp", (X - A) / B), ["exp", "mul", "sub"]),
        (call("exp", A) * X, ["mul"]),
        (X**3.0, ["mul", "mul"]),
        (X**4.0, ["mul", "mul"]),
        (X**-1.0, ["div"]),
        (X**0.5, ["sqrt"]),
        (X**A, ["pow"]),
        (X**2.5, ["pow"]),
        (X**100.0, ["pow"]),
        (X * 1.0, []),
        (call("select", call("lt", A, B), X, Y), ["lt", "select"]),
        (call("select", call("lt", A, B), A, B) * X, ["mul"]),
    ],
    ids=str,
)
def test_operations_of_rates(expr: Expr, expected: list[str]) -> None:
    arranger = Arranger(FIXED)
    arranged = arranger.rate(expr)
    assert operations(arranger, arranged) == expected
    np.testing.assert_allclose(evaluate(arranged, VALUES), evaluate(expr, VALUES), rtol=1e-15)


def test_what_is_written_stays() -> None:
    arranger = Arranger(FIXED)
    expr = call("floor", X / A) * B * X + A + B
    assert arranger.as_written(expr) is expr
    assert arranger.rate(expr) is not expr


def test_a_condition_is_known_within_its_branches() -> None:
    arranger = Arranger(FIXED)
    inner = call("select", NOT_REFRACTORY, X, Y)
    twice = call("select", NOT_REFRACTORY, inner, Y * A)
    assert arranger.as_written(twice) is call("select", NOT_REFRACTORY, X, Y * A)
    other = Call("select", (call("not", NOT_REFRACTORY), A * Y, inner))
    assert arranger.rate(other) is call("select", NOT_REFRACTORY, X, Y * A)


def test_random_numbers_are_not_constant() -> None:
    arranger = Arranger(FIXED)
    rand = Call("rand", (Number(0),))
    assert not arranger.is_fixed(rand)
    assert not arranger.is_fixed(rand * A)
    assert arranger.is_fixed(call("exp", Number(1.0)))
    assert not arranger.is_fixed(call("lt", A, B))  # a mask is no coefficient


@pytest.mark.parametrize("seed", range(100))
def test_values_stay(seed: int) -> None:
    rng = np.random.default_rng(seed)
    arranger = Arranger(FIXED)
    for expr in random_expressions(rng, 12):
        expected = evaluate(expr, VALUES)
        np.testing.assert_array_equal(evaluate(arranger.as_written(_without_powers(expr)), VALUES),
                                      evaluate(_without_powers(expr), VALUES))  # fmt: skip
        if any(isinstance(n, Call) and n.op in ("floor", "ceil", "sign", "mod", "eq", "ne", "lt", "le", "tan", "pow")
               for n in nodes(expr)):  # fmt: skip
            continue  # they may depend on the last bit
        np.testing.assert_allclose(
            evaluate(arranger.rate(expr), VALUES), expected, rtol=1e-9, atol=1e-12
        )


def _without_powers(expr: Expr) -> Expr:
    """Return an expression in which powers, which become products, are sums."""
    new: dict[Expr, Expr] = {}
    for node in nodes(expr):
        if isinstance(node, Call):
            args = [new[a] for a in node.args]
            new[node] = call("add" if node.op == "pow" else node.op, *args)
        else:
            new[node] = node
    return new[expr]


def test_work_is_proportional_to_the_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    visits = 0

    def counted(*roots: Expr, **known: Container[Expr]) -> list[Expr]:
        nonlocal visits
        found = nodes(*roots, **known)
        visits += len(found)
        return found

    monkeypatch.setattr("spikelet.neurons.equations.arrange.nodes", counted)
    expr: Expr = X
    for _ in range(300):
        expr = expr * expr + call("sin", expr)
    Arranger(FIXED).rate(expr)
    assert visits < 20 * len(nodes(expr))
