"""Whether a rate can drive its variable upwards faster than in proportion to it: whether there is an upstroke.

A bound for all values of the other names, by intervals: coarse, but it never says that a rate is tame which is not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from spikelet.neurons.equations.calculus import affine_in
from spikelet.neurons.equations.expression import Call, Expr, Name, Number, nodes
from spikelet.neurons.equations.parameters import Parameter

_BOUNDED, _LINEAR, _FASTER = 0, 1, 2


class _Size(NamedTuple):
    """How a value grows with the variable, and the numbers between which it lies."""

    growth: int
    low: float = -math.inf
    high: float = math.inf


def at_most_linear(rate: Expr, name: str, parameters: Mapping[str, Parameter]) -> bool:
    """Return whether a rate is at most linear in its variable, or surely grows no faster.

    Parameters
    ----------
    rate : Expr
        Derivative of the variable.
    name : str
        The variable.
    parameters : mapping of str to Parameter
        Parameters by name: their rules tell the signs of what they multiply.

    Notes
    -----
    ``(E - V)/(1 + Mg*exp(-k*V))`` grows no faster, if Mg has the rule ">= 0": the gate lies in [0, 1]. Other states are
    taken as given.
    """
    if affine_in(rate, [name]) is not None:
        return True
    sizes: dict[Expr, _Size] = {}
    for node in nodes(rate):
        sizes[node] = _size(node, name, parameters, sizes)
    return sizes[rate].growth <= _LINEAR


def _size(
    node: Expr, name: str, parameters: Mapping[str, Parameter], sizes: Mapping[Expr, _Size]
) -> _Size:
    if isinstance(node, Number):
        return _Size(_BOUNDED, node.value, node.value)
    if isinstance(node, Name):
        if node.name == name:
            return _Size(_LINEAR)
        known = parameters.get(node.name)
        rule = "finite" if known is None else known.rule
        return _Size(_BOUNDED, *_RULES.get(rule, (-math.inf, math.inf)))
    assert isinstance(node, Call)
    if node.boolean:
        return _Size(_BOUNDED)
    size = _of_call(node, [sizes[a] for a in node.args], name)
    low = -math.inf if math.isnan(size.low) else size.low  # of inf - inf
    high = math.inf if math.isnan(size.high) else size.high
    finite = math.isfinite(low) and math.isfinite(high)
    return _Size(_BOUNDED if finite or name not in node.names else size.growth, low, high)


_RULES = {
    "> 0": (0.0, math.inf),
    "tau": (0.0, math.inf),
    ">= 0": (0.0, math.inf),
    "in [0, 1]": (0.0, 1.0),
}


def _of_call(node: Call, args: list[_Size], name: str) -> _Size:
    a, b = args[0], args[-1]
    growth = max(each.growth for each in args)
    match node.op:
        case "add":
            return _Size(growth, a.low + b.low, a.high + b.high)
        case "sub":
            return _Size(growth, a.low - b.high, a.high - b.low)
        case "neg":
            return _Size(growth, -a.high, -a.low)
        case "mul":
            return _Size(min(a.growth + b.growth, _FASTER), *_product(a, b))
        case "div":
            inverse = _inverse(b)
            tame = b.low > 0 or b.high < 0 or name not in node.args[1].names
            return _Size(a.growth if tame else _FASTER, *_product(a, inverse))
        case "exp":
            return _Size(_FASTER, 0.0, math.exp(a.high) if a.high <= 0 else math.inf)
        case "exprel":  # (exp(x) - 1)/x
            return _Size(_FASTER, 0.0, 1.0 if a.high <= 0 else math.inf)
        case "tanh" | "sin" | "cos":
            return _Size(growth, -1.0, 1.0)
        case "abs":
            return _Size(growth, max(a.low, -a.high, 0.0), max(abs(a.low), abs(a.high)))
        case "min":
            return _Size(growth, min(a.low, b.low), min(a.high, b.high))
        case "max":
            return _Size(growth, max(a.low, b.low), max(a.high, b.high))
        case "select":
            one = args[1]
            return _Size(max(one.growth, b.growth), min(one.low, b.low), max(one.high, b.high))
    return _Size(_FASTER)


def _product(a: _Size, b: _Size) -> tuple[float, float]:
    # A bound of infinity is none: 0 times it is 0.
    ends = [0.0 if 0.0 in (x, y) else x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return min(ends), max(ends)


def _inverse(b: _Size) -> _Size:
    if b.low > 0 or b.high < 0:
        return _Size(b.growth, 1 / b.high, 1 / b.low)
    return _Size(b.growth, 0.0 if b.low == 0 else -math.inf, 0.0 if b.high == 0 else math.inf)
