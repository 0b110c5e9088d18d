"""NEST's neuron models and ours: names, parameters, states, and what NEST lacks. Does not import NEST."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, magnitude, named
from spikelet._util.spelling import spelled, suggestion
from spikelet.network.population import Population
from spikelet.network.receptors import receptor_number
from spikelet.neurons import LIF, LIFNMDA, IntegrateAndFire, LIFOneCurrent, NeuronModel
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.nest_names import NEST_MODELS, NestKind, model_of_nest

Floats = npt.NDArray[np.float64]
Values = float | Floats

EXCITATORY, INHIBITORY = range(2)
"""Numbers of the receptors between which the sign of a weight chooses."""

_IN_SYNAPSES = ("tau_minus", "tau_minus_triplet")
"""Parameters of plasticity rules, which NEST keeps in the target neuron."""

_MOST_IN_LIST = 64

_OURS = {"reset": "zero", "theta_plus": 0.0, "tau_theta": np.inf}
"""Parameters that NEST lacks, with the values that leave them without effect."""

_START: dict[str, dict[str, float]] = {
    **{name: {"V_m": -70.6} for name in NEST_MODELS if name.startswith("aeif")},
    "hh_psc_alpha": {"V_m": -65.0},
    "hh_cond_exp_traub": {  # not the equilibrium
        "V_m": -60.0,
        "Act_m": 9.895563096746586e-09,
        "Act_n": 2.551577051602551e-07,
        "Inact_h": 0.999999999106396,
    },
    "izhikevich": {"V_m": -65.0, "U_m": -13.0},
}

_PORTS = "iaf_psc_exp_multisynapse"
_RESTORED = ("iaf_psc_exp", "gif_psc_exp", _PORTS)
"""Models whose currents an event can restore: it adds its weight."""
_EXACT = ("iaf_psc_exp", "iaf_psc_alpha", "iaf_psc_delta", _PORTS)
_METHODS = {"izhikevich": "by Euler's method", "gif_psc_exp": "with events a step earlier"}
_NOT_NEGATIVE = ("g_", "dg_", "I_syn", "dI_syn")
"""Beginnings of the names of states that NEST keeps at 0 or above."""
_LARGEST_EXPONENT = float(np.log(np.finfo(np.float64).max / 1e20))


class Neuron(NamedTuple):
    """A neuron model of NEST as one of ours."""

    model: NeuronModel
    states: dict[str, Values]
    """States to be set after the population is made, which are NEST's: by default not those of ours."""
    plastic: dict[str, Values]
    """Parameters of plasticity rules that NEST keeps in the neuron: ``tau_minus``."""


