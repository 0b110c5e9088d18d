"""NEST's neuron models by name: which model of ours each is, and how its parameters translate. Does not import NEST."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet._util.described import suggestion
from spikelet.neurons import (
    GIF,
    LIF,
    LIFNMDA,
    AdEx,
    HodgkinHuxley,
    IntegrateAndFire,
    Izhikevich,
    LIFAlpha,
    LIFCond,
    LIFCondAlpha,
    LIFCondSFA,
    LIFDelta,
    LIFMultisynapse,
    NeuronModel,
)
from spikelet.neurons.base import nest_model
from spikelet.neurons.equations.equations_model import EquationsModel

__all__ = ["Neuron", "known", "make", "neuron_of", "start_of", "structure"]

Values = float | npt.NDArray[np.float64]

_IN_SYNAPSES = ("tau_minus", "tau_minus_triplet")
"""Parameters of plasticity rules, which NEST keeps in the target neuron."""


@dataclass(frozen=True)
class _Entry:
    make: Callable[..., NeuronModel]
    start: Mapping[str, float]  # what NEST's states are at first, whatever the parameters
    lists: tuple[str, ...] = ()  # parameters with any number of values
    fixed: Mapping[str, float] = field(default_factory=dict)  # allowed with these values only
    ignored: tuple[str, ...] = ()  # of NEST's integration, or without effect
    neutral: Mapping[str, Any] = field(default_factory=dict)  # parameters of ours that NEST lacks


class Neuron(NamedTuple):
    """A neuron model of NEST as one of ours."""

    model: NeuronModel
    states: dict[str, Values]
    """States to be set after the population is made, which are NEST's: by default not those of ours."""
    plastic: dict[str, Values]
    """Parameters of plasticity rules that NEST keeps in the neuron: ``tau_minus``."""


_V = {"V_m": -70.0}
_AEIF = {"V_m": -70.6}
_TOLERANCE = ("gsl_error_tol",)
_V_MIN = {"V_min": -np.inf}
_GIF = ("tau_stc", "q_stc", "tau_sfa", "q_sfa")
_TRAUB = {  # not the equilibrium
    "V_m": -60.0, "Act_m": 9.895563096746586e-09, "Act_n": 2.551577051602551e-07, "Inact_h": 0.999999999106396,
}  # fmt: skip
_OURS = {"reset": "zero", "theta_plus": 0.0, "tau_theta": np.inf}


def _kernel(model: type[NeuronModel], **rest: Any) -> tuple[str, _Entry]:
    found = nest_model(model)
    assert found is not None
    return found.name, _Entry(model, _V, neutral=_OURS, **rest)


_MODELS: dict[str, _Entry] = dict(
    [
        _kernel(LIF, fixed={"delta": 0.0}, ignored=("rho",)),
        _kernel(LIFAlpha, fixed=_V_MIN),
        _kernel(LIFDelta, fixed=_V_MIN | {"refractory_input": 0.0}),
        _kernel(LIFCond),
    ]
) | {
    "iaf_psc_exp_multisynapse": _Entry(LIFMultisynapse, _V, ("tau_syn",)),
    "iaf_cond_alpha": _Entry(LIFCondAlpha, _V),
    "iaf_cond_exp_sfa_rr": _Entry(LIFCondSFA, _V),
    "iaf_bw_2001": _Entry(LIFNMDA, _V, ignored=_TOLERANCE, neutral={"I_e": 0.0}),
    "aeif_cond_exp": _Entry(partial(AdEx, synapses="cond_exp"), _AEIF, ignored=_TOLERANCE),
    "aeif_cond_alpha": _Entry(partial(AdEx, synapses="cond_alpha"), _AEIF, ignored=_TOLERANCE),
    "aeif_psc_exp": _Entry(partial(AdEx, synapses="psc_exp"), _AEIF, ignored=_TOLERANCE),
    "aeif_psc_alpha": _Entry(partial(AdEx, synapses="psc_alpha"), _AEIF, ignored=_TOLERANCE),
    "aeif_psc_delta": _Entry(
        partial(AdEx, synapses="delta"), _AEIF, fixed={"refractory_input": 0.0}, ignored=_TOLERANCE
    ),
    "hh_psc_alpha": _Entry(HodgkinHuxley, {"V_m": -65.0}),
    "hh_cond_exp_traub": _Entry(partial(HodgkinHuxley, channels="traub"), _TRAUB),
    "izhikevich": _Entry(
        Izhikevich, {"V_m": -65.0, "U_m": -13.0}, fixed=_V_MIN, ignored=("consistent_integration",)
    ),
    "gif_psc_exp": _Entry(GIF, _V, _GIF),
    "gif_cond_exp": _Entry(partial(GIF, synapses="cond_exp"), _V, _GIF, ignored=_TOLERANCE),
}


