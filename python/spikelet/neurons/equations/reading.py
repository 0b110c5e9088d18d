"""What a tree of the parser means: an expression, with every name resolved and every operand of the right kind."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from spikelet._util.spelling import suggestion
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import FALSE, TRUE, ZERO, Call, Expr, Name, Number, call
from spikelet.neurons.equations.source import Place
from spikelet.neurons.equations.text import Tree, parts
from spikelet.neurons.equations.units import in_expressions

MAGNITUDE = "abs(weight)"
"""Name of the sum of magnitudes of the events of a step, as it is written."""

_PLAIN = (
    "exp", "expm1", "exprel", "log", "log1p", "sqrt", "abs", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos",
    "atan", "floor", "ceil", "sign",
)  # fmt: skip


def _truncated(x: Expr) -> Expr:
    if x.boolean:
        return call("to_number", x)
    return call("select", call("lt", x, 0), call("ceil", x), call("floor", x))


def _clip(x: Expr, low: Expr, high: Expr) -> Expr:
    return call("min", call("max", x, low), high)


FUNCTIONS: dict[str, tuple[str, Callable[..., Expr] | str]] = {
    **{name: ("n", name) for name in _PLAIN},
    "arcsin": ("n", "asin"),
    "arccos": ("n", "acos"),
    "arctan": ("n", "atan"),
    "log10": ("n", lambda x: call("div", call("log", x), math.log(10.0))),
    "int": ("*", _truncated),
    "mod": ("nn", "mod"),
    "where": ("bnn", "select"),
    "clip": ("nnn", _clip),
    "min": ("nn+", "min"),
    "max": ("nn+", "max"),
    "rand": ("", "rand"),
    "randn": ("", "randn"),
}
"""Functions: what they take (n: a number, b: a truth value, *: either, +: more of the last), and what they become."""

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Mod: "mod",
    ast.Pow: "pow",
}
_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}


@dataclass
class Draws:
    """Numbers the occurrences of rand() and randn() in a model, from 0."""

    count: int = 0

    def next(self) -> Number:
        """Return the number of a new stream."""
        self.count += 1
        return Number(self.count - 1)


@dataclass(frozen=True)
class Scope:
    """What names mean in a text.

    Parameters
    ----------
    names : mapping of str to Expr
        Names that may be used, and what they stand for.
    refused : mapping of str to str
        Names that exist, but not here, and why.
    draws : Draws or None
        Numbers rand() and randn(); None: they are refused because of `no_draws`.
    no_draws : str
        Why they are refused.
    hints : mapping of str to str
        What to add to the message if an unknown name is one of these.
    """

    names: Mapping[str, Expr]
    refused: Mapping[str, str] = field(default_factory=dict)
    draws: Draws | None = None
    no_draws: str = "rand() and randn() are drawn in every step, but this value does not change"
    hints: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str, place: Place) -> Expr:
        """Return what a name stands for."""
        if name in self.names:
            return self.names[name]
        if name in self.refused:
            raise place.error(f"'{name}' {self.refused[name]}")
        unit = in_expressions(name)
        if unit is not None:
            return Number(unit.to_base(1.0))
        if name in FUNCTIONS:
            raise place.error(f"'{name}' is a function; write {name}(...)")
        hint = self.hints.get(name) or _HINTS.get(name) or suggestion(name, self.names)
        hint = hint or f'; for a number, add parameters={{"{name}": ...}}'
        raise place.error(f"unknown name '{name}'{hint}")


_HINTS = {
    "e": "; write exp(1)",
    "inf": "; use a parameter, which may be infinite",
    "i": "; for the index of a neuron, make a parameter and set it to one value for each neuron",
    "N": "; make it a parameter",
}


def to_expression(tree: Tree, scope: Scope) -> Expr:
    """Return the expression that a tree means.

    Raises
    ------
    ValueError
        If a name is unknown or not allowed here, a function is unknown or has the wrong number of arguments, or an
        operand is a truth value instead of a number, or the reverse.
    """
    done: dict[int, Expr] = {}
    for node in tree.nodes():
        done[id(node)] = _meaning(tree, node, scope, done)
    return done[id(tree.root)]


def _meaning(tree: Tree, node: ast.expr, scope: Scope, done: Mapping[int, Expr]) -> Expr:
    """Return what a node means, given what its parts mean."""
    values = [done[id(part)] for part in parts(node)]
    match node:
        case ast.Constant(value=bool() as value):
            return TRUE if value else FALSE
        case ast.Constant(value=int() | float() as value):
            return Number(value)
        case ast.Name(id=name):
            return scope.value(name, tree.place(node))
        case ast.UnaryOp(op=ast.Not()):
            _require(tree, node, values, "b")
            return call("not", values[0])
        case ast.UnaryOp(op=op):
            _require(tree, node, values, "n")
            return call("neg", values[0]) if isinstance(op, ast.USub) else values[0]
        case ast.BinOp(op=operator):
            _require(tree, node, values, "nn")
            return _defined(tree, node, call(_BINARY[type(operator)], *values), values[1])
        case ast.Compare(ops=ops):
            _require(tree, node, values, "n" * len(values))
            pairs = zip(ops, values, values[1:], strict=False)
            return _joined("and", [call(_COMPARED[type(op)], a, b) for op, a, b in pairs])
        case ast.BoolOp(op=joint):
            _require(tree, node, values, "b" * len(values))
            return _joined("and" if isinstance(joint, ast.And) else "or", values)
        case ast.IfExp():
            _require(tree, node, values, "bnn")
            return call("select", *values)
        case ast.Call(func=ast.Name(id=name)):
            return _called(tree, node, name, values, scope)
    raise tree.place(node).error(f"'{tree.text(node)}' has no meaning here")


def _defined(tree: Tree, node: ast.BinOp, result: Expr, right: Expr) -> Expr:
    """Check that an operation has a value: no division by zero, no power of numbers that is infinite or NaN."""
    if isinstance(node.op, (ast.Div, ast.Mod)) and right == ZERO:
        raise tree.place(node.right).error("this divides by zero")
    constant = isinstance(node.op, ast.Pow) and not result.names
    if constant and not np.isfinite(evaluate(result, {}, lambda *_: 0.5)):
        raise tree.place(node).error(f"'{tree.text(node)}' is not a finite number")
    return result


def _joined(op: str, values: list[Expr]) -> Expr:
    result = values[0]
    for value in values[1:]:
        result = call(op, result, value)
    return result


def _called(tree: Tree, node: ast.expr, name: str, values: list[Expr], scope: Scope) -> Expr:
    """Return the value of a function."""
    place = tree.place(node)
    if name not in FUNCTIONS:
        if name in scope.names or name in scope.refused:
            raise place.error(f"'{name}' is not a function; write a product with '*': {name}*(...)")
        timed = "; for values over time use net.inject, or write an expression of t"
        hint = timed if Name("t") in values else suggestion(name, FUNCTIONS)
        raise place.error(f"unknown function '{name}'{hint}")
    takes, becomes = FUNCTIONS[name]
    kinds = takes.rstrip("+")
    if takes.endswith("+"):
        kinds += kinds[-1] * (len(values) - len(kinds))
    if len(values) != len(kinds):
        least = " or more" if takes.endswith("+") else ""
        some = f"{len(takes.rstrip('+'))}{least} argument{'s' if takes != 'n' else ''}"
        raise place.error(f"{name}() takes {some}, got {len(values)}")
    _require(tree, node, values, kinds)
    if name in ("rand", "randn"):
        if scope.draws is None:
            raise place.error(scope.no_draws)
        return Call(name, (scope.draws.next(),))
    if name == "abs" and values[0] is Name("weight") and MAGNITUDE in scope.names:
        return Name(MAGNITUDE)
    if not isinstance(becomes, str):
        return becomes(*values)
    return _joined(becomes, values) if takes.endswith("+") else call(becomes, *values)


def _require(tree: Tree, node: ast.expr, values: list[Expr], kinds: str) -> None:
    """Check that operands are numbers (n) or truth values (b)."""
    for part, value, kind in zip(parts(node), values, kinds, strict=True):
        if kind == "*" or value.boolean == (kind == "b"):
            continue
        text = tree.text(part)
        if kind == "b":
            raise tree.place(part).error(
                f"'{text}' is a number where a truth value is needed; compare it with something"
            )
        raise tree.place(part).error(
            f"'{text}' is a truth value where a number is needed; int(...) makes it 1 or 0"
        )
