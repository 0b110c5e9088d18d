"""Random expressions as plain trees, with meanings that owe nothing to the package: Python's floats, `math`, `cmath`.

A tree is ``("number", 1.5)``, ``("name", "x")`` or ``(operation, *trees)``.
"""

from __future__ import annotations

import cmath
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from spikelet.neurons.equations.expression import Expr, Name, Number, call

NAMES = ("x", "y", "z")
Tree = tuple[Any, ...]

EXACT = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "abs": abs,
    "min": lambda a, b: a if a < b else b,  # noqa: FURB136 -- which of two is taken if one is NaN
    "max": lambda a, b: a if a > b else b,  # noqa: FURB136
    "floor": lambda a: float(math.floor(a)),
    "ceil": lambda a: float(math.ceil(a)),
    "mod": lambda a, b: a - math.floor(a / b) * b,
    "select": lambda c, a, b: a if c else b,
    "to_number": lambda c: 1.0 if c else 0.0,
}
"""Operations that are exact, or rounded once, on every machine."""

BOOLEAN = {
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": lambda a: not a,
}

SMOOTH: dict[str, Callable[..., Any]] = {
    "exp": cmath.exp,
    "expm1": lambda z: cmath.exp(z) - 1,
    "log": cmath.log,
    "log1p": lambda z: cmath.log(1 + z),
    "sqrt": cmath.sqrt,
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "sinh": cmath.sinh,
    "cosh": cmath.cosh,
    "tanh": cmath.tanh,
    "asin": cmath.asin,
    "acos": cmath.acos,
    "atan": cmath.atan,
}
"""Functions with derivatives, of complex numbers."""

_SIGNS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "pow": "**",
          "lt": "<", "le": "<=", "eq": "==", "ne": "!=", "and": "and", "or": "or"}  # fmt: skip

numbers = st.integers(-64, 64).map(lambda k: k / 8)
"""Numbers whose sums and products with each other are exact."""


@functools.cache
def trees(
    *,
    numeric: Sequence[str] = tuple(EXACT),
    boolean: Sequence[str] = tuple(BOOLEAN),
    depth: int = 4,
) -> st.SearchStrategy[Tree]:
    """Return a strategy of trees that are numbers, of the operations named."""
    leaf = numbers.map(lambda v: ("number", v)) | st.sampled_from(NAMES).map(lambda n: ("name", n))
    if depth == 0:
        return leaf
    inner = st.deferred(lambda: trees(numeric=numeric, boolean=boolean, depth=depth - 1))
    return leaf | st.sampled_from(numeric).flatmap(lambda op: _operands(op, inner, boolean, depth))


@functools.cache
def _conditions(
    inner: st.SearchStrategy[Tree], boolean: Sequence[str], depth: int
) -> st.SearchStrategy[Tree]:
    compared = [op for op in boolean if op not in ("and", "or", "not")]
    leaf = st.sampled_from(compared).flatmap(lambda op: st.tuples(st.just(op), inner, inner))
    joined = [op for op in boolean if op not in compared]
    if depth <= 1 or not joined:
        return leaf
    deeper = st.deferred(lambda: _conditions(inner, boolean, depth - 1))
    return leaf | st.sampled_from(joined).flatmap(
        lambda op: st.tuples(st.just(op), *[deeper] * (1 if op == "not" else 2))
    )


def _operands(
    op: str, inner: st.SearchStrategy[Tree], boolean: Sequence[str], depth: int
) -> st.SearchStrategy[Tree]:
    condition = _conditions(inner, boolean, depth)
    if op == "pow":
        return st.tuples(st.just(op), inner, st.integers(-3, 4).map(lambda k: ("number", float(k))))
    kinds = {"select": [condition, inner, inner], "to_number": [condition]}.get(op)
    if kinds is None:
        kinds = [inner] * (2 if op in ("add", "sub", "mul", "div", "min", "max", "mod") else 1)
    return st.tuples(st.just(op), *kinds)


def text_of(tree: Tree) -> str:
    """Return the text of a tree, with all brackets."""
    op, *args = tree
    if op == "number":
        return f"({args[0]!r})"
    if op == "name":
        return str(args[0])
    texts = [text_of(a) for a in args]
    if op in _SIGNS:
        return f"({texts[0]} {_SIGNS[op]} {texts[1]})"
    if op in ("neg", "not"):
        return f"({'-' if op == 'neg' else 'not '}{texts[0]})"
    if op == "select":
        return f"({texts[1]} if {texts[0]} else {texts[2]})"
    return f"{'int' if op == 'to_number' else op}({', '.join(texts)})"


def expr_of(tree: Tree) -> Expr:
    """Return the expression of a tree, made by constructors."""
    op, *args = tree
    if op == "number":
        return Number(args[0])
    return Name(args[0]) if op == "name" else call(op, *(expr_of(a) for a in args))


def value_of(tree: Tree, values: Mapping[str, Any]) -> Any:
    """Return the value of a tree: floats, or complex numbers for operations of `SMOOTH`.

    Raises
    ------
    ArithmeticError, ValueError
        Where Python's own functions do: divisions by zero, logarithms of zero, overflows.
    """
    op, *args = tree
    if op == "number":
        return args[0]
    if op == "name":
        return values[args[0]]
    operands = [value_of(a, values) for a in args]
    if op == "pow":
        return operands[0] ** int(operands[1])
    if any(isinstance(v, complex) for v in operands) and op in ("abs", "min", "max", *BOOLEAN):
        return _by_real_part(op, operands)
    return {**EXACT, **BOOLEAN, **SMOOTH}[op](*operands)


def _by_real_part(op: str, values: list[Any]) -> Any:
    """Return abs, min, max or a comparison of numbers with an infinitesimal imaginary part."""
    real = [complex(v).real for v in values]
    if op == "abs":
        return -values[0] if real[0] < 0 else values[0]
    if op in ("min", "max"):
        return values[0] if BOOLEAN["lt"](*(real if op == "min" else real[::-1])) else values[1]
    return BOOLEAN[op](*real)


def rational(expr: Expr, values: Mapping[str, Fraction]) -> Fraction:
    """Return the exact value of an expression of sums, products, quotients and branches."""
    args = [rational(a, values) for a in expr.args]
    if isinstance(expr, Number):
        return Fraction(expr.value)
    if isinstance(expr, Name):
        return values[expr.name]
    return {**EXACT, **BOOLEAN}[expr.op](*args)  # type: ignore[attr-defined, no-any-return]
