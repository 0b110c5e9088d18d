"""Derivatives of expressions, and their linear parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from spikelet.neurons.equations.expression import (
    ONE,
    ZERO,
    Call,
    Expr,
    Name,
    Number,
    call,
    nodes,
    to_text,
)


def derivative(expr: Expr, name: str) -> Expr:
    """Return the partial derivative of an expression.

    ``select``, ``abs``, ``min`` and ``max`` are differentiated branch by branch.

    Raises
    ------
    ValueError
        If it has no derivative: ``floor``, ``ceil``, ``sign``, ``mod`` or a truth value of something that depends on
        `name`.
    """
    slopes: dict[Expr, Expr] = {}
    for node in nodes(expr):
        if name not in node.names:
            slopes[node] = ZERO
        elif isinstance(node, Call):
            if not node.boolean:  # a condition has no slope, and what it selects does not need one
                slopes[node] = _slope(node, name, [slopes.get(a, ZERO) for a in node.args])
        else:
            slopes[node] = ONE
    if expr not in slopes:
        msg = f"{to_text(expr)[:100]} is a truth value, which has no derivative"
        raise ValueError(msg)
    return slopes[expr]


def _slope(node: Call, name: str, slopes: list[Expr]) -> Expr:
    """Return the derivative of an operation, given those of its operands."""
    a, da = node.args[0], slopes[0]
    b, db = node.args[-1], slopes[-1]
    match node.op:
        case "add" | "sub":
            return call(node.op, da, db)
        case "neg":
            return -da
        case "mul":
            return _times(b, da) + _times(a, db)
        case "div":
            return _over(da, b) - _over(_times(node, db), b)
        case "pow":
            return _times(b * a ** (b - 1), da) + _times(node * call("log", a), db)
        case "select":
            return call("select", a, slopes[1], db)
        case "min":
            return call("select", call("lt", a, b), da, db)
        case "max":
            return call("select", call("lt", b, a), da, db)
        case "abs":
            return call("select", call("lt", a, 0), -da, da)
        case "sqrt":
            return _over(da, 2 * node)
        case "log":
            return _over(da, a)
        case "log1p":
            return _over(da, 1 + a)
        case "atan":
            return _over(da, 1 + a * a)
        case "asin":
            return _over(da, call("sqrt", 1 - a * a))
        case "acos":
            return -_over(da, call("sqrt", 1 - a * a))
        case "exp":
            return _times(node, da)
        case "expm1":
            return _times(call("exp", a), da)
        case "exprel":
            return _times(_slope_of_exprel(node, a), da)
        case "sin":
            return _times(call("cos", a), da)
        case "cos":
            return _times(-call("sin", a), da)
        case "tan":
            return _times(1 + node * node, da)
        case "tanh":
            return _times(1 - node * node, da)
        case "sinh":
            return _times(call("cosh", a), da)
        case "cosh":
            return _times(call("sinh", a), da)
    msg = f"{to_text(node)[:100]} has no derivative with respect to {name}"
    raise ValueError(msg)


def _slope_of_exprel(node: Expr, a: Expr) -> Expr:
    # (exp(x) - exprel(x))/x, which loses digits near 0: its series there, to x^6/5760 (1e-14 at 0.02).
    series: Expr = Number(1 / 840)
    for k in (1 / 144, 1 / 30, 1 / 8, 1 / 3, 1 / 2):
        series = series * a + k
    near = call("lt", call("abs", a), 0.02)
    return call("select", near, series, (call("exp", a) - node) / a)


def _times(a: Expr, slope: Expr) -> Expr:
    """Return a product with a slope; a slope of zero is exactly zero, whatever multiplies it."""
    return ZERO if slope is ZERO else a * slope


def _over(slope: Expr, b: Expr) -> Expr:
    return ZERO if slope is ZERO else slope / b


class Affine(NamedTuple):
    """An expression as ``sum(coefficients[name] * name) + rest``, with `coefficients` and `rest` free of the names."""

    coefficients: dict[str, Expr]
    rest: Expr


def affine_in(expr: Expr, variables: Iterable[str]) -> Affine | None:
    """Write an expression as a linear function of variables, or return None if it is not one.

    Sums, products and quotients with factors free of the variables are multiplied out, and so are the branches of a
    ``select`` whose condition is free of them. What needs more, such as ``(x + 1)**2 - x**2``, is not recognised.

    Parameters
    ----------
    expr : Expr
        The expression; what it has of other names goes into the coefficients.
    variables : iterable of str
        The variables. Those that do not occur have no entry in the result.
    """
    inside = frozenset(variables)
    parts: dict[Expr, Affine] = {}
    for node in nodes(expr):
        if inside.isdisjoint(node.names):
            continue
        if isinstance(node, Name):
            parts[node] = Affine({node.name: ONE}, ZERO)
            continue
        assert isinstance(node, Call)
        # An argument that is not linear may still vanish from a larger expression only by algebra: not tried.
        if any(a not in parts and not inside.isdisjoint(a.names) for a in node.args):
            continue
        part = _affine(node, [parts.get(a, Affine({}, a)) for a in node.args])
        if part is not None:
            parts[node] = part
    if inside.isdisjoint(expr.names):
        return Affine({}, expr)
    return parts.get(expr)


def _affine(node: Call, args: list[Affine]) -> Affine | None:
    """Combine linear functions, of which at least one has a coefficient."""
    if node.op == "neg":
        return _mapped(args, lambda a: -a)
    if node.op in ("add", "sub"):
        return _mapped(args, lambda a, b: call(node.op, a, b))
    if node.op == "mul" and not args[0].coefficients:
        return _mapped(args[1:], lambda b: args[0].rest * b)
    if node.op == "mul" and not args[1].coefficients:
        return _mapped(args[:1], lambda a: a * args[1].rest)
    if node.op == "div" and not args[1].coefficients:
        return _mapped(args[:1], lambda a: a / args[1].rest)
    if node.op == "select" and not args[0].coefficients:
        return _mapped(args[1:], lambda a, b: call("select", args[0].rest, a, b))
    return None


def _mapped(args: list[Affine], function: Callable[..., Expr]) -> Affine:
    """Apply a linear function to the coefficients and to the rest."""
    present = dict.fromkeys(name for a in args for name in a.coefficients)
    each = {name: [a.coefficients.get(name, ZERO) for a in args] for name in present}
    coefficients = {name: _applied(function, parts) for name, parts in each.items()}
    return Affine(coefficients, _applied(function, [a.rest for a in args]))


def _applied(function: Callable[..., Expr], parts: list[Expr]) -> Expr:
    """Apply a linear function: of nothing but zeros it is zero, not -0 or 0/x."""
    return ZERO if all(part is ZERO for part in parts) else function(*parts)
