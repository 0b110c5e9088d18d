"""What a model from text says, as plain data: equations, definitions, threshold, reset, receptors, initial values."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from spikelet.neurons.equations.expression import Expr, substitute
from spikelet.neurons.equations.parameters import Parameter
from spikelet.neurons.equations.source import Place


@dataclass(frozen=True)
class Equation:
    """``d(variable)/dt = rhs + sum(noise[xi] * xi)``.

    Expressions name states, parameters and definitions; `Model.expand` replaces the latter.

    Parameters
    ----------
    variable : str
        The state.
    rhs : Expr
        Its derivative without noise, per ms; the factor on the left side of the text is divided out.
    noise : mapping of str to Expr
        Factor of each white noise, ``xi`` or ``xi_...``.
    held : bool
        Whether it is flagged ``(unless refractory)``.
    unit : str or None
        Its unit in the base system, if known.
    place : Place
        Where the equation begins: ``place.error(message)`` marks it.
    """

    variable: str
    rhs: Expr
    noise: Mapping[str, Expr]
    held: bool
    unit: str | None
    place: Place


@dataclass(frozen=True)
class Definition:
    """``name = expr``, with `unit` in the base system, if known."""

    name: str
    expr: Expr
    unit: str | None
    place: Place


@dataclass(frozen=True)
class Assignment:
    """``variable = expr`` at a reset; ``w += b`` has the expression ``w + b``."""

    variable: str
    expr: Expr
    place: Place


@dataclass(frozen=True)
class Effect:
    """``variable += factor * weight``, with the sum of weights of a step, or the sum of their magnitudes."""

    variable: str
    factor: Expr
    magnitude: bool
    held: bool  # nothing is added while the neuron is refractory
    place: Place


@dataclass(frozen=True)
class Receptor:
    """What the events of a step do, in order."""

    name: str
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Model:
    """A model from text.

    Parameters
    ----------
    name : str
        Its name.
    text : str
        The text of its equations, without common indentation.
    parameters : mapping of str to Parameter
        Parameters in the order given.
    equations : tuple of Equation
        One for each state, in the order of the text.
    definitions : tuple of Definition
        Definitions that are numbers, each after those that it uses.
    threshold : Expr or None
        True where a neuron spikes; None: it never does.
    reset : tuple of Assignment
        What a spike does, in order.
    refractory : Expr
        Refractory period, in ms, of parameters and dt; 0 if none is given.
    refractory_given : bool
        Whether one is given, perhaps of 0.
    schedule : str
        "nest": events act before the threshold test; "brian2": after it.
    held : tuple of str
        States that stay while a neuron is refractory.
    receptors : tuple of Receptor
        Receptors in the order given.
    initial : mapping of str to Expr
        Initial value of each state, of parameters and random numbers only, whose streams are numbered from 0 again.
    draws : int
        How many streams of random numbers equations, threshold and reset have, numbered from 0.
    """

    name: str
    text: str
    parameters: Mapping[str, Parameter]
    equations: tuple[Equation, ...]
    definitions: tuple[Definition, ...]
    threshold: Expr | None
    reset: tuple[Assignment, ...]
    refractory: Expr
    refractory_given: bool
    schedule: str
    held: tuple[str, ...]
    receptors: tuple[Receptor, ...]
    initial: Mapping[str, Expr]
    draws: int

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states."""
        return tuple(e.variable for e in self.equations)

    @functools.cached_property
    def expanded(self) -> dict[str, Expr]:
        """Each definition as an expression of states, parameters, time and noise."""
        known: dict[str, Expr] = {}
        for d in self.definitions:
            known[d.name] = substitute(d.expr, known)
        return known

    def expand(self, expr: Expr) -> Expr:
        """Return an expression with definitions replaced by what they stand for."""
        return substitute(expr, self.expanded)
