"""NEST's synapse models and the plasticity rules that they are here, a row for each model. Does not import NEST."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.spelling import suggestion
from spikelet.io.nest.neuron_models import weight_factor
from spikelet.network.projection import Projection
from spikelet.plasticity import STDP, InhibitorySTDP, Plasticity, TripletSTDP, TsodyksMarkram

Values = Mapping[str, Any]

STATIC = ("static_synapse_hom_w", "static_synapse")
"""Models without plasticity."""

SHORT_TERM = ("tsodyks_synapse", "tsodyks2_synapse")
"""Models whose parameters may differ between synapses of one projection."""

TARGET_DEFAULTS = {"tau_minus": 20.0, "tau_minus_triplet": 110.0}
"""Parameters of rules that NEST keeps in the target neuron."""

STATES_AT_REST = {"Kplus": 0.0, "Kplus_triplet": 0.0, "x": 1.0, "y": 0.0}
"""States of synapses that have not seen a spike. That of u depends on the model."""

# Models that have the parameters of static_synapse only, and are something else.
_LIKE_STATIC = (
    "cont_delay_synapse",
    "gap_junction",
    "rate_connection_delayed",
    "rate_connection_instantaneous",
)
_PAIRINGS = {
    "all_to_all": "stdp_synapse",
    "nearest_symmetric": "stdp_nn_symm_synapse",
    "nearest_pre_centered": "stdp_nn_pre_centered_synapse",
    "nearest_restricted": "stdp_nn_restr_synapse",
}
_EXPONENTS = {"additive": (0.0, 0.0), "multiplicative": (1.0, 1.0)}


@dataclass(frozen=True)
class SynapseModel:
    """The translation between a synapse model of NEST and a plasticity rule.

    Attributes
    ----------
    defaults : mapping
        NEST's parameters with their defaults.
    rule : type, optional
        The class of the rule; None without plasticity.
    names : mapping of str to str
        NEST's parameters that have the same value in the rule, with its name there.
    in_target : mapping of str to str
        The same for parameters that NEST keeps in the target neuron.
    to_rule : callable
        Returns the other arguments of the rule, given NEST's parameters.
    to_nest : callable
        Returns NEST's other parameters, given the rule and dt [ms].
    """

    defaults: Values
    rule: type[Plasticity] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    in_target: Mapping[str, str] = field(default_factory=dict)
    to_rule: Callable[[Values], Values] = lambda _: {}
    to_nest: Callable[[Any, float], Values] = lambda _rule, _dt: {}


def _amplitudes_to_rule(synapse: Values, pairing: str = "all_to_all") -> Values:
    w_max = abs(synapse.get("Wmax", 1.0))  # the power law has no bound
    found = {
        "A_plus": synapse["lambda"] * w_max,
        "A_minus": synapse["lambda"] * synapse["alpha"] * w_max,
        "pairing": pairing,
    }
    if "mu" in synapse:
        return {**found, "dependence": "power_law", "mu_plus": synapse["mu"]}
    up, down = synapse["mu_plus"], synapse["mu_minus"]
    for dependence, exponents in _EXPONENTS.items():
        if exponents == (up, down):
            return {**found, "dependence": dependence}
    return {**found, "dependence": "power", "mu_plus": up, "mu_minus": down}


def _amplitudes_to_nest(rule: STDP, dt: float) -> Values:
    # NEST scales depression by potentiation. A rule without potentiation gets a time constant so short that the
    # potentiation vanishes.
    a, tau = (rule.A_plus, rule.tau_plus) if rule.A_plus > 0 else (rule.A_minus, 1e-3 * dt)
    found = {"tau_plus": tau, "alpha": rule.A_minus / a if a > 0 else 0.0}
    if rule.dependence == "power_law":
        return {**found, "lambda": a, "mu": rule.mu_plus}
    up, down = _EXPONENTS.get(rule.dependence, (rule.mu_plus, rule.mu_minus))
    return {**found, "lambda": a / rule.w_max, "mu_plus": up, "mu_minus": down}


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


_STDP = {
    "tau_plus": 20.0,
    "lambda": 0.01,
    "alpha": 1.0,
    "mu_plus": 1.0,
    "mu_minus": 1.0,
    "Wmax": 100.0,
}
_TSODYKS = {"U": 0.5, "tau_rec": 800.0, "tau_fac": 0.0}

MODELS = {
    "static_synapse": SynapseModel({}),
    **{
        name: SynapseModel(
            _STDP,
            STDP,
            _same("tau_plus"),
            _same("tau_minus"),
            partial(_amplitudes_to_rule, pairing=pairing),
            _amplitudes_to_nest,
        )
        for pairing, name in _PAIRINGS.items()
    },
    "stdp_pl_synapse_hom": SynapseModel(
        {"tau_plus": 20.0, "lambda": 0.1, "alpha": 1.0, "mu": 0.4},
        STDP,
        _same("tau_plus"),
        _same("tau_minus"),
        _amplitudes_to_rule,
        _amplitudes_to_nest,
    ),
    "stdp_triplet_synapse": SynapseModel(
        {
            "tau_plus": 16.8,
            "tau_plus_triplet": 101.0,
            "Aplus": 5e-10,
            "Aminus": 7e-3,
            "Aplus_triplet": 6.2e-3,
            "Aminus_triplet": 2.3e-4,
            "Wmax": 100.0,
        },
        TripletSTDP,
        {
            "Aplus": "A_plus",
            "Aminus": "A_minus",
            "Aplus_triplet": "A_plus_triplet",
            "Aminus_triplet": "A_minus_triplet",
            **_same("tau_plus", "tau_plus_triplet"),
        },
        _same("tau_minus", "tau_minus_triplet"),
    ),
    "vogels_sprekeler_synapse": SynapseModel(
        {"tau": 20.0, "eta": 0.001, "alpha": 0.12, "Wmax": 1.0},
        InhibitorySTDP,
        _same("tau", "eta", "alpha"),
        {"tau_minus": "tau"},
    ),
    "tsodyks2_synapse": SynapseModel(
        _TSODYKS,
        TsodyksMarkram,
        _same(*_TSODYKS),
        to_nest=lambda rule, _dt: {"u": rule.U},  # the share that the first spike releases
    ),
    "tsodyks_synapse": SynapseModel(
        {**_TSODYKS, "tau_psc": 3.0}, TsodyksMarkram, _same(*_TSODYKS, "tau_psc")
    ),
}
"""NEST's synapse models by name."""


