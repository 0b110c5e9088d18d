"""Models by the names that NEST gives them, for networks that come from NEST or from files with NEST's names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.spelling import suggestion
from spikelet.neurons.adex import AdEx
from spikelet.neurons.base import NeuronModel
from spikelet.neurons.cond_alpha import LIFCondAlpha
from spikelet.neurons.cond_sfa import LIFCondSFA
from spikelet.neurons.gif import GIF
from spikelet.neurons.hodgkin_huxley import HodgkinHuxley
from spikelet.neurons.integrate_and_fire import LIF, LIFAlpha, LIFCond, LIFDelta
from spikelet.neurons.izhikevich import Izhikevich
from spikelet.neurons.multisynapse import LIFMultisynapse
from spikelet.neurons.nmda import LIFNMDA


class NestKind(NamedTuple):
    """How a model of NEST is made here.

    Attributes
    ----------
    make : callable
        Makes the model, given parameters in NEST's names.
    only : mapping
        Parameters that only NEST has, with the one value that leaves them without effect.
    lists : tuple of str
        Parameters that are lists: one for all neurons.
    settable : tuple of str
        States that NEST lets users set.
    factors : callable
        Returns, given a model, the factors from NEST's values of states to ours, where they are not 1.
    """

    make: Callable[..., NeuronModel]
    only: Mapping[str, Any] = {}
    lists: tuple[str, ...] = ()
    settable: tuple[str, ...] = ("V_m",)
    factors: Callable[[NeuronModel], Mapping[str, Any]] = lambda _: {}


def _alpha(current: str, inhibitory: float, model: NeuronModel) -> dict[str, Any]:
    """Return the factors of alpha functions: NEST's auxiliary state is their slope per ms, ours a sum of peaks."""
    slopes = {s: np.asarray(getattr(model, f"tau_syn_{s}")) / np.e for s in ("ex", "in")}
    return {
        f"d{current}_ex": slopes["ex"],
        f"d{current}_in": inhibitory * slopes["in"],
        f"{current}_in": inhibitory,
    }


_COND = ("V_m", "g_ex", "g_in")
_COND_ALPHA = (*_COND, "dg_ex", "dg_in")
_PSC = ("V_m", "w", "I_syn_ex", "I_syn_in")
_GATES = ("V_m", "Act_m", "Act_n", "Inact_h")
_NO_FLOOR = {"V_min": -np.inf}
_GIF = ("tau_sfa", "q_sfa", "tau_stc", "q_stc")

NEST_MODELS = {
    "iaf_psc_exp": NestKind(LIF, {"delta": 0.0}),
    "iaf_psc_delta": NestKind(LIFDelta, {**_NO_FLOOR, "refractory_input": False}),
    "iaf_psc_alpha": NestKind(LIFAlpha, _NO_FLOOR),
    "iaf_cond_exp": NestKind(LIFCond, settable=_COND),
    "iaf_cond_alpha": NestKind(
        LIFCondAlpha, settable=_COND_ALPHA, factors=partial(_alpha, "g", 1.0)
    ),
    "iaf_cond_exp_sfa_rr": NestKind(LIFCondSFA, settable=(*_COND, "g_sfa", "g_rr")),
    "iaf_psc_exp_multisynapse": NestKind(LIFMultisynapse, lists=("tau_syn",)),
    "iaf_bw_2001": NestKind(
        LIFNMDA,
        {"alpha": 0.5, "tau_rise_NMDA": 2.0},
        settable=("V_m", "s_AMPA", "s_GABA", "s_NMDA"),
    ),
    "aeif_cond_exp": NestKind(partial(AdEx, synapses="cond_exp"), settable=(*_COND, "w")),
    "aeif_cond_alpha": NestKind(
        partial(AdEx, synapses="cond_alpha"),
        settable=(*_COND_ALPHA, "w"),
        factors=partial(_alpha, "g", 1.0),
    ),
    # Inhibitory currents of the aeif_psc models are magnitudes.
    "aeif_psc_exp": NestKind(
        partial(AdEx, synapses="psc_exp"), settable=_PSC, factors=lambda _: {"I_syn_in": -1.0}
    ),
    "aeif_psc_alpha": NestKind(
        partial(AdEx, synapses="psc_alpha"),
        settable=(*_PSC, "dI_syn_ex", "dI_syn_in"),
        factors=partial(_alpha, "I_syn", -1.0),
    ),
    "aeif_psc_delta": NestKind(
        partial(AdEx, synapses="delta"), {"refractory_input": False}, settable=("V_m", "w")
    ),
    "gif_psc_exp": NestKind(partial(GIF, synapses="psc_exp"), lists=_GIF),
    "gif_cond_exp": NestKind(partial(GIF, synapses="cond_exp"), lists=_GIF, settable=_COND),
    "hh_psc_alpha": NestKind(partial(HodgkinHuxley, channels="squid"), settable=_GATES),
    "hh_cond_exp_traub": NestKind(partial(HodgkinHuxley, channels="traub"), settable=_GATES),
    "izhikevich": NestKind(
        Izhikevich, {**_NO_FLOOR, "consistent_integration": True}, settable=("V_m", "U_m")
    ),
}
"""Models of NEST that there are here, by name."""

