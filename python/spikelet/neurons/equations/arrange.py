"""Expressions arranged for a processor: what depends on parameters only becomes a coefficient, computed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from spikelet.neurons.equations.expression import ONE, Call, Expr, Number, call, nodes

_POWERS = 64  # powers up to this one are products


class _Product(NamedTuple):
    """A node as coefficient * rest; the rest is None where the node is constant."""

    coefficient: Expr
    rest: Expr | None

    def joined(self) -> Expr:
        if self.rest is None:
            return self.coefficient
        if self.coefficient is ONE:
            return self.rest
        return self.rest * self.coefficient


class Arranger:
    """Rewrites expressions.

    In rates, factors that are constant are gathered: ``h / C * (g * x)`` becomes ``x * (h / C * g)``, and a division by a
    constant becomes a multiplication by its inverse. Elsewhere (thresholds, resets, receptors) operations stay as they
    are written, because a ``floor`` or a comparison may depend on the last bit. Integer powers are products everywhere.

    Parameters
    ----------
    fixed : frozenset of str
        Names of what is constant: parameters, ``dt``, coefficients of the linear part.
    """

    def __init__(self, fixed: frozenset[str]) -> None:
        self._names = fixed
        self._fixed: dict[Expr, bool] = {}

    def is_fixed(self, expr: Expr) -> bool:
        """Whether an expression is a number that depends on parameters only."""
        known = self._fixed
        for node in nodes(expr, known=known):
            drawn = isinstance(node, Call) and _draw(node)
            known[node] = (
                not drawn and node.names <= self._names and all(known[a] for a in node.args)
            )
        return known[expr] and not expr.boolean

    def rate(self, expr: Expr) -> Expr:
        """Arrange an expression that may be reordered."""
        products: dict[Expr, _Product] = {}
        for node in nodes(expr):
            products[node] = self._product(node, products)
        return products[expr].joined()

    def as_written(self, expr: Expr) -> Expr:
        """Arrange an expression whose operations have to stay."""
        new: dict[Expr, Expr] = {}
        for node in nodes(expr):
            if self.is_fixed(node) or not isinstance(node, Call) or _draw(node):
                new[node] = node
            else:
                new[node] = _other(node, *(new[a] for a in node.args))
        return new[expr]

    def _product(self, node: Expr, products: dict[Expr, _Product]) -> _Product:
        if self.is_fixed(node):
            return _Product(node, None)
        if not isinstance(node, Call) or _draw(node):
            return _Product(ONE, node)
        args = [products[a] for a in node.args]
        if node.op in _PRODUCTS:
            return _PRODUCTS[node.op](*args)
        plain = [a.joined() for a in args]
        if node.op in ("add", "sub"):
            return _Product(ONE, self._sum(node.op, *plain))
        return _Product(ONE, _other(node, *plain))

    def _sum(self, op: str, a: Expr, b: Expr) -> Expr:
        """Return a sum or a difference, with constants at its end added up."""
        if (
            self.is_fixed(b)
            and isinstance(a, Call)
            and a.op in ("add", "sub")
            and self.is_fixed(a.args[1])
        ):
            last = a.args[1] if a.op == "add" else -a.args[1]
            return call("add", a.args[0], call(op, last, b))
        return call(op, a, b)


def _draw(node: Call) -> bool:
    return node.op in ("rand", "randn")


def _mul(a: _Product, b: _Product) -> _Product:
    rests = [x.rest for x in (a, b) if x.rest is not None]
    rest = rests[0] if len(rests) == 1 else rests[0] * rests[1]
    return _Product(a.coefficient * b.coefficient, rest)


def _div(a: _Product, b: _Product) -> _Product:
    if a.rest is None:
        assert b.rest is not None
        return _Product(ONE, a.coefficient / b.coefficient / b.rest)
    rest = a.rest if b.rest is None else a.rest / b.rest
    return _Product(a.coefficient / b.coefficient, rest)


_PRODUCTS: dict[str, Callable[..., _Product]] = {
    "mul": _mul,
    "div": _div,
    "neg": lambda a: _Product(-a.coefficient, a.rest),
}


def _other(node: Call, *args: Expr) -> Expr:
    """Return an operation on arranged operands."""
    if node.op == "pow" and isinstance(args[1], Number):
        return _power(args[0], args[1].value)
    if node.op == "select":
        return _select(*args)
    return call(node.op, *args)


def _power(base: Expr, exponent: float) -> Expr:
    """Return a power, by multiplications where the exponent is whole."""
    if exponent == 0.5:
        return call("sqrt", base)
    if abs(exponent) > _POWERS or exponent != int(exponent):
        return base**exponent
    power, rest, square = None, int(abs(exponent)), base
    while rest:
        if rest % 2:
            power = square if power is None else power * square
        rest //= 2
        if rest:
            square = square * square
    if power is None:
        return ONE
    return power if exponent > 0 else ONE / power


def _select(condition: Expr, a: Expr, b: Expr) -> Expr:
    """Return a choice; within a branch, the condition is known."""
    if isinstance(condition, Call) and condition.op == "not":
        condition, a, b = condition.args[0], b, a
    return call("select", condition, _given(a, condition, 1), _given(b, condition, 2))


def _given(branch: Expr, condition: Expr, which: int) -> Expr:
    while isinstance(branch, Call) and branch.op == "select" and branch.args[0] is condition:
        branch = branch.args[which]
    return branch