@dataclass(frozen=True)
class Synapse:
    """A synapse model of NEST with its parameters.

    Attributes
    ----------
    model : str
        NEST's name.
    parameters : dict
        A number, or an array with one value per synapse.
    in_target : dict
        Parameters that NEST keeps in the target neuron.
    """

    model: str
    parameters: dict[str, Any] = field(default_factory=dict)
    in_target: dict[str, float] = field(default_factory=dict)


def synapse_of(projection: Projection, dt: float) -> Synapse:
    """Return NEST's synapses for a projection that `obstacles.inspect` does not refuse."""
    rule: Any = projection.plasticity
    if rule is None:
        return Synapse("static_synapse")
    name = _name_of(rule)
    row = MODELS[name]
    found = {key: getattr(rule, ours) for key, ours in row.names.items()}
    found |= row.to_nest(rule, dt)
    if "Wmax" in row.defaults:
        bound = weight_factor(projection.post.model, projection.receptor) * rule.w_max
        if isinstance(rule, InhibitorySTDP) and np.signbit(projection.weights).any():
            bound = -bound
        found |= {"Wmax": bound, "weight": bound}  # NEST requires a default of the same sign
    return Synapse(name, found, {key: getattr(rule, ours) for key, ours in row.in_target.items()})


def _name_of(rule: Plasticity) -> str:
    if isinstance(rule, STDP):
        is_power_law = rule.dependence == "power_law"
        return "stdp_pl_synapse_hom" if is_power_law else _PAIRINGS[rule.pairing]
    if isinstance(rule, TsodyksMarkram):
        return "tsodyks2_synapse" if rule.tau_psc is None else "tsodyks_synapse"
    return next(name for name, row in MODELS.items() if row.rule and isinstance(rule, row.rule))