# What every node of NEST has, and what only its bookkeeping and its plastic synapses use.
_WITHOUT_EFFECT = frozenset(
    [
        "Ca",
        "I_AMPA",
        "I_GABA",
        "I_NMDA",
        "I_stc",
        "E_sfa",
        "archiver_length",
        "available",
        "beta_Ca",
        "capacity",
        "element_type",
        "elementsize",
        "frozen",
        "global_id",
        "growth_curve",
        "gsl_error_tol",
        "has_connections",
        "ignore_and_spike_interval",
        "ignore_and_spike_offset",
        "instantiations",
        "local",
        "model",
        "model_id",
        "n_synapses",
        "node_uses_wfr",
        "post_trace",
        "receptor_types",
        "recordables",
        "rho",
        "supports_precise_spikes",
        "synaptic_elements",
        "synaptic_elements_param",
        "t_spike",
        "tau_Ca",
        "tau_minus",
        "tau_minus_triplet",
        "thread",
        "thread_local_id",
        "type_id",
        "vp",
    ]
)


def model_of_nest(
    where: str, name: str, parameters: Mapping[str, Any]
) -> tuple[NeuronModel, dict[str, Any]]:
    """Return the model of a name of NEST's, and initial states.

    Parameters
    ----------
    where : str
        Names the call, and the file if there is one, in errors.
    name : str
        NEST's name, such as "iaf_psc_exp".
    parameters : mapping of str to (float or array)
        Parameters and states in NEST's names and units: a number for all neurons or one for each. What NEST keeps in a
        neuron for its synapses and for itself is passed over.

    Returns
    -------
    model : NeuronModel
    states : dict of str to (float or array)
        Initial values of states that `parameters` has.

    Raises
    ------
    ValueError
        If there is no such model here, if the model has no such parameter, or if a parameter that only NEST has would have
        an effect.
    """
    kind = NEST_MODELS.get(name)
    if kind is None:
        known = ", ".join(NEST_MODELS)
        near = suggestion(name, NEST_MODELS)
        rule = f"must be a model that spikelet has{near} (there are: {known}; write others as Equations)"
        fail(where, "model", name, rule)
    given = {k: v for k, v in parameters.items() if k not in _WITHOUT_EFFECT}
    for parameter, value in {**kind.only, "ignore_and_spike": False}.items():
        found = np.asarray(given.pop(parameter, value))
        floor = np.isneginf(value) & (found <= -1e300)  # NEST has two ways to have no floor
        if not np.all((found == value) | floor):
            fail(f"{where} {name}", parameter, found, f"must be {value}: spikelet's model has none")
    lists = {k: _one_list(f"{where} {name}", k, given.pop(k)) for k in kind.lists if k in given}
    needed = {} if kind.make is not LIFMultisynapse else {"tau_syn": [2.0]}
    model = kind.make(**{**needed, **lists})
    states = {k: _compact(given.pop(k)) for k in model.states if k in given}
    names = [*model.parameters(), *model.states]
    for parameter in given:
        if parameter not in model.parameters():
            hint = suggestion(parameter, names)
            rule = f"is not a parameter or a state of it{hint} (there are: {', '.join(names)})"
            fail(f"{where} {name}", "parameter", parameter, rule)
    model = model.replace(**{k: _compact(v) for k, v in given.items()})
    factors = kind.factors(model)
    return model, {k: _compact(v * factors.get(k, 1.0)) for k, v in states.items()}


def _compact(values: Any) -> Any:
    """Return a number where all values are equal."""
    array = np.asarray(values, dtype=np.float64)
    return float(array.flat[0]) if array.size and (array == array.flat[0]).all() else array


def _one_list(where: str, parameter: str, values: Any) -> list[float]:
    """Return a list that is given once, or once for each neuron."""
    ragged = len(values) > 0 and np.ndim(values[0]) > 0
    each = [tuple(np.asarray(v, dtype=np.float64)) for v in (values if ragged else [values])]
    if len(set(each)) > 1:
        fail(where, parameter, each[:2], "must be the same for all neurons of a population")
    return [float(x) for x in each[0]]