@dataclass(frozen=True)
class Cell:
    """The model of NEST that a model of ours becomes.

    Attributes
    ----------
    model : NeuronModel
        Ours.
    name : str
        NEST's name.
    parameters : dict
        In NEST's names: numbers, arrays, and for those of `kind.lists` lists of these.
    kind : NestKind
        What NEST's model has.
    factors : mapping of str to (float or array)
        From NEST's values of states to ours, where they are not 1.
    """

    model: NeuronModel
    name: str
    parameters: dict[str, Any]
    kind: NestKind
    factors: Mapping[str, Any]

    @property
    def stochastic(self) -> bool:
        """True if NEST draws the spikes at random."""
        return self.name in ("gif_psc_exp", "gif_cond_exp")

    @property
    def note(self) -> str | None:
        """A note if NEST integrates the model by another method than ours."""
        if self.name in _EXACT:
            return None
        how = _METHODS.get(self.name, "with adaptive steps")
        kind = type(self.model).__name__
        return f"{self.name} is integrated {how}: close to {kind}, not equal"

    def columns(self, state: str) -> tuple[str, ...]:
        """Return NEST's states whose sum is a state of ours."""
        if isinstance(self.model, LIFOneCurrent) and state == "I_syn":
            return ("I_syn_ex", "I_syn_in")
        if self.name == _PORTS and state.startswith("I_syn_"):
            return (f"I_syn_{self.model.receptors.index(state.removeprefix('I_syn_')) + 1}",)
        return (state,)

    def port(self, receptor: int | str | None) -> int:
        """Return NEST's port for a receptor, given by its number or its name; 0 where there are no ports."""
        if self.name != _PORTS:
            return 0
        if not isinstance(receptor, int):
            receptor = receptor_number("to_nest", self.model, receptor)
        return max(receptor, 0) + 1  # a single receptor need not be named

    def currents(self, population: Population) -> dict[str, tuple[int, Floats]]:
        """Return, by state, the port and the weights of events that restore currents, which cannot be set in NEST."""
        if self.name not in _RESTORED:
            return {}
        if isinstance(
            self.model, LIFOneCurrent
        ):  # the sign of an event's weight picks NEST's current
            return {"I_syn": (0, _values(population, "I_syn"))}
        if self.name == _PORTS:
            states = [s for s in self.model.states if s.startswith("I_syn_")]
            return {s: (k, _values(population, s)) for k, s in enumerate(states, 1)}
        excitatory, inhibitory = (_values(population, s) for s in ("I_syn_ex", "I_syn_in"))
        return {
            "I_syn_ex": (0, np.maximum(excitatory, 0.0)),
            "I_syn_in": (0, np.minimum(inhibitory, 0.0)),
        }

    def states(self, population: Population) -> dict[str, Floats]:
        """Return the present states that can be set in NEST, in NEST's values."""
        found = {}
        for state in self.model.states:
            if state in self.kind.settable:
                values = _values(population, state) / self.factors.get(state, 1.0)
                floored = state.startswith(_NOT_NEGATIVE)
                found[state] = np.maximum(values, 0.0) if floored else values
        return found

    def lost(self, population: Population) -> list[str]:
        """Describe the present states that NEST cannot have."""
        kept = {s: v for s, (_, v) in self.currents(population).items()}
        kept |= {s: v * self.factors.get(s, 1.0) for s, v in self.states(population).items()}
        wrong, unset = [], []
        for state in self.model.states:
            values = _values(population, state)
            if state not in kept:
                if state != "theta" and values.any():
                    unset.append(state)
            elif not np.allclose(values, kept[state], rtol=1e-12, atol=0.0):
                wrong.append(state)
        found = []
        if wrong:
            found.append(f"{' and '.join(wrong)} of the sign of the other receptor")
        if unset:
            found.append(f"{' and '.join(unset)}, which cannot be set in {self.name}")
        return found

    def obstacles(self, population: Population) -> list[str]:
        """Describe the parameters that NEST cannot represent."""
        model, found = self.model, []
        if isinstance(model, IntegrateAndFire):
            if model.reset != "zero":
                found.append(f'reset="{model.reset}" is not in NEST, which resets to V_reset')
            if np.any(model.theta_plus) or np.any(population.theta):
                found.append(f"the adaptive threshold theta is not in {self.name}")
            elif np.any(np.asarray(model.V_reset) >= np.asarray(model.V_th)):
                found.append("V_reset must lie below V_th")
        if self.name.startswith("aeif"):
            names = ("V_peak", "V_th", "Delta_T")
            peak, start, slope = (np.asarray(self.parameters[p]) for p in names)
            exponent = f"(V_peak - V_th) / Delta_T must be below {_LARGEST_EXPONENT:.0f}"
            if np.any(peak < start):
                found.append(f"V_peak must not lie below V_th in {self.name}")
            elif np.any((peak - start) / slope >= _LARGEST_EXPONENT):
                found.append(f"{exponent} in {self.name}")
        return found


def find_cell(model: object, *, exact: bool = False) -> Cell | None:
    """Return the model of NEST that a model becomes, None if there is none.

    Parameters that are lists in NEST are lists in the result: ``tau_syn_1`` and ``tau_syn_2`` become ``tau_syn``.

    Parameters
    ----------
    model : object
        A model of neurons; others have none.
    exact : bool
        Whether `make` must return the same model: made with its default method, without parameters that NEST lacks.
    """
    if not isinstance(model, NeuronModel):
        return None
    matches = (item for item in NEST_MODELS.items() if _is(model, item[1], exact))
    name, kind = next(matches, (None, None))
    if name is None or kind is None or (name == "iaf_bw_2001" and not exact):
        return None
    neutral: dict[str, Any] = _OURS if isinstance(model, IntegrateAndFire) else {}
    if kind.make is LIFNMDA:
        neutral = {"I_e": 0.0}
    differs = any(np.any(np.asarray(getattr(model, k)) != v) for k, v in neutral.items())
    if exact and differs:
        return None
    values = {p: getattr(model, p) for p in model.parameters() if p not in neutral}
    if isinstance(model, LIFOneCurrent):
        values["tau_syn_ex"] = values["tau_syn_in"] = values.pop("tau_syn")
    for key in kind.lists:
        values[key] = [values.pop(p) for p in _of_list(model, key)]
    return Cell(model, name, values, kind, kind.factors(model))


def cell_of(model: object) -> Cell:
    """Return the model of NEST for a model that `obstacles.inspect` does not refuse."""
    cell = find_cell(model)
    assert cell is not None
    return cell


