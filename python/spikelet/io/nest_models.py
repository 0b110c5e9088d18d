"""Neurons in files with NEST's names: how their parameters, states and lists become a population's, and back.

Which model of ours each name is, `spikelet.neurons.nest_names` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet._util.spelling import suggestion
from spikelet.neurons import LIFNMDA, IntegrateAndFire, NeuronModel
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.nest_names import NEST_MODELS, NestKind, model_of_nest

__all__ = ["Neuron", "make", "neuron_of", "start_of", "structure"]

Values = float | npt.NDArray[np.float64]

_IN_SYNAPSES = ("tau_minus", "tau_minus_triplet")
"""Parameters of plasticity rules, which NEST keeps in the target neuron."""

_MOST_IN_LIST = 64

_OURS = {"reset": "zero", "theta_plus": 0.0, "tau_theta": np.inf}
"""Parameters that NEST lacks, with the values that leave them without effect."""

_START: dict[str, dict[str, float]] = {
    **{name: {"V_m": -70.6} for name in NEST_MODELS if name.startswith("aeif")},
    "hh_psc_alpha": {"V_m": -65.0},
    "hh_cond_exp_traub": {  # not the equilibrium
        "V_m": -60.0, "Act_m": 9.895563096746586e-09, "Act_n": 2.551577051602551e-07, "Inact_h": 0.999999999106396,
    },
    "izhikevich": {"V_m": -65.0, "U_m": -13.0},
}  # fmt: skip


class Neuron(NamedTuple):
    """A neuron model of NEST as one of ours."""

    model: NeuronModel
    states: dict[str, Values]
    """States to be set after the population is made, which are NEST's: by default not those of ours."""
    plastic: dict[str, Values]
    """Parameters of plasticity rules that NEST keeps in the neuron: ``tau_minus``."""


def start_of(name: str) -> Mapping[str, float]:
    """Return the states with which neurons of NEST start, whatever their parameters; others are 0 or as ours."""
    return _START.get(name, {"V_m": -70.0})


