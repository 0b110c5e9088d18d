"""Differential equations and definitions of a model."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterable, Mapping

from spikelet._util.checks import fail
from spikelet.neurons.base import STATES
from spikelet.neurons.equations.calculus import affine_in
from spikelet.neurons.equations.expression import Expr, Name, call
from spikelet.neurons.equations.model import Definition, Equation
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.text import Statement, Tree, read_statements
from spikelet.neurons.equations.units import (
    MS,
    Dimension,
    in_expressions,
    over,
    read_unit,
    require_same,
    times,
    unit_text,
)
from spikelet.neurons.equations.vocabulary import NOISE, Vocabulary, is_held, only_name

MOST_STATES = 64
"""The core's limit."""


def read_equations(
    words: Vocabulary, source: Source, *, may_be_empty: bool = False
) -> tuple[list[Equation], list[Definition]]:
    """Return equations and definitions, and add their names to a vocabulary.

    Raises
    ------
    ValueError
        If a statement is no equation, a name has two of them, definitions form a cycle, or units do not fit.
    """
    derived: dict[str, tuple[Statement, Tree | None]] = {}
    defined: dict[str, Statement] = {}
    for statement in read_statements(source):
        if statement.operator == ":":
            _declare(words, statement)
            continue
        if statement.operator != "=":
            raise statement.place.error(
                f"'{statement.operator}' is allowed only in `reset`; write '='"
            )
        derivative = _derivative_of(statement.target)
        name = derivative[0] if derivative else only_name(statement, "a definition or dX/dt")
        _require_new(words, name, statement, defined)
        if derivative is None:
            defined[name] = statement
        else:
            derived[name] = statement, derivative[1]
            words.states[name] = statement
    if not derived and not may_be_empty:
        fail(words.model, "equations", source.text, "must have a state: dX/dt = ...")
    if len(derived) > MOST_STATES:
        fail(words.model, "equations", len(derived), f"may have at most {MOST_STATES} states")
    # In a model that gives no units, V_m and t may be numbers.
    given = [s.unit for s in (*words.states.values(), *defined.values()) if s.unit is not None]
    if not given and all(p.dimension is None for p in words.parameters.values()):
        words.units = dict.fromkeys(words.units)
    for name, (statement, _) in derived.items():
        words.known[name] = Name(name)
        words.units[name] = None
        if statement.unit is not None:
            words.units[name] = read_unit(statement.unit).dimension
        elif name in STATES and words.units["t"] is not None:
            words.units[name] = _dimension_of(STATES[name].unit)
            words.assumed.add(name)
    words.hints = {
        name[1:]: f"; '{name} = ...' is a definition, a derivative is {name}/dt"
        for name in defined
        if name[0] == "d" and name[1:]
    }
    definitions = _define(words, defined)
    return [_equation(words, n, s, factor) for n, (s, factor) in derived.items()], definitions


def _require_new(
    words: Vocabulary, name: str, statement: Statement, defined: Mapping[str, Statement]
) -> None:
    """Check that a name has neither a value nor an equation."""
    words.require_free(name, statement.place)
    if name in words.parameters:
        raise statement.place.error(
            f"'{name}' is a parameter, so it cannot have an equation; rename one of the two"
        )
    first = words.states.get(name) or defined.get(name)
    if first is not None:
        raise statement.place.error(
            f"'{name}' has two equations; the first is in line {first.place.line}"
        )


def _declare(words: Vocabulary, statement: Statement) -> None:
    """Read ``name : unit``, the unit of a parameter."""
    name = only_name(statement, "a parameter")
    for flag, place in statement.flags:
        if flag not in ("constant", "shared"):
            raise place.error(f"unknown flag '{flag}' of a parameter")
    if name not in words.parameters:
        raise statement.place.error(
            f"'{name}' has a unit but no value; give it one in `parameters`, or an equation"
        )
    assert statement.unit is not None
    unit = read_unit(statement.unit).dimension
    old = words.parameters[name]
    require_same(statement.place, f"'{name}'", unit, old.dimension, "`parameters` has it")
    if old.dimension is None:
        words.parameters[name] = dataclasses.replace(
            old, unit=unit_text(unit, one=""), dimension=unit
        )
    words.units[name] = unit


