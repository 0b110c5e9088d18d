"""Reads a model: texts of its parts in, a `Model` out, or a message that marks what is wrong."""

from __future__ import annotations

from spikelet._util.checks import fail
from spikelet.neurons.equations.expression import ZERO
from spikelet.neurons.equations.model import Model
from spikelet.neurons.equations.parameters import read_parameters
from spikelet.neurons.equations.read_equations import read_equations
from spikelet.neurons.equations.read_events import (
    read_initial,
    read_receptors,
    read_refractory,
    read_reset,
    read_threshold,
)
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.vocabulary import Vocabulary

__all__ = ["read_model"]


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
        An expression of parameters [ms].
    receptors : mapping of str to str, optional
        What the events of a step do.
    initial : mapping of str to str or float, optional
        Initial values of states.

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
    resets = () if reset is None else read_reset(words, reset)
    if resets and condition is None:
        fail(name, "reset", reset, "needs a threshold: without one there are no spikes")
    if refractory is not None and condition is None:
        fail(name, "refractory", refractory, "needs a threshold: without one there are no spikes")
    held = tuple(e.variable for e in equations if e.held)
    if (
        not held and condition is not None
    ):  # the potential: what the threshold names and the reset sets
        both = words.expand(condition).names & {assignment.variable for assignment in resets}
        held = tuple(name for name in words.states if name in both)[:1]
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
        held=held,
        receptors=read_receptors(words, receptors),
        initial=read_initial(words, initial),
        draws=words.draws.count,
    )
