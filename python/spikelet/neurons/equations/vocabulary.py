"""Names of a model while it is read: what each means, its unit, and where it may be used."""

from __future__ import annotations

import ast
import contextlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from spikelet._util.checks import fail, shown
from spikelet._util.spelling import suggestion
from spikelet.neurons.equations.expression import Call, Expr, Name, Number, nodes, substitute
from spikelet.neurons.equations.parameters import Parameter
from spikelet.neurons.equations.reading import FUNCTIONS, Draws, Scope, to_expression
from spikelet.neurons.equations.source import Place
from spikelet.neurons.equations.text import KEYWORDS, LONGEST_NAME, Statement, Tree
from spikelet.neurons.equations.units import MS, NUMBER, Dimension, check_units, unit_text

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NOISE = re.compile(r"xi(_[A-Za-z0-9_]+)?")

_ALWAYS = {"t": "the time", "dt": "the time step", "pi": "a constant", "weight": "the weight of events",
           "not_refractory": "a truth value"}  # fmt: skip
_XI: Dimension = tuple(Fraction(-1, 2) * power for power in MS)
_NO_NOISE = "which is allowed only in a differential equation"
_NO_WEIGHT = "is allowed only in `receptors`, which sum the events of a step"


class Vocabulary:
    """The names of a model, which grow while it is read.

    Attributes
    ----------
    model : str
        Name of the model, for messages.
    parameters : dict of str to Parameter
        Its parameters.
    states : dict of str to Statement
        Its states, and the statement of each.
    known : dict of str to Expr
        What a name stands for: itself, or an expression that has no value of its own (truth values, noise).
    units : dict of str to dimension
        What is known of the unit of each name.
    assumed : set of str
        Names without a given unit, which have the unit that they have in all models.
    expanded : dict of str to Expr
        Each definition as an expression without definitions.
    hints : dict of str to str
        What to say of names that are not known.
    draws : Draws
        Numbers streams of random numbers.
    no_weight : str
        Why ``weight`` may not be used, except where it is allowed.
    """

    def __init__(self, model: str, parameters: dict[str, Parameter]) -> None:
        self.model = model
        self.parameters = parameters
        self.states: dict[str, Statement] = {}
        self.known: dict[str, Expr] = {
            "t": Name("t"),
            "dt": Name("dt"),
            "pi": Number(math.pi),
            "not_refractory": Name("not_refractory"),
        }
        self.units: dict[str, Dimension | None] = {"t": MS, "dt": MS, "pi": NUMBER}
        self.expanded: dict[str, Expr] = {}
        self.assumed: set[str] = set()
        self.hints: dict[str, str] = {}
        self.draws = Draws()
        self.no_weight = _NO_WEIGHT
        for name, parameter in parameters.items():
            self.require_free(name, None)
            self.known[name] = Name(name)
            self.units[name] = parameter.dimension

    def require_free(self, name: str, place: Place | None) -> None:
        """Check that a name may be given to something new; without a place it is that of a parameter."""
        if not IDENTIFIER.fullmatch(name):
            problem = "is not a name: names have the letters a to z, digits and _"
        elif len(name) > LONGEST_NAME:
            problem = f"is too long: names have at most {LONGEST_NAME} characters"
        elif name in KEYWORDS:
            problem = "is a keyword of Python, so it cannot be a name"
        elif name in FUNCTIONS:
            problem = "is a function, so it cannot be a name"
        elif NOISE.fullmatch(name):
            problem = "is white noise, so it cannot be a name"
        elif name in _ALWAYS:
            problem = f"is {_ALWAYS[name]}, so it cannot be a name"
        else:
            return
        if place is None:
            fail(self.model, "parameters", name, f"must have other names: {shown(name)} {problem}")
        raise place.error(f"'{name}' {problem}")

    def number(self, tree: Tree, **scope: Any) -> tuple[Expr, Dimension | None]:
        """Return the number that a tree means and its dimension; `scope` is for `Scope`, and ``noise=True``."""
        expr, unit = self.value(tree, **scope)
        if expr.boolean:
            raise tree.place(tree.root).error(
                f"'{tree.text(tree.root)}' is a truth value where a number is needed; int(...) makes it 1 or 0"
            )
        return expr, unit

    def value(
        self,
        tree: Tree,
        *,
        noise: bool = False,
        names: Mapping[str, Expr] | None = None,
        refused: Mapping[str, str] | None = None,
        **scope: Any,
    ) -> tuple[Expr, Dimension | None]:
        """Return the number or the truth value that a tree means, and its dimension."""
        names = self.known if names is None else names
        units = self.units
        inside = tree.names()
        noises = [name for name in inside if NOISE.fullmatch(name)]
        if not noise:
            self._require_no_noise(inside, names)
        if noises:
            names = {**names, **{n: Name(n) for n in noises}}
            units = {**units, **dict.fromkeys(noises, _XI)}
        settings: dict[str, Any] = {"draws": self.draws, "hints": self.hints, **scope}
        meaning = Scope(names, refused={"weight": self.no_weight, **(refused or {})}, **settings)
        expr = to_expression(tree, meaning)
        with self.explained(inside):
            return expr, check_units(tree, units)

    @contextlib.contextmanager
    def explained(self, names: Iterable[str]) -> Iterator[None]:
        """Add to an error of units which of the units were assumed."""
        try:
            yield
        except ValueError as error:
            assumed = {name: self.units[name] for name in names if name in self.assumed}
            if not assumed:
                raise
            first, rest = str(error).split("\n", 1)
            taken = ", ".join(
                f"{name} is taken to be in {unit_text(u)}" for name, u in assumed.items() if u
            )
            msg = f"{first}; {taken}, unless its equation says otherwise (: unit)\n{rest}"
            raise ValueError(msg) from None

    def _require_no_noise(self, inside: Mapping[str, Place], names: Mapping[str, Expr]) -> None:
        """Check that neither names nor the definitions that they stand for are noise."""
        for name, place in inside.items():
            if NOISE.fullmatch(name):
                raise place.error(f"'{name}' is noise, {_NO_NOISE}")
            if name in names and any(NOISE.fullmatch(n) for n in names[name].names):
                raise place.error(f"'{name}' has noise in it, {_NO_NOISE}")

    def expand(self, expr: Expr) -> Expr:
        """Return an expression without definitions."""
        return substitute(expr, self.expanded)

    def fixed(self, tree: Tree, expr: Expr, what: str, *also: str) -> Expr:
        """Return an expression of parameters only, and what else is named, or raise."""
        full = self.expand(expr)
        free = full.names - {*self.parameters, *also}
        if free or draws_numbers(full):
            changing = f"'{min(free)}'" if free else "random numbers"
            raise tree.place(tree.root).error(
                f"{what} must be an expression of parameters, but depends on {changing}"
            )
        return full

    def assigned(self, statement: Statement) -> tuple[str, Tree]:
        """Return the state that a statement of a reset or a receptor changes, and its right side."""
        if statement.operator == ":" or statement.unit is not None:
            raise statement.place.error("expected an assignment without unit: V_m = V_reset")
        name = only_name(statement, "a state")
        if name not in self.states:
            if name in self.parameters:
                why = f"is a parameter, and parameters do not change in a step; make it a state: d{name}/dt = 0"
            elif name in self.known:
                why = (
                    f"is not a state, so it cannot be changed; states are {', '.join(self.states)}"
                )
            else:
                hint = (
                    self.hints.get(name)
                    or suggestion(name, self.states)
                    or f"; a state without dynamics is d{name}/dt = 0"
                )
                why = f"has no equation{hint}"
            raise statement.place.error(f"'{name}' {why}")
        assert statement.value is not None
        return name, statement.value


def draws_numbers(expr: Expr) -> bool:
    """Whether an expression draws random numbers."""
    return any(isinstance(node, Call) and node.op in ("rand", "randn") for node in nodes(expr))


def is_held(statement: Statement) -> bool:
    """Whether a statement has the flag ``(unless refractory)``, the only one that there is."""
    for flag, place in statement.flags:
        if flag != "unless refractory":
            raise place.error(f"unknown flag '{flag}'; there is (unless refractory)")
    return bool(statement.flags)


def only_name(statement: Statement, what: str) -> str:
    """Return the name that is all there is on the left side."""
    root = statement.target.root
    if not isinstance(root, ast.Name):
        text = statement.target.text(root)
        raise statement.place.error(f"the left side is the name of {what}, not '{text}'")
    return root.id
