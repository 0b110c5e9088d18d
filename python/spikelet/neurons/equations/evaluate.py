"""Values of expressions, with numpy: initial values, coefficients, right-hand sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.neurons.equations.expression import Call, Expr, Name, Number, nodes

Array = npt.NDArray[Any]


def evaluate(
    expr: Expr,
    values: Mapping[str, npt.ArrayLike],
    draw: Callable[[str, int], npt.ArrayLike] | None = None,
) -> Array:
    """Return the value of an expression, operation by operation as the core defines them, in float64.

    Parameters
    ----------
    expr : Expr
        The expression.
    values : mapping of str to array_like
        Values of the names in it, which broadcast against each other.
    draw : callable, optional
        Returns numbers of a stream, given "rand" or "randn" and the number of the stream. Each is drawn once.

    Returns
    -------
    ndarray
        float64, or bool if the expression is a truth value; of the shape that the values broadcast to. What divides by
        zero or leaves the domain of a function is infinite or NaN.

    Raises
    ------
    KeyError
        If a name has no value.
    ValueError
        If the expression draws random numbers and `draw` is None.
    """
    if isinstance(expr, (Number, Name)):  # as most initial values are
        return _leaf(expr, values)
    done: dict[Expr, Array] = {}
    with np.errstate(all="ignore"):
        for node in nodes(expr):
            if isinstance(node, (Number, Name)):
                done[node] = _leaf(node, values)
            elif isinstance(node, Call) and node.op in ("rand", "randn"):
                done[node] = _drawn(node, draw)
            elif isinstance(node, Call):
                done[node] = np.asarray(_OPERATIONS[node.op](*(done[a] for a in node.args)))
    return done[expr]


def _leaf(node: Number | Name, values: Mapping[str, npt.ArrayLike]) -> Array:
    if isinstance(node, Number):
        return np.asarray(node.value)
    return np.asarray(values[node.name], dtype=np.bool_ if node.boolean else np.float64)


def _drawn(node: Call, draw: Callable[[str, int], npt.ArrayLike] | None) -> Array:
    if draw is None:
        msg = f"{node.op}() has no value without `draw`"
        raise ValueError(msg)
    (stream,) = node.args
    assert isinstance(stream, Number)
    return np.asarray(draw(node.op, int(stream.value)), dtype=np.float64)


def _exprel(x: Array) -> Array:
    return np.where(x == 0, 1.0, np.expm1(x) / x)


def _sign(x: Array) -> Array:
    return np.where(x > 0, 1.0, np.where(x < 0, -1.0, x))


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "abs": np.abs,
    # The second operand where one is NaN, unlike numpy's minimum.
    "min": lambda a, b: np.where(a < b, a, b),
    "max": lambda a, b: np.where(a > b, a, b),
    "sqrt": np.sqrt,
    "exp": np.exp,
    "expm1": np.expm1,
    "exprel": _exprel,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "pow": np.power,
    "floor": np.floor,
    "ceil": np.ceil,
    "sign": _sign,
    "mod": lambda a, b: a - np.floor(a / b) * b,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
    "and": np.logical_and,
    "or": np.logical_or,
    "not": np.logical_not,
    "select": np.where,
    "to_number": lambda a: a.astype(np.float64),
}
