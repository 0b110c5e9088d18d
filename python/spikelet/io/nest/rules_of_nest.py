"""Plasticity rules by the names and parameters of NEST's synapse models: the inverse of `terms.synapse`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.spelling import suggestion
from spikelet.plasticity import STDP, InhibitorySTDP, Plasticity, TripletSTDP, TsodyksMarkram

__all__ = [
    "SHORT_TERM",
    "STATIC",
    "at_rest",
    "base_model",
    "rest_of",
    "rule_of_nest",
    "synapse_parameters",
]

Values = Mapping[str, Any]

STATIC = ("static_synapse_hom_w", "static_synapse")
"""Models without plasticity."""

# Models that have the parameters of static_synapse only, and are something else.
_LIKE_STATIC = (
    "cont_delay_synapse",
    "gap_junction",
    "rate_connection_delayed",
    "rate_connection_instantaneous",
)
_PAIRINGS = {
    "stdp_synapse": "all_to_all",
    "stdp_nn_symm_synapse": "nearest_symmetric",
    "stdp_nn_pre_centered_synapse": "nearest_pre_centered",
    "stdp_nn_restr_synapse": "nearest_restricted",
}


def _stdp(model: str) -> Callable[[Values, Values], Plasticity]:
    def make(synapse: Values, neuron: Values) -> Plasticity:
        w_max, up, down = abs(synapse["Wmax"]), synapse["mu_plus"], synapse["mu_minus"]
        named = {(0.0, 0.0): "additive", (1.0, 1.0): "multiplicative"}.get((up, down))
        exponents = {} if named else {"mu_plus": up, "mu_minus": down}
        return STDP(
            tau_plus=synapse["tau_plus"],
            tau_minus=neuron["tau_minus"],
            A_plus=synapse["lambda"] * w_max,
            A_minus=synapse["lambda"] * synapse["alpha"] * w_max,
            w_max=w_max,
            dependence=named or "power",  # type: ignore[arg-type]  # a Literal
            pairing=_PAIRINGS[model],  # type: ignore[arg-type]  # a Literal
            coincidence="ignore",
            **exponents,
        )

    return make


def _power_law(synapse: Values, neuron: Values) -> Plasticity:
    return STDP(
        tau_plus=synapse["tau_plus"],
        tau_minus=neuron["tau_minus"],
        A_plus=synapse["lambda"],
        A_minus=synapse["lambda"] * synapse["alpha"],
        dependence="power_law",
        mu_plus=synapse["mu"],
        coincidence="ignore",
    )


def _triplet(synapse: Values, neuron: Values) -> Plasticity:
    return TripletSTDP(
        tau_plus=synapse["tau_plus"],
        tau_minus=neuron["tau_minus"],
        tau_plus_triplet=synapse["tau_plus_triplet"],
        tau_minus_triplet=neuron["tau_minus_triplet"],
        A_plus=synapse["Aplus"],
        A_minus=synapse["Aminus"],
        A_plus_triplet=synapse["Aplus_triplet"],
        A_minus_triplet=synapse["Aminus_triplet"],
        w_max=abs(synapse["Wmax"]),
        coincidence="ignore",
    )


def _vogels_sprekeler(synapse: Values, neuron: Values) -> Plasticity:
    if neuron["tau_minus"] != synapse["tau"]:
        rule = f"must equal tau of the synapses, {synapse['tau']:g} ms"
        fail("vogels_sprekeler_synapse", "tau_minus of the targets", neuron["tau_minus"], rule)
    return InhibitorySTDP(
        tau=synapse["tau"],
        eta=synapse["eta"],
        alpha=synapse["alpha"],
        w_max=abs(synapse["Wmax"]),
        coincidence="ignore",
    )


def _tsodyks(synapse: Values, neuron: Values) -> Plasticity:  # noqa: ARG001 - rules differ
    names = ("U", "tau_rec", "tau_fac", "tau_psc")
    return TsodyksMarkram(**{name: synapse[name] for name in names if name in synapse})


_RULES = {
    **{model: _stdp(model) for model in _PAIRINGS},
    "stdp_pl_synapse_hom": _power_law,
    "stdp_triplet_synapse": _triplet,
    "vogels_sprekeler_synapse": _vogels_sprekeler,
    "tsodyks_synapse": _tsodyks,
    "tsodyks2_synapse": _tsodyks,
}
SHORT_TERM = ("tsodyks_synapse", "tsodyks2_synapse")
"""Models whose parameters may differ between synapses of one projection."""


def base_model(nest: Any, model: str, given: Mapping[str, str]) -> str:
    """Return NEST's own synapse model that a copy was made of.

    NEST does not say it. The parameters do, but for models of nearest-neighbour STDP that have the same ones: there, the
    name of the copy has to end with that of its model, or the user has to give it.

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
    known = [*STATIC, *_RULES]
    bare = model.removesuffix("_lbl").removesuffix("_hpc")
    if bare in known:
        return bare
    own = synapse_parameters(nest, model)
    same = [name for name in known[1:] if synapse_parameters(nest, name) == own]
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


def rule_of_nest(model: str, synapse: Values, neuron: Values) -> Plasticity | None:
    """Return the plasticity rule of a synapse model of NEST's, None if it has none.

    Parameters
    ----------
    model : str
        NEST's own name, not that of a copy.
    synapse : mapping of str to (float or array)
        Parameters of the synapses; arrays for short-term plasticity only.
    neuron : mapping of str to float
        ``tau_minus`` and ``tau_minus_triplet`` of the targets.

    Raises
    ------
    ValueError
        If the parameters make no rule of spikelet's.
    """
    if model in STATIC:
        return None
    return _RULES[model](synapse, neuron)


def at_rest(model: str, synapse: Values) -> bool:
    """Return whether synapses have no memory of earlier spikes."""
    traces = [key for key in ("Kplus", "Kplus_triplet", "y") if key in synapse]
    full = bool(np.all(np.asarray(synapse.get("x", 1.0)) == 1.0))
    return full and not _used(model, synapse) and not any(np.any(synapse[key]) for key in traces)


def rest_of(model: str) -> str:
    """Return what `at_rest` asks of a model with short-term plasticity, in words."""
    if model == "tsodyks2_synapse":
        return "u = U and x = 1"
    return "u = 0, x = 1 and y = 0 (u is of no account where tau_fac is 0)"


def _used(model: str, synapse: Values) -> bool:
    """Return whether the u of some synapse differs from that at rest."""
    if "u" not in synapse:
        return False
    u = np.asarray(synapse["u"])
    if model == "tsodyks2_synapse":  # its first spike takes u as it is
        return bool(np.any(u != np.asarray(synapse["U"])))
    # tsodyks_synapse lets u decay until the spike, with tau_fac = 0 at once
    return bool(np.any((u != 0.0) & (np.asarray(synapse["tau_fac"]) != 0.0)))