def structure(where: str, name: str, parameters: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """Return the lengths of the parameters of a model that are lists.

    Neurons of one structure can be one population.

    Parameters
    ----------
    where : str
        Names the object in errors.
    name : str
        NEST's name of the model.
    parameters : dict
        NEST's parameters of one neuron.

    Raises
    ------
    ValueError
        If there is no such model, or if such a parameter is no list.
    """
    found = []
    for key in _kind(where, name).lists:
        value = parameters.get(key, ())
        if not isinstance(value, (list, tuple)):
            fail(where, key, value, f"must be a list in {name}")
        if len(value) > _MOST_IN_LIST:
            fail(where, key, len(value), f"must have at most {_MOST_IN_LIST} values", got="length")
        found.append((key, len(value)))
    return tuple(found)


def make(where: str, name: str, parameters: Mapping[str, Any]) -> Neuron:
    """Return the model of ours for a model of NEST.

    Parameters
    ----------
    where : str
        Names the object in errors.
    name : str
        NEST's name of the model.
    parameters : dict of str to (float, array, or list of these)
        NEST's parameters, and states: one value for all neurons, or one for each.

    Raises
    ------
    ValueError
        If there is no such model, no such parameter, or if it cannot have the value.
    """
    kind, given = _kind(where, name), dict(parameters)
    plastic = {key: given.pop(key) for key in _IN_SYNAPSES if key in given}
    for key in (*_OURS, "theta"):
        if key in given:
            fail(where, "parameter", key, f"must be one of NEST's {name}")
    each: dict[str, Any] = {}
    for key in kind.lists:
        values = list(given.get(key, ()))
        each |= {f"{key}_{k}": value for k, value in enumerate(values, 1)}
        if key in given:
            given[key] = [float(np.asarray(value).flat[0]) for value in values]
    try:
        model, states = model_of_nest(where, name, given)
        model = model.replace(**{key: value for key, value in each.items() if np.ndim(value)})
    except (TypeError, ValueError) as error:
        if str(error).startswith(where):
            raise
        msg = f"{where.removesuffix(':')}: {error}"
        raise ValueError(msg) from None
    return Neuron(model, {**start_of(name), **states}, plastic)


def neuron_of(model: NeuronModel, *, any_method: bool = False) -> tuple[str, dict[str, Any]] | None:
    """Return NEST's name of a model, and the parameters; None if NEST has no such model.

    Parameters that are lists in NEST are lists here: ``tau_syn_1`` and ``tau_syn_2`` become ``tau_syn``.

    Parameters
    ----------
    model : NeuronModel
        A model of ours.
    any_method : bool
        Whether it may be integrated by another method than the one with which `make` makes it.
    """
    neutral: dict[str, Any] = _OURS if isinstance(model, IntegrateAndFire) else {}
    for name, kind in NEST_MODELS.items():
        if not _is(model, kind, any_method):
            continue
        if kind.make is LIFNMDA:
            neutral = {"I_e": 0.0}
        if any(np.any(np.asarray(getattr(model, k)) != v) for k, v in neutral.items()):
            return None
        values = {p: getattr(model, p) for p in model.parameters() if p not in neutral}
        for key in kind.lists:
            values[key] = [values.pop(p) for p in _of_list(model, key)]
        return name, values
    return None


def _of_list(model: NeuronModel, key: str) -> list[str]:
    """Return the names of the parameters that are a list in NEST, in order: numbered, or named as the receptors are."""
    names = [p.removeprefix(f"{key}_") for p in model.parameters() if p.startswith(f"{key}_")]
    numbered = [f"{key}_{k}" for k in sorted(int(x) for x in names if x.isdigit())]
    return numbered or [f"{key}_{x}" for x in model.receptors if x in names]


def _is(model: NeuronModel, kind: NestKind, any_method: bool) -> bool:
    if isinstance(model, IntegrateAndFire) or isinstance(kind.make, type):
        return type(model) is kind.make
    if not isinstance(model, EquationsModel):
        return False
    shapes = tuple(_shape(model, key) for key in kind.lists)
    methods = (None, model.equations.method) if any_method else (None,)
    return any(_same(model, _template(kind.make, shapes, method)) for method in methods)


def _same(model: EquationsModel, other: EquationsModel | None) -> bool:
    if other is None:
        return False
    mine, theirs = model.equations, other.equations
    return mine is theirs or (
        (mine.text, mine.method) == (theirs.text, theirs.method)
        and mine.to_dict() == theirs.to_dict()
    )


def _shape(model: NeuronModel, key: str) -> tuple[str, int | tuple[str, ...]]:
    """Return a parameter that is a list in NEST, and its length, or the names of its entries."""
    found = _of_list(model, key)
    names = tuple(p.removeprefix(f"{key}_") for p in found)
    return key, len(names) if all(x.isdigit() for x in names) else names


@cache
def _template(
    make: Callable[..., NeuronModel],
    lists: tuple[tuple[str, int | tuple[str, ...]], ...],
    method: str | None,
) -> Any:
    given: dict[str, Any] = {
        key: [1.0] * n if isinstance(n, int) else dict.fromkeys(n, 1.0) for key, n in lists
    }
    if method is not None:
        if "method" not in signature(make).parameters:
            return None
        given["method"] = method
    try:
        return make(**given)
    except (TypeError, ValueError):
        # It needs a receptor or lists of one length, or has no such method.
        return None


def _kind(where: str, name: str) -> NestKind:
    if name not in NEST_MODELS:
        near = suggestion(name, NEST_MODELS)
        there = ", ".join(NEST_MODELS)
        rule = f"must be a model of NEST that spikelet has{near} (there are: {there})"
        fail(where, "model_template", name, rule)
    return NEST_MODELS[name]
