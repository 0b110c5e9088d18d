"""Texts of plasticity rules, parsed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from spikelet._util.checks import fail, number, require
from spikelet._util.spelling import suggestion
from spikelet.neurons.equations.calculus import affine_in
from spikelet.neurons.equations.expression import ZERO, Expr, Name, substitute
from spikelet.neurons.equations.model import Equation
from spikelet.neurons.equations.parameters import Parameter, read_parameters
from spikelet.neurons.equations.read_equations import ordered, read_equations
from spikelet.neurons.equations.read_events import read_assignments
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.vocabulary import Vocabulary, draws_numbers

WEIGHT, SENT, SIGNAL = "w", "transmit", "signal"
_OF_NEURONS = re.compile(r"\b([A-Za-z]\w*)_(post|pre)\b")
_UNKNOWN = frozenset({"t", "dt", "not_refractory"})


class RuleText(NamedTuple):
    """Parsed text of a rule."""

    text: str
    parameters: dict[str, Parameter]
    variables: tuple[str, ...]
    rates: dict[tuple[str, str | None], Expr]
    """Coefficients of the equations between spikes, by (of, by); by is None for a constant."""
    pre: dict[str, Expr]
    """Assignments at a spike of the source, all from the values before it."""
    post: dict[str, Expr]
    signal: dict[str, Expr] | None
    reads: tuple[str, ...]
    """States of the target that on_pre reads, such as V_m_post."""
    initial: dict[str, float]
    order: list[str]
    """Variables, each after those that act on it."""


def read_rule(
    name: str,
    text: object,
    events: tuple[object, ...],
    parameters: object,
    initial: object,
    taken: Collection[str],
) -> RuleText:
    """Return what the text of a rule says.

    Parameters
    ----------
    name : str
        Name of the rule in messages.
    text : str
        Its equations.
    events : tuple
        What happens at spikes of the source and of the target, and at signals: texts, or None.
    parameters, initial : dict or None
        As for `spikelet.SynapseEquations`.
    taken : collection of str
        Names that parameters cannot have.

    Raises
    ------
    ValueError, TypeError
        If anything is wrong; the message shows the line and marks the place.
    """
    words = Vocabulary(name, read_parameters(name, parameters))
    on_pre, on_post, on_signal = events
    for other in (WEIGHT, SENT, SIGNAL, *taken):
        if other in words.parameters:
            fail(name, "parameters", other, "must have other names: rules have this one already")
    words.no_weight = "is called w in rules"
    words.known[WEIGHT], words.units[WEIGHT] = Name(WEIGHT), None
    source = Source.of(name, "equations", text)
    equations, _ = read_equations(words, source, may_be_empty=True)
    for e in equations:
        if e.variable == SENT:
            raise e.place.error("'transmit' is what a spike transmits; on_pre sets it")
        if e.variable == SIGNAL:
            raise e.place.error("'signal' is the value of a signal; on_signal reads it")
        if e.held or e.noise:
            what = "flags" if e.held else "noise"
            raise e.place.error(f"equations of synapses have no {what}")
    if WEIGHT not in words.states:
        still, _ = read_equations(words, Source(name, "equations", f"d{WEIGHT}/dt = 0"))
        equations = [*still, *equations]
    equations.sort(key=lambda e: e.variable != WEIGHT)
    if events == (None, None, None):
        fail(name, "on_pre", None, "or on_post must be given: nothing happens at spikes")
    read_equations(words, Source(name, "equations", f"d{SENT}/dt = 0"))
    for other in _UNKNOWN:
        del words.known[other]
        words.hints[other] = "; rules know no time but that of their spikes"
    words.hints[SIGNAL] = "; on_signal reads it, and nothing else does"
    reads = _states_read(words, events)
    words.known |= {read: Name(read) for read in reads}
    words.units |= dict.fromkeys(reads)
    pre = _assigned(words, on_pre, "on_pre", {SENT: Name(WEIGHT)})
    for gone in (SENT, *reads):
        del words.known[gone]
    del words.states[SENT]
    words.hints[SENT] = "; on_pre sets what a spike transmits, and only that"
    post = _assigned(words, on_post, "on_post", {})
    words.known[SIGNAL], words.units[SIGNAL] = Name(SIGNAL), None
    signal = None if on_signal is None else _assigned(words, on_signal, "on_signal", {}, rand=False)
    rates = _rates(words, equations)
    variables = tuple(e.variable for e in equations)
    acting = {v: [by for (of, by) in rates if of == v and by not in (None, v)] for v in variables}
    order = ordered({v: [by for by in found if by is not None] for v, found in acting.items()})
    if not isinstance(order, list):
        first = order.split(" ", 1)[0]
        place = next(e.place for e in equations if e.variable == first)
        raise place.error(f"variables may not act on each other between spikes: {order}")
    begins = _initial(name, variables, initial)
    for e in equations:
        changed = any(e.variable in assigned for assigned in (pre, post, signal or {}))
        if (
            not changed
            and begins.get(e.variable, 0) == 0
            and e.variable != WEIGHT
            and not acting[e.variable]
            and (e.variable, None) not in rates
        ):
            raise e.place.error(f"'{e.variable}' is always 0: neither on_pre nor on_post sets it")
    return RuleText(
        source.text, words.parameters, variables, rates, pre, post, signal, reads, begins, order
    )


def _states_read(words: Vocabulary, events: tuple[object, ...]) -> tuple[str, ...]:
    """Return the states of the target that on_pre reads, and prepare what is said of others."""
    found: dict[str, None] = {}
    for part, text in zip(("on_pre", "on_post", "on_signal"), events, strict=True):
        for match in _OF_NEURONS.finditer(text if isinstance(text, str) else ""):
            name, whose = match.group(0), match.group(2)
            if name in words.known:
                continue
            if whose == "pre":
                words.hints[name] = "; rules cannot read states of the source"
            else:
                words.hints[name] = "; only on_pre reads states of the target"
                found |= {name: None} if part == "on_pre" else {}
    return tuple(found)


def _assigned(
    words: Vocabulary, text: object, part: str, values: dict[str, Expr], *, rand: bool = True
) -> dict[str, Expr]:
    """Return what is set at a spike, all by the values before it."""
    if text is None:
        return {}
    found: dict[str, Expr] = {}
    for a in read_assignments(words, text, part):
        expr = substitute(words.expand(a.expr), {**values, **found})
        if not expr.names.isdisjoint(_UNKNOWN):
            unknown = min(expr.names & _UNKNOWN)
            raise a.place.error(f"this depends on {unknown}, which rules do not know")
        if not rand and draws_numbers(expr):
            raise a.place.error(f"{part} draws no numbers: rand() and randn() are drawn at spikes")
        found[a.variable] = expr
    return found


def _rates(words: Vocabulary, equations: list[Equation]) -> dict[tuple[str, str | None], Expr]:
    rates: dict[tuple[str, str | None], Expr] = {}
    variables = [e.variable for e in equations]
    for e in equations:
        rhs = words.expand(e.rhs)
        parts = affine_in(rhs, variables)
        terms: dict[str | None, Expr] = {}
        if parts is not None:
            terms = dict(parts.coefficients.items()) | {None: parts.rest}
        if not terms or not all(of_parameters(x, words.parameters) for x in terms.values()):
            msg = (
                f"d{e.variable}/dt must be linear in the variables, with coefficients of parameters"
            )
            raise e.place.error(f"{msg}: it is solved exactly from spike to spike")
        rates |= {(e.variable, by): x for by, x in terms.items() if x is not ZERO}
    return rates


def _initial(name: str, variables: tuple[str, ...], given: object) -> dict[str, float]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        fail(name, "initial", given, "must be a dictionary of numbers", error=TypeError)
    found = {}
    for variable, value in given.items():
        if variable not in variables or variable == WEIGHT:
            names = tuple(v for v in variables if v != WEIGHT)
            hint = suggestion(variable, names) if isinstance(variable, str) else ""
            way_out = "; weights begin as connect says" if variable == WEIGHT else hint
            rule = f"must name variables ({', '.join(names) or 'there are none'}){way_out}"
            fail(name, "initial", variable, rule)
        first = number(name, f"initial {variable}", value)
        require(name, f"initial {variable}", first, "finite")
        found[str(variable)] = float(first)
    return found


def of_parameters(expr: Expr, known: Collection[str]) -> bool:
    """Return whether an expression depends on these names alone, and draws no numbers."""
    return expr.names <= set(known) and not draws_numbers(expr)
