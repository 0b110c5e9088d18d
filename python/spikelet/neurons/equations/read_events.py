"""What happens at spikes and events: threshold, reset, refractory period, receptors; and initial values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from spikelet._util.checks import fail, number, require
from spikelet._util.spelling import suggestion
from spikelet.neurons.equations.calculus import affine_in
from spikelet.neurons.equations.expression import ZERO, Expr, Name, Number, call, substitute
from spikelet.neurons.equations.model import Assignment, Effect, Receptor
from spikelet.neurons.equations.read_equations import ordered
from spikelet.neurons.equations.reading import MAGNITUDE, Draws
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.text import Statement, read_expression, read_statements
from spikelet.neurons.equations.units import MS, NUMBER, require_same, unit_text
from spikelet.neurons.equations.vocabulary import IDENTIFIER, Vocabulary, draws_numbers, is_held

_AUGMENTED = {"+=": "add", "-=": "sub", "*=": "mul", "/=": "div"}


def read_threshold(words: Vocabulary, text: object) -> Expr:
    """Return the condition of a spike."""
    tree = read_expression(Source.of(words.model, "threshold", text))
    expr, _ = words.value(tree)
    if not expr.boolean:
        raise tree.place(tree.root).error(
            f"the threshold '{tree.text(tree.root)}' is a number; compare it: V_m >= V_th"
        )
    return expr


def read_assignments(
    words: Vocabulary, text: object, part: str = "reset"
) -> tuple[Assignment, ...]:
    """Return the assignments at a spike."""
    assignments = []
    for statement in read_statements(Source.of(words.model, part, text)):
        variable, tree = words.assigned(statement)
        for _, place in statement.flags:
            raise place.error(
                f"'{part}' has no flags" if part != "reset" else "a reset has no flags"
            )
        value, unit = words.number(tree)
        own = NUMBER if statement.operator in ("*=", "/=") else words.units[variable]
        require_same(tree.place(tree.root), f"'{tree.text(tree.root)}'", unit, own, "has to be")
        op = _AUGMENTED.get(statement.operator)
        expr = value if op is None else call(op, Name(variable), value)
        assignments.append(Assignment(variable, expr, statement.place))
    return tuple(assignments)


def read_refractory(words: Vocabulary, value: Any) -> Expr:
    """Return the refractory period [ms]."""
    if not isinstance(value, str):
        period = number(words.model, "refractory", value, "ms")
        require(words.model, "refractory", period, ">= 0")
        return Number(float(period))
    tree = read_expression(Source.of(words.model, "refractory", value))
    expr, unit = words.number(tree, draws=None)
    period_expr = words.fixed(tree, expr, "the refractory period", "dt")
    require_same(tree.place(tree.root), f"'{tree.text(tree.root)}'", unit, MS, "has to be")
    return period_expr


def read_receptors(
    words: Vocabulary, given: object, closed: Collection[str] = ()
) -> tuple[Receptor, ...]:
    """Return what events do; `closed` states ignore them while the neuron is refractory, flagged or not."""
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        fail(words.model, "receptors", given, "must be a dictionary of texts", error=TypeError)
    found = []
    for name, text in given.items():
        if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
            fail(words.model, "receptors", name, "must have names made of letters, digits and _")
        statements = read_statements(Source.of(words.model, f"receptor {name}", text))
        if not statements:
            fail(words.model, f"receptor {name}", text, "must have an effect: I_syn += weight")
        effects = [effect for s in statements for effect in _effects(words, s, closed)]
        found.append(Receptor(name, tuple(effects)))
    return tuple(found)


def _effects(words: Vocabulary, statement: Statement, closed: Collection[str]) -> Iterable[Effect]:
    """Return one effect for the weight, and one for its magnitude."""
    variable, tree = words.assigned(statement)
    held = is_held(statement) or variable in closed
    if statement.operator not in ("+=", "-="):
        raise statement.place.error(
            f"events are summed first, so their effect is {variable} += factor*weight"
        )
    weights = {name: Name(name) for name in ("weight", MAGNITUDE)}
    no_draws = "rand() and randn() are drawn once a step, not for each event"
    value, _ = words.number(tree, names={**words.known, **weights}, draws=None, no_draws=no_draws)
    parts = affine_in(value, weights)
    place, text = tree.place(tree.root), tree.text(tree.root)
    if parts is None:
        raise place.error(f"'{text}' is not linear in weight: factor*weight or factor*abs(weight)")
    if parts.rest is not ZERO or not parts.coefficients:
        raise place.error(
            f"'{text}' has a part without weight; events are summed first: factor*weight"
        )
    for name, factor in parts.coefficients.items():
        signed = -factor if statement.operator == "-=" else factor
        if draws_numbers(words.expand(signed)):
            raise place.error(no_draws)
        yield Effect(variable, signed, name == MAGNITUDE, held, statement.place)


def read_initial(words: Vocabulary, given: object) -> dict[str, Expr]:
    """Return the initial value of each state, free of other states."""
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        fail(words.model, "initial", given, "must be a dictionary of values", error=TypeError)
    for name in given:
        if name not in words.states:
            hint = suggestion(name, words.states) if isinstance(name, str) else ""
            rule = f"must name states ({', '.join(words.states)}){hint}"
            fail(words.model, "initial", name, rule)
    draws = Draws()
    values: dict[str, Expr] = {}
    for name in words.states:
        if name in given:
            values[name] = _initial(words, name, given[name], draws)
        else:
            at_rest = name == "V_m" and "E_L" in words.parameters
            values[name] = Name("E_L") if at_rest else ZERO
    order = ordered({n: [m for m in values if m in v.names] for n, v in values.items()})
    if not isinstance(order, list):
        fail(words.model, "initial", order, "must not form a cycle")
    solved: dict[str, Expr] = {}
    for name in order:
        solved[name] = substitute(values[name], solved)
    return {name: solved[name] for name in values}


_NOT_YET = {
    "t": "is 0 at the start, so write 0",
    "dt": "is not known when initial values are computed",
    "not_refractory": "is not known before the first step",
}


def _initial(words: Vocabulary, name: str, value: Any, draws: Draws) -> Expr:
    unit = words.units[name]
    if not isinstance(value, str):
        text = "" if unit is None else unit_text(unit, one="")
        several = isinstance(value, (list, tuple)) or bool(getattr(value, "ndim", 0))
        if several or hasattr(value, "to_core"):
            rule = 'must be one number or a text such as "rand()"'
            way_out = f"assign others to the population, as in cells.{name} = ..."
            fail(words.model, f"initial {name}", value, f"{rule}; {way_out}")
        first = number(words.model, f"initial {name}", value, text)
        require(words.model, f"initial {name}", first, "finite")
        return Number(float(first))
    tree = read_expression(Source.of(words.model, f"initial {name}", value))
    names = {n: e for n, e in words.known.items() if n not in _NOT_YET}
    expr, found = words.number(tree, names=names, draws=draws, refused=_NOT_YET)
    require_same(tree.place(tree.root), f"'{tree.text(tree.root)}'", found, unit, f"{name} is")
    for used, place in tree.names().items():
        inside = words.expand(names.get(used, ZERO))
        if draws_numbers(inside) or not inside.names <= {*words.parameters, *words.states}:
            raise place.error(f"'{used}' depends on t or dt, or on random numbers of a step")
    return words.expand(expr)