def _define(words: Vocabulary, defined: Mapping[str, Statement]) -> list[Definition]:
    """Return definitions, each after those that it uses."""
    definitions = []
    for name in _in_order(defined):
        statement = defined[name]
        for flag, place in statement.flags:
            if flag != "shared":
                raise place.error(f"'{flag}' is no flag of a definition")
        tree = statement.value
        assert tree is not None
        expr, unit = words.value(tree, noise=True)
        if statement.unit is not None and not (expr.boolean and statement.unit.is_name("boolean")):
            told = read_unit(statement.unit).dimension
            require_same(statement.place, f"'{name}'", unit, told, "is declared to be")
            unit = told
        words.units[name] = unit
        if expr.boolean or any(NOISE.fullmatch(n) for n in expr.names):
            words.known[name] = expr  # neither has a value of its own: what uses it has it inside
            continue
        words.known[name] = Name(name)
        words.expanded[name] = words.expand(expr)
        text = None if unit is None else unit_text(unit)
        definitions.append(Definition(name, expr, text, statement.place))
    return definitions


def _equation(
    words: Vocabulary, variable: str, statement: Statement, factor: Tree | None
) -> Equation:
    tree = statement.value
    assert tree is not None
    own = words.units[variable]
    rhs, unit = words.number(tree, noise=True)
    expected = over(own, MS)
    if factor is not None:
        scale, of_factor = words.number(factor, draws=None)
        words.fixed(factor, scale, f"the factor of d{variable}/dt", "dt")
        expected = times(expected, of_factor)
        rhs = call("div", rhs, scale)
    what = f"the right side of d{variable}/dt"
    with words.explained([variable, *tree.names()]):
        require_same(tree.place(tree.root), what, unit, expected, "has to be")
    drift, noise = _split_noise(rhs, tree)
    text = None if own is None else unit_text(own)
    return Equation(variable, drift, noise, is_held(statement), text, statement.place)


def _split_noise(rhs: Expr, tree: Tree) -> tuple[Expr, dict[str, Expr]]:
    """Return the drift, and the factor of each white noise."""
    parts = affine_in(rhs, sorted(n for n in rhs.names if NOISE.fullmatch(n)))
    if parts is None:
        places = [place for n, place in tree.names().items() if NOISE.fullmatch(n)]
        place = places[0] if places else tree.place(tree.root)
        raise place.error("white noise must be a term of the equation: ... + sigma*xi")
    return parts.rest, parts.coefficients


def _dimension_of(name: str) -> Dimension | None:
    unit = in_expressions(name)
    return None if unit is None else unit.dimension


def _derivative_of(target: Tree) -> tuple[str, Tree | None] | None:
    """Return variable and factor of ``dX/dt``, ``factor*dX/dt`` or ``dX/dt*factor``, or None for a name."""
    factor: ast.expr | None = None
    root = target.root
    match root:
        case ast.Name():
            return None
        case ast.BinOp(
            left=ast.BinOp(op=ast.Mult(), left=factor, right=over), op=ast.Div(), right=below
        ):
            pass
        case ast.BinOp(
            left=factor, op=ast.Mult(), right=ast.BinOp(left=over, op=ast.Div(), right=below)
        ):
            pass
        case ast.BinOp(
            left=ast.BinOp(left=over, op=ast.Div(), right=below), op=ast.Mult(), right=factor
        ):
            pass
        case ast.BinOp(left=over, op=ast.Div(), right=below):
            pass
        case _:
            raise target.place(root).error("the left side must be a name, dX/dt or factor*dX/dt")
    if not (isinstance(over, ast.Name) and isinstance(below, ast.Name)):
        raise target.place(root).error("the left side must be a name, dX/dt or factor*dX/dt")
    if re.fullmatch(r"d\d.*", over.id):
        raise target.place(over).error(
            "a derivative of second order needs two equations of first order"
        )
    if below.id != "dt":
        raise target.place(below).error(
            f"derivatives are with respect to time: dX/dt, not /{below.id}"
        )
    if over.id[0] != "d" or len(over.id) == 1:
        raise target.place(over).error(f"expected dX/dt on the left side, found {over.id}/dt")
    return over.id[1:], None if factor is None else Tree(target.source, target.start, factor)


def _in_order(defined: Mapping[str, Statement]) -> list[str]:
    """Return definitions, each after those that it uses."""
    uses = {}
    for name, statement in defined.items():
        assert statement.value is not None
        uses[name] = [n for n in statement.value.names() if n in defined]
    order = ordered(uses)
    if isinstance(order, list):
        return order
    first = order.split(" ", 1)[0]
    raise defined[first].place.error(f"definitions form a cycle: {order}")


def ordered(uses: Mapping[str, Iterable[str]]) -> list[str] | str:
    """Return names, each after those that it uses, or the cycle that prevents it."""
    done: dict[str, None] = {}
    for start in uses:
        path = {start: iter(uses[start])} if start not in done else {}
        while path:
            name = next(reversed(path))
            used = next((n for n in path[name] if n not in done), None)
            if used is None:
                done[name] = None
                path.popitem()
            elif used in path:
                names = list(path)
                return " -> ".join([*names[names.index(used) :], used])
            else:
                path[used] = iter(uses[used])
    return list(done)
