"""Reads a model: texts of its parts in, a `Model` out, or a message that marks what is wrong."""

from __future__ import annotations

from collections.abc import Collection

from spikelet._util.checks import fail
from spikelet.neurons.equations.calculus import affine_in
from spikelet.neurons.equations.expression import ZERO, Call, Expr, Number
from spikelet.neurons.equations.model import Model
from spikelet.neurons.equations.parameters import read_parameters
from spikelet.neurons.equations.read_equations import read_equations
from spikelet.neurons.equations.read_events import (
    read_assignments,
    read_initial,
    read_receptors,
    read_refractory,
    read_threshold,
)
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.vocabulary import Vocabulary


def read_model(
    text: object,
    *,
    name: str = "Equations",
    parameters: object = None,
    threshold: object = None,
    reset: object = None,
    refractory: object = None,
    receptors: object = None,
    initial: object = None,
    schedule: str = "nest",
) -> Model:
    """Return what the texts of a model say.

    Parameters
    ----------
    text : str
        Equations and definitions, one a line.
    name : str
        Name of the model, with which messages begin.
    parameters : mapping, optional
        See `read_parameters`.
    threshold : str, optional
        A truth value.
    reset : str, optional
        Assignments to states.
    refractory : str, float or quantity, optional
        An expression of parameters and dt [ms].
    receptors : mapping of str to str, optional
        What the events of a step do.
    initial : mapping of str to str or float, optional
        Initial values of states.
    schedule : {"nest", "brian2"}
        Order within a step. As in Brian2, its second has no state held but the flagged ones, which ignore events, too.

    Raises
    ------
    TypeError
        If an argument is of the wrong type.
    ValueError
        If anything in a text is wrong; the message shows the line and marks the place.
    """
    words = Vocabulary(name, read_parameters(name, parameters))
    source = Source.of(name, "equations", text)
    equations, definitions = read_equations(words, source)
    condition = None if threshold is None else read_threshold(words, threshold)
    resets = () if reset is None else read_assignments(words, reset)
    if resets and condition is None:
        fail(name, "reset", reset, "needs a threshold: without one there are no spikes")
    if refractory is not None and condition is None:
        fail(name, "refractory", refractory, "needs a threshold: without one there are no spikes")
    flagged = held = tuple(e.variable for e in equations if e.held)
    as_brian2 = schedule == "brian2" and refractory is not None
    if not held and condition is not None and not as_brian2:
        held = _potential(words, words.expand(condition), {each.variable for each in resets})
    return Model(
        name=name,
        text=source.text,
        parameters=words.parameters,
        equations=tuple(equations),
        definitions=tuple(definitions),
        threshold=condition,
        reset=resets,
        refractory=ZERO if refractory is None else read_refractory(words, refractory),
        refractory_given=refractory is not None,
        schedule=schedule,
        held=held,
        receptors=read_receptors(words, receptors, flagged if as_brian2 else ()),
        initial=read_initial(words, initial),
        draws=words.draws.count,
    )


def _potential(words: Vocabulary, condition: Expr, reset: Collection[str]) -> tuple[str, ...]:
    """Return the potential: the first state that the threshold reads and the reset sets, and that can reach it.

    A state that is the threshold of another, as ``th`` in ``V_m >= th``, is none.
    """
    read = [name for name in words.states if name in condition.names]
    rising = [name for name in read if not _leads_away(condition, name)]
    surely = [name for name in rising if _leads_away(condition, name, -1)]
    return tuple(name for name in surely or rising or read if name in reset)[:1]


def _leads_away(condition: Expr, name: str, sign: int = 1) -> bool:
    """Return whether a condition surely becomes no truer as a variable grows; with the sign -1, no less true."""
    if not isinstance(condition, Call):
        return False
    if condition.op in ("and", "or"):
        return all(_leads_away(part, name, sign) for part in condition.args if name in part.names)
    if condition.op == "not":
        return _leads_away(condition.args[0], name, -sign)
    if condition.op not in ("lt", "le"):
        return False
    low, high = condition.args
    parts = affine_in(high - low, [name])
    slope = None if parts is None else parts.coefficients.get(name)
    return isinstance(slope, Number) and slope.value * sign < 0
