from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.expressions import NAMES, Tree, text_of, trees, value_of

from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import (
    OPERATIONS,
    TRUE,
    Call,
    Name,
    Number,
    call,
)
from spikelet.neurons.equations.reading import Scope, to_expression
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.text import read_expression

x, y = Name("x"), Name("y")
finite = st.floats(-1e3, 1e3).filter(lambda v: v != 0)


@settings(max_examples=200, deadline=None)
@given(trees(), st.tuples(finite, finite, finite))
def test_text_has_the_value_that_python_gives_it(tree: Tree, at: tuple[float, ...]) -> None:
    """To the last bit: no operation here is one of the mathematical library."""
    known = dict(zip(NAMES, at, strict=True))
    try:
        expected = value_of(tree, known)
    except (ArithmeticError, ValueError):
        assume(False)
    scope = Scope({n: Name(n) for n in NAMES})
    expr = to_expression(read_expression(Source("test", "equations", text_of(tree))), scope)
    assert float(evaluate(expr, known)) == expected or math.isnan(expected)


FUNCTIONS = {
    "exp": math.exp, "expm1": math.expm1, "log": math.log, "log1p": math.log1p, "sqrt": math.sqrt, "sin": math.sin,
    "cos": math.cos, "tan": math.tan, "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "asin": math.asin,
    "acos": math.acos, "atan": math.atan, "floor": math.floor, "ceil": math.ceil, "abs": math.fabs,
    "neg": lambda v: -v, "sign": lambda v: math.copysign(1.0, v), "exprel": lambda v: math.expm1(v) / v,
}  # fmt: skip


@pytest.mark.parametrize(
    "op", [op for op, kind in OPERATIONS.items() if kind == "n>n" and "rand" not in op]
)
def test_functions_agree_with_those_of_math(op: str) -> None:
    at = np.array([1e-9, 0.1, 0.5, 0.999, *([-0.3] if op not in ("log", "sqrt") else [2.0])])
    expected = [FUNCTIONS[op](v) for v in at]
    np.testing.assert_allclose(evaluate(call(op, x), {"x": at}), expected, rtol=4e-16)


def test_the_cores_definitions_at_the_edges() -> None:
    nan, inf = math.nan, math.inf
    a, b = np.array([nan, 1.0, 2.0, 0.0]), np.array([1.0, nan, 3.0, -0.0])
    np.testing.assert_array_equal(
        evaluate(call("min", x, y), {"x": a, "y": b}), [1.0, nan, 2.0, -0.0]
    )
    np.testing.assert_array_equal(
        evaluate(call("max", x, y), {"x": a, "y": b}), [1.0, nan, 3.0, -0.0]
    )
    assert np.signbit(evaluate(call("min", x, y), {"x": 0.0, "y": -0.0}))
    np.testing.assert_array_equal(
        evaluate(
            call("mod", x, y), {"x": np.array([5.5, -5.5, 5.5]), "y": np.array([2.0, 2.0, -2.0])}
        ),
        [1.5, 0.5, -0.5],
    )
    np.testing.assert_array_equal(
        evaluate(call("exprel", x), {"x": np.array([0.0, -inf])}), [1.0, 0.0]
    )
    np.testing.assert_array_equal(
        evaluate(call("sign", x), {"x": np.array([-0.0, 3.0])}), [0.0, 1.0]
    )
    np.testing.assert_array_equal(evaluate(1 / x, {"x": np.array([0.0, -0.0])}), [inf, -inf])
    assert np.isnan(evaluate(call("log", x), {"x": -1.0}))


def test_values_broadcast() -> None:
    found = evaluate(x * 2 + y, {"x": np.arange(3.0), "y": 1})
    np.testing.assert_array_equal(found, [1, 3, 5])
    assert found.dtype == np.float64
    assert evaluate(Number(3.0), {}).shape == ()
    chosen = evaluate(call("select", call("lt", x, 1), x, -x), {"x": np.arange(3.0)})
    np.testing.assert_array_equal(chosen, [0, -1, -2])


def test_integers_are_not_divided_as_integers() -> None:
    assert evaluate(x / y, {"x": 1, "y": 2}) == 0.5
    assert evaluate(x**y, {"x": 2, "y": -1}) == 0.5


def test_truth_values() -> None:
    flagged = call("and", Name("not_refractory"), call("lt", x, 2))
    found = evaluate(flagged, {"not_refractory": [True, False, True], "x": [1.0, 1.0, 3.0]})
    assert found.dtype == np.bool_
    np.testing.assert_array_equal(found, [True, False, False])
    np.testing.assert_array_equal(
        evaluate(call("to_number", flagged), {"not_refractory": True, "x": 0}), 1.0
    )
    assert evaluate(TRUE, {})


def test_random_numbers_are_drawn_once_for_each_stream() -> None:
    drawn = []

    def draw(kind: str, stream: int) -> float:
        drawn.append((kind, stream))
        return stream + 0.5

    first, second = Call("rand", (Number(0),)), Call("randn", (Number(1),))
    assert evaluate(first * first + second, {}, draw) == 1.75
    assert drawn == [("rand", 0), ("randn", 1)]
    with pytest.raises(ValueError, match=r"rand\(\) has no value without `draw`"):
        evaluate(first, {})


def test_a_missing_value() -> None:
    with pytest.raises(KeyError, match="y"):
        evaluate(x + y, {"x": 1})