def rule_of(model: str, synapse: Values, target: Values) -> Plasticity | None:
    """Return the plasticity rule of a synapse model of NEST, None if it has none.

    Parameters
    ----------
    model : str
        NEST's own name, not that of a copy.
    synapse : mapping of str to (float or array)
        Parameters of the synapses; arrays for short-term plasticity only.
    target : mapping of str to float
        ``tau_minus`` and ``tau_minus_triplet`` of the targets.

    Raises
    ------
    ValueError
        If spikelet has no rule with these parameters.
    """
    if model in STATIC:
        return None
    row = MODELS[model]
    assert row.rule is not None
    given = {ours: synapse[key] for key, ours in row.names.items()}
    for key, ours in row.in_target.items():
        if given.setdefault(ours, target[key]) != target[key]:
            rule = f"must equal {ours} of the synapses, {given[ours]:g} ms"
            fail(model, f"{key} of the targets", target[key], rule)
    if "Wmax" in row.defaults:
        given["w_max"] = abs(synapse["Wmax"])
    if row.rule is not TsodyksMarkram:
        given["coincidence"] = "ignore"
    return row.rule(**given, **row.to_rule(synapse))


def base_model(nest: Any, model: str, given: Mapping[str, str]) -> str:
    """Return NEST's own synapse model that a copy was made of.

    NEST does not tell, but the parameters do, except for models of nearest-neighbour STDP, which share theirs: there,
    the name of the copy has to end with that of its model, or the user has to give it.

    Parameters
    ----------
    nest : module
    model : str
        The name, perhaps of a copy.
    given : mapping of str to str
        Models of copies by name, from the user.

    Raises
    ------
    ValueError
        If there are several such models, or none that spikelet has.
    """
    if model in given:
        return given[model]
    known = ["static_synapse_hom_w", *MODELS]
    bare = model.removesuffix("_lbl").removesuffix("_hpc")
    if bare in known:
        return bare
    own = synapse_parameters(nest, model)
    same = [name for name in MODELS if synapse_parameters(nest, name) == own]
    if bare in _LIKE_STATIC:
        same = []
    by_name = [name for name in same if bare.endswith(name)]
    if by_name:
        return max(by_name, key=len)
    if len(same) > 1:
        rule = (
            f"is a copy of {' or '.join(same)}, and NEST does not say which: name it, as in "
            f'synapse_models={{"{model}": "{same[0]}"}}'
        )
        fail("from_nest", "synapse model", model, rule)
    if not same:
        hint = suggestion(model, known)
        rule = f"is not one that spikelet has{hint} (there are: {', '.join(known)})"
        fail("from_nest", "synapse model", model, rule)
    return same[0]


def synapse_parameters(nest: Any, model: str) -> frozenset[str]:
    """Return the names of the parameters that a synapse model has beyond weight and delay."""
    plain = {*nest.GetDefaults("static_synapse"), "synapse_label"}
    return frozenset(set(nest.GetDefaults(model)) - plain)


def at_rest(model: str, synapse: Values) -> bool:
    """Return whether synapses have no memory of earlier spikes."""
    states = {key: value for key, value in STATES_AT_REST.items() if key in synapse}
    if any(np.any(synapse[key] != value) for key, value in states.items()):
        return False
    if "u" not in synapse:
        return True
    if model == "tsodyks2_synapse":  # its first spike takes u as it is
        return not np.any(synapse["u"] != synapse["U"])
    # tsodyks_synapse lets u decay until the spike, with tau_fac = 0 at once
    return not np.any((synapse["u"] != 0.0) & (synapse["tau_fac"] != 0.0))


def rest_of(model: str) -> str:
    """Describe the state that `at_rest` asks of a model with short-term plasticity."""
    if model == "tsodyks2_synapse":
        return "u = U and x = 1"
    return "u = 0, x = 1 and y = 0 (u is of no account where tau_fac is 0)"
