"""Parameters of a model from text: default, unit and rule of each."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikelet._util.checks import choice, fail, numbers, require, shown
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.text import read_expression
from spikelet.neurons.equations.units import Dimension, read_unit, unit_text

RULES = ("finite", "> 0", ">= 0", "in [0, 1]", "tau")
"""Rules for values; "tau" is a time constant: > 0, and inf means no decay."""

_GUESSES = ("mV", "ms", "pA", "pF", "nS", "GOhm", "1/ms")  # units of a quantity that brings its own


@dataclass(frozen=True)
class Parameter:
    """A parameter of a model.

    Parameters
    ----------
    default : float
        Its value where none is given, in `unit`.
    unit : str
        Unit of its values, as it was given: "pF", "Hz"; "" for a number without unit, or of an unknown one.
    rule : str
        What its values have to satisfy, one of `RULES`.
    dimension : tuple or None
        What equations are checked with; None: unknown.
    factor : float
        What turns a value into one of the base system, in which equations are evaluated: 0.001 for Hz.
    """

    default: float
    unit: str = ""
    rule: str = "finite"
    dimension: Dimension | None = field(default=None, repr=False)
    factor: float = field(default=1.0, repr=False)


def read_parameters(model: str, given: object) -> dict[str, Parameter]:
    """Return parameters by name, from ``{name: default}``, ``(default, unit)`` or ``(default, unit, rule)``.

    The unit "" is an unknown one, as None is, and "1" that of a number. All values of a parameter are in its unit: that of
    ``(0.281, "nF")`` is 281 pF in equations, and a value of 0.3 given later is 300 pF.

    Raises
    ------
    TypeError, ValueError
        If a default is no single number, breaks its rule, or its unit or rule is unknown.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        fail(model, "parameters", given, "must be a dictionary of defaults", error=TypeError)
    return {name: _parameter(model, name, value) for name, value in given.items()}


_FORMS = "must be a number, (number, unit) or (number, unit, rule)"


def _parameter(model: str, name: object, value: Any) -> Parameter:
    if not isinstance(name, str):
        fail(model, "parameters", name, "must have names that are strings", error=TypeError)
    argument = f"parameters[{shown(name)}]"
    unit: Any = None
    rule: Any = "finite"
    if isinstance(value, (tuple, list)):
        plain = isinstance(value, list) and all(isinstance(x, (int, float)) for x in value[1:])
        if plain and len(value) > 1:
            rule = f"{_FORMS}; values of neurons go to the model, as in model({name}=[...])"
            fail(model, argument, value, rule)
        if not 1 <= len(value) <= 3:
            fail(model, argument, value, _FORMS)
        unit = value[1] if len(value) > 1 and value[1] != "" else None
        rule = value[2] if len(value) > 2 else "finite"
        value = value[0]
    choice(model, f"rule of {name}", rule, *RULES)
    dimension = None
    has_unit = is_quantity(value)
    if unit is None and has_unit:
        unit = _own_unit(value)
        if unit is None:
            fail(
                model,
                argument,
                value,
                "must be in mV, ms, pA, pF, nS, GOhm or 1/ms, or (number, unit)",
            )
    base, factor = "", 1.0
    if unit not in (None, ""):  # as files have it where there is none
        parsed = read_unit(read_expression(Source.of(model, f"unit of {name}", unit)))
        dimension = parsed.dimension
        base = unit_text(dimension, one="")
        factor = float(parsed.to_base(1.0))
    default = _number(model, argument, value, base)
    if has_unit:
        default /= factor
    if not (rule == "tau" and default == np.inf):
        require(model, argument, np.asarray(default), "> 0" if rule == "tau" else rule)
    return Parameter(default, base if factor == 1 else str(unit), rule, dimension, factor)


def is_quantity(value: object) -> bool:
    """Return whether a value brings its unit, as those of pint, quantities and Brian2 do."""
    return any(hasattr(value, name) for name in ("rescale", "has_same_dimensions", "magnitude"))


def _number(model: str, argument: str, value: Any, unit: str) -> float:
    array = numbers(model, argument, value, unit)
    if array.ndim:
        rule = "must have one number as default; values of neurons go to the model"
        fail(model, argument, array.shape, rule, got="shape")
    return float(array)


def _own_unit(value: Any) -> str | None:
    """Return the unit of the base system that fits a quantity."""
    for unit in _GUESSES:
        with contextlib.suppress(Exception):
            numbers("", "", value, unit)
            return unit
    return None
