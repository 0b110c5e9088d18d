from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.expressions import NAMES, SMOOTH, Tree, expr_of, rational, trees, value_of

from spikelet.neurons.equations.calculus import affine_in, derivative
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import (
    OPERATIONS,
    TRUE,
    ZERO,
    Call,
    Expr,
    Name,
    Number,
    call,
    count,
    nodes,
    to_text,
)

x, y, z = (Name(n) for n in NAMES)
DIFFERENTIABLE = ("add", "sub", "mul", "div", "neg", "pow", "abs", "min", "max", "select", *SMOOTH)
EXACT_LINEAR = ("add", "sub", "mul", "div", "neg", "select")
STEP = 1e-30  # of the imaginary part: too small to change the real one
values = st.tuples(*[st.floats(-4, 4)] * 3)


@settings(max_examples=150, deadline=None)
@given(trees(numeric=DIFFERENTIABLE, boolean=("lt", "le", "and", "not")), values)
def test_derivative_is_that_of_a_complex_step(tree: Tree, at: tuple[float, ...]) -> None:
    known = dict(zip(NAMES, at, strict=True))
    try:
        stepped = value_of(tree, {**known, "x": complex(known["x"], STEP)})
        real = complex(stepped).real
        slope = complex(stepped).imag / STEP
    except (ArithmeticError, ValueError):
        assume(False)
    found = float(evaluate(derivative(expr_of(tree), "x"), known))
    # On the cut of a logarithm or a root, an expression has no real value and the complex one goes on.
    parts = [evaluate(node, known) for node in nodes(expr_of(tree))]
    assume(math.isfinite(found) and np.isfinite(parts).all())
    assume(abs(real) < 1e6 and abs(slope) < 1e6)
    assert found == pytest.approx(slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("op", [op for op, kind in OPERATIONS.items() if kind == "n>n"])
def test_derivative_of_each_function(op: str) -> None:
    """Against central differences of numpy's function, which are good to 1e-9."""
    if op in ("rand", "randn"):
        assert derivative(Call(op, (ZERO,)) * 3, "x") is ZERO
        return
    at = np.array([0.15, 0.4, 0.81])
    expr = call(op, x * x)
    if op in ("floor", "ceil", "sign"):
        with pytest.raises(
            ValueError, match=f"{op}\\(x\\*x\\) has no derivative with respect to x"
        ):
            derivative(expr, "x")
        return
    h = 1e-6
    expected = (evaluate(expr, {"x": at + h}) - evaluate(expr, {"x": at - h})) / (2 * h)
    np.testing.assert_allclose(evaluate(derivative(expr, "x"), {"x": at}), expected, rtol=1e-8)


def test_derivative_of_exprel_near_zero() -> None:
    """The series of ((x - 1)*exp(x) + 1)/x**2, which loses all digits there."""
    at = np.array([0.0, 1e-300, -1e-8, 1e-3, 0.0199, 0.0201, -0.5, 1.5])
    k = np.arange(40)
    factorials = np.array([math.factorial(n + 2) for n in range(40)], dtype=float)
    series = ((k + 1) / factorials * at[:, None] ** k).sum(axis=1)
    found = evaluate(derivative(call("exprel", x), "x"), {"x": at})
    np.testing.assert_allclose(found, series, rtol=2e-13)


@pytest.mark.parametrize(
    ("expr", "slope"),
    [
        (x * x * y, "y*(x + x)"),
        (x**3, "3*x**2"), (y**x, "y**x*log(y)"), (x / y, "1/y"), (y / x, "-(y/x/x)"), (y * 3, "0"),
        (call("abs", x), "where(x < 0, -1, 1)"), (call("min", x, y), "where(x < y, 1, 0)"),
        (call("max", x, y), "where(y < x, 1, 0)"), (call("select", call("lt", x, 0), y * x, x), "where(x < 0, y, 1)"),
        (call("exp", -x / y), "exp(-x/y)*(-1/y)"),
    ],
    ids=lambda v: to_text(v) if not isinstance(v, str) else "",
)  # fmt: skip
def test_derivatives_in_text(expr, slope: str) -> None:  # type: ignore[no-untyped-def]
    assert to_text(derivative(expr, "x")) == slope


def test_what_has_no_derivative() -> None:
    for expr in (call("mod", x, 2), call("to_number", call("lt", x, 1)), call("lt", x, 1)):
        with pytest.raises(ValueError, match="no derivative"):
            derivative(expr, "x")
        assert derivative(expr, "y") is ZERO


def test_derivatives_share_what_they_have_in_common() -> None:
    tower = x
    for _ in range(50):
        tower = call("exp", -tower * tower)
    assert count(derivative(tower, "x")) < 10 * count(tower)


# --- Linear parts ---


@settings(max_examples=150, deadline=None)
@given(
    trees(numeric=EXACT_LINEAR, boolean=("lt", "le", "and", "not")),
    st.sampled_from(["x", "xy", "z", "xyz"]),
)
def test_what_is_affine_is_its_parts(tree: Tree, variables: str) -> None:
    expr = expr_of(tree)
    parts = affine_in(expr, variables)
    assume(parts is not None)
    assert parts is not None
    assert all(c.names.isdisjoint(variables) for c in (*parts.coefficients.values(), parts.rest))
    for at in ((3, -2, 5), (-7, 11, 13)):
        known = {n: Fraction(v, 7) for n, v in zip(NAMES, at, strict=True)}
        whole = parts.rest + sum((c * Name(n) for n, c in parts.coefficients.items()), ZERO)
        try:
            expected = rational(expr, known)
        except ZeroDivisionError:
            assume(False)
        # Numbers are folded in floating point where a quotient is not exact.
        assert float(rational(whole, known)) == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


def _linear(source: random.Random, depth: int) -> Expr:
    """Return an expression that is linear in x and y by construction, with coefficients of z."""
    free = source.choice([z, Number(3.0), call("exp", z), z * z + 1])
    if depth == 0:
        return source.choice([x, y, free])
    a, b = _linear(source, depth - 1), _linear(source, depth - 1)
    chosen = call("select", call("lt", z, 1), a, b)
    return source.choice([a + b, a - b, -a, free * a, a * free, a / free, chosen])


def test_what_is_linear_by_construction_is_found() -> None:
    source = random.Random(1)
    for _ in range(300):
        expr = _linear(source, 5)
        parts = affine_in(expr, "xy")
        assert parts is not None
        at = {n: source.uniform(-1, 1) for n in NAMES}
        whole = parts.rest + sum((c * Name(n) for n, c in parts.coefficients.items()), ZERO)
        assert evaluate(whole, at) == pytest.approx(evaluate(expr, at), rel=1e-9, abs=1e-9)


def test_coefficients_in_text() -> None:
    parts = affine_in((-z * (x - 3) + y) / z, "xy")
    assert parts is not None
    assert {n: to_text(c) for n, c in parts.coefficients.items()} == {"x": "-z/z", "y": "1/z"}
    assert to_text(parts.rest) == "-z*-3/z"
    assert affine_in(z * 3, "xy") == ({}, z * 3)


@pytest.mark.parametrize(
    "expr",
    [
        x * x, x * y, z / x, call("exp", x), x**2, call("abs", x), call("min", x, 1), call("mod", x, 1),
        call("select", call("lt", x, 0), x, y), call("to_number", call("lt", x, 0)), (x + 1) ** 2 - x * x,
    ],
    ids=to_text,
)  # fmt: skip
def test_what_is_not_affine(expr) -> None:  # type: ignore[no-untyped-def]
    assert affine_in(expr, "xy") is None
    assert affine_in(expr * z + 1, "xy") is None
    assert affine_in(expr, ["w"]) == ({}, expr)


def test_truth_values_are_not_affine() -> None:
    assert affine_in(call("lt", x, 0), "x") is None
    assert affine_in(TRUE, "x") == ({}, TRUE)