def known() -> tuple[str, ...]:
    """Return the names of NEST's models that have a counterpart."""
    return tuple(_MODELS)


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
    for key in _entry(where, name).lists:
        value = parameters.get(key, ())
        if isinstance(value, str) or not isinstance(value, (list, tuple, np.ndarray)):
            fail(where, key, value, f"must be a list in {name}")
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
    entry = _entry(where, name)
    lists = {key: list(parameters.get(key, ())) for key in entry.lists}
    model = _checked_make(where, entry, lists, {})
    own, states, plastic = model.parameters(), dict[str, Values](entry.start), dict[str, Values]()
    values = {}
    for key, value in parameters.items():
        if key in entry.lists or key in entry.ignored:
            continue
        if key in entry.fixed:
            _require(where, name, key, value, entry.fixed[key])
        elif key in model.states and key not in (*own, "theta"):
            states[key] = value
        elif key in _IN_SYNAPSES:
            plastic[key] = value
        elif key in own and key not in entry.neutral:
            values[key] = value
        else:
            there = [
                *own,
                *(s for s in model.states if s != "theta"),
                *_IN_SYNAPSES,
                *entry.fixed,
                *entry.lists,
                *entry.ignored,
            ]
            near = suggestion(key, [k for k in there if k not in entry.neutral])
            fail(where, "parameter", key, f"must be one of NEST's {name}{near}")
    return Neuron(_checked_make(where, entry, lists, values), states, plastic)


def neuron_of(model: NeuronModel) -> tuple[str, dict[str, Any]] | None:
    """Return NEST's name of a model, and the parameters; None if NEST has no such model.

    Parameters that are lists in NEST are lists here: ``tau_syn_1`` and ``tau_syn_2`` become ``tau_syn``.
    """
    for name, entry in _MODELS.items():
        if not _is(model, entry):
            continue
        if any(np.any(np.asarray(getattr(model, k)) != v) for k, v in entry.neutral.items()):
            return None
        values = {p: getattr(model, p) for p in model.parameters() if p not in entry.neutral}
        for key in entry.lists:
            names = [
                p for p in values if p.rpartition("_")[0] == key and p.rpartition("_")[2].isdigit()
            ]
            values[key] = [values.pop(p) for p in names]
        return name, values
    return None


def start_of(name: str) -> Mapping[str, float]:
    """Return the values with which NEST's states of a model start, as far as they are not 0 or at equilibrium."""
    return _MODELS[name].start


def _is(model: NeuronModel, entry: _Entry) -> bool:
    if isinstance(model, IntegrateAndFire) or isinstance(entry.make, type):
        return type(model) is entry.make
    if not isinstance(model, EquationsModel):
        return False
    counts = {
        key: [1.0] * sum(p.startswith(f"{key}_") for p in model.parameters()) for key in entry.lists
    }
    return _same(model, _template(entry.make, tuple((k, len(v)) for k, v in counts.items())))


@cache
def _template(make: Callable[..., NeuronModel], lists: tuple[tuple[str, int], ...]) -> Any:
    try:
        return make(**{key: [1.0] * n for key, n in lists})
    except ValueError:  # it needs a receptor, or lists of one length
        return None


def _same(model: EquationsModel, other: Any) -> bool:
    """Return whether two models have the same text and method."""
    if other is None:
        return False
    mine, theirs = model.equations, other.equations
    return mine is theirs or (
        (mine.text, mine.method) == (theirs.text, theirs.method)
        and mine.to_dict() == theirs.to_dict()
    )


def _entry(where: str, name: str) -> _Entry:
    if name not in _MODELS:
        near = suggestion(name, _MODELS)
        rule = f"must be a model of NEST that spikelet has{near} (there are: {', '.join(_MODELS)})"
        fail(where, "model_template", name, rule)
    return _MODELS[name]


def _checked_make(
    where: str, entry: _Entry, lists: Mapping[str, Any], values: Mapping[str, Any]
) -> NeuronModel:
    try:
        return entry.make(**lists, **values)
    except (TypeError, ValueError) as error:
        msg = f"{where}: {error}"
        raise ValueError(msg) from None


def _require(where: str, name: str, key: str, value: Any, only: float) -> None:
    array = np.asarray(value, dtype=np.float64)
    lowest = only == -np.inf  # NEST writes its smallest number for some models
    same = array <= -np.finfo(np.float64).max if lowest else array == only
    if not np.all(same):
        fail(
            where, key, value, f"must be {only:g} in {name}: spikelet's model has no such parameter"
        )