def weight_factor(model: object, receptor: int) -> float:
    """Return the factor from our weights to NEST's, where the sign of a weight picks the receptor."""
    conductance = isinstance(model, NeuronModel) and model.conductance
    return -1.0 if conductance and receptor == INHIBITORY else 1.0


def _values(population: Population, state: str) -> Floats:
    return np.asarray(getattr(population, state), dtype=np.float64)


def _of_list(model: NeuronModel, key: str) -> list[str]:
    """Return the names of the parameters that are a list in NEST, in order: numbered, or named as the receptors are."""
    names = [p.removeprefix(f"{key}_") for p in model.parameters() if p.startswith(f"{key}_")]
    numbered = [f"{key}_{k}" for k in sorted(int(x) for x in names if x.isdigit())]
    return numbered or [f"{key}_{x}" for x in model.receptors if x in names]


def _is(model: NeuronModel, kind: NestKind, exact: bool) -> bool:
    if isinstance(model, LIFOneCurrent) and not exact:
        return kind.make is LIF
    if isinstance(model, IntegrateAndFire) or isinstance(kind.make, type):
        return type(model) is kind.make
    if not isinstance(model, EquationsModel):
        return False
    shapes = tuple(_shape(model, key) for key in kind.lists)
    methods = (None,) if exact else (None, model.equations.method)
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
    names = tuple(p.removeprefix(f"{key}_") for p in _of_list(model, key))
    return key, len(names) if all(x.isdigit() for x in names) else names


@cache
def _template(
    make: Callable[..., NeuronModel],
    lists: tuple[tuple[str, int | tuple[str, ...]], ...],
    method: str | None,
) -> Any:
    """Return a model with lists of given lengths and a method, None if there is no such model."""
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


def start_of(name: str) -> Mapping[str, float]:
    """Return the states with which neurons of NEST start, whatever their parameters; others are 0 or as ours."""
    return _START.get(name, {"V_m": -70.0})


def _kind(where: str, name: str) -> NestKind:
    if name not in NEST_MODELS:
        near = suggestion(name, NEST_MODELS)
        there = ", ".join(NEST_MODELS)
        rule = f"must be a model of NEST that spikelet has{near} (there are: {there})"
        fail(where, "model_template", name, rule)
    return NEST_MODELS[name]


def structure(where: str, name: str, parameters: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """Return the lengths of the parameters of a NEST model that are lists; neurons of one structure can be one population.

    Raises
    ------
    ValueError
        If there is no such model, or if such a parameter is not a list.
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
    """Return the model of ours for a model of NEST in a file.

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


@spelled
def nest_model(
    name: str, parameters: Mapping[str, Any] | None = None
) -> tuple[NeuronModel, dict[str, Any]]:
    """Return the model for a NEST model name and parameter dictionary, and the initial states in that dictionary.

    NEST mixes parameters and states (``V_m``), and keeps some of its synapses' parameters in the neuron (``tau_minus``, which
    is ignored: give it to the plasticity rule).

    Parameters
    ----------
    name : str
        NEST's name of the model, such as "iaf_psc_exp".
    parameters : mapping of str to (float or array), optional
        Parameters and states in NEST's names and units, or what ``nest.GetStatus`` returns.

    Returns
    -------
    model : NeuronModel
        For `Network.population`.
    states : dict of str to (float or array)
        Initial states, to be set on the population.

    Raises
    ------
    ValueError
        If spikelet has no such model or parameter; the message names the nearest.
    TypeError
        If `name` is not a string or `parameters` is not a mapping.

    Examples
    --------
    >>> import numpy as np
    >>> import spikelet as sl
    >>> model, states = sl.io.nest_model("iaf_psc_exp", {"tau_m": 20.0, "V_m": -65.0, "tau_minus": 20.0})
    >>> net = sl.Network()
    >>> cells = net.population(10, model)
    >>> for state, values in states.items():
    ...     setattr(cells, state, values)
    >>> float(np.mean(cells.V_m))
    -65.0
    """
    if not isinstance(name, str):
        rule = "must be the name of a NEST model, such as 'iaf_psc_exp'"
        fail("nest_model", "name", name, rule, error=TypeError)
    if parameters is not None and not isinstance(parameters, Mapping):
        fail("nest_model", "parameters", parameters, "must be a mapping", error=TypeError)
    for parameter, value in (parameters or {}).items():
        with named(f"nest_model: {parameter}"):
            magnitude(value, "")  # numbers in NEST's units; a unit would be lost
    model, states = model_of_nest("nest_model", name, dict(parameters or {}))
    return model, {state: np.asarray(value)[()] for state, value in states.items()}
