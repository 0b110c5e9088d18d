"""NEST's synapse models, as edges name them: which rule of ours each is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.described import suggestion
from spikelet.plasticity import STDP, InhibitorySTDP, Plasticity, TripletSTDP, TsodyksMarkram

__all__ = ["EXACT", "Synapse", "read_synapse", "settable"]

EXACT = "spikelet_"
"""Columns of a table of edge types that begin so hold what NEST's parameters say up to rounding."""

_COMMON = ("weight", "delay", "receptor_type")
_PAIRINGS = {
    "stdp_synapse": "all_to_all",
    "stdp_nn_symm_synapse": "nearest_symmetric",
    "stdp_nn_pre_centered_synapse": "nearest_pre_centered",
    "stdp_nn_restr_synapse": "nearest_restricted",
}
_STDP = {
    "tau_plus": 20.0,
    "lambda": 0.01,
    "alpha": 1.0,
    "mu_plus": 1.0,
    "mu_minus": 1.0,
    "Wmax": 100.0,
}
_DEFAULTS: dict[str, dict[str, float]] = {
    "static_synapse": {},
    **dict.fromkeys(_PAIRINGS, _STDP),
    "stdp_pl_synapse_hom": {"tau_plus": 20.0, "lambda": 0.1, "alpha": 1.0, "mu": 0.4},
    "stdp_triplet_synapse": {
        "tau_plus": 16.8, "tau_plus_triplet": 101.0, "Aplus": 5e-10, "Aminus": 7e-3,
        "Aplus_triplet": 6.2e-3, "Aminus_triplet": 2.3e-4, "Wmax": 100.0,
    },
    "vogels_sprekeler_synapse": {"tau": 20.0, "eta": 0.001, "alpha": 0.12, "Wmax": 1.0},
    "tsodyks2_synapse": {"U": 0.5, "tau_rec": 800.0, "tau_fac": 0.0},
    "tsodyks_synapse": {"U": 0.5, "tau_rec": 800.0, "tau_fac": 0.0, "tau_psc": 3.0},
}  # fmt: skip
_IN_NEURON = {"tau_minus": 20.0, "tau_minus_triplet": 110.0}
_STATES = {"Kplus": 0.0, "Kplus_triplet": 0.0, "x": 1.0, "y": 0.0}


@dataclass(frozen=True)
class Synapse:
    """What a type of edge says; those of equal descriptions are one projection."""

    template: str
    parameters: tuple[tuple[str, float], ...]
    exact: tuple[tuple[str, float], ...]
    receptor: int

    @property
    def negative(self) -> bool:
        """Whether the bound of the weights is negative: NEST's inhibitory synapses."""
        return dict(self.parameters).get("Wmax", 1.0) < 0

    def amplitudes(self, up: float) -> dict[str, float]:
        """Return A_plus and A_minus of STDP, given NEST's, or those that the table has in full precision."""
        return {"A_plus": up, "A_minus": dict(self.parameters)["alpha"] * up, **dict(self.exact)}

    def rule(self, where: str, of_target: Mapping[str, float]) -> Plasticity | None:
        """Return the plasticity rule.

        Parameters
        ----------
        where : str
            Names the edges in errors.
        of_target : dict
            What NEST keeps in the target neurons: ``tau_minus``, ``tau_minus_triplet``.

        Raises
        ------
        ValueError
            If the parameters do not fit.
        """
        if self.template == "static_synapse":
            return None
        try:
            return _RULES.get(self.template, _stdp)(
                self, dict(self.parameters), {**_IN_NEURON, **of_target}
            )
        except ValueError as error:
            msg = f"{where}: {self.template}: {error}"
            raise ValueError(msg) from None


def read_synapse(
    where: str, template: str, parameters: Mapping[str, Any], exact: Mapping[str, float]
) -> Synapse:
    """Return what a template and its parameters mean.

    Parameters
    ----------
    where : str
        Names the type of edges in errors.
    template : str
        NEST's name of the synapse model.
    parameters : dict
        NEST's parameters of it.
    exact : dict
        Parameters of our rule, where `parameters` have them up to rounding only.

    Raises
    ------
    ValueError
        If there is no such model, or it has no such parameter.
    """
    name = template.removeprefix("nest:")
    if name not in _DEFAULTS:
        near = suggestion(name, _DEFAULTS)
        rule = f"must be a synapse model of NEST that spikelet has{near} (there are: {', '.join(_DEFAULTS)})"
        fail(where, "model_template", template, rule)
    values = dict(_DEFAULTS[name])
    receptor = 0
    for key in exact:
        if "lambda" not in values or key not in ("A_plus", "A_minus"):
            fail(where, f"{EXACT}{key}", exact[key], f"must not be given for {name}")
    for key, value in parameters.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            fail(where, key, value, "must be a number")
        if key == "receptor_type":
            receptor = int(value)
        elif key in values:
            values[key] = float(value)
        elif key == "u" and name.startswith("tsodyks"):
            if value not in (0.0, values["U"], parameters.get("U")):
                fail(where, key, value, "must be U: a synapse starts at rest")
        elif key in _STATES:
            if value != _STATES[key]:
                fail(where, key, value, f"must be {_STATES[key]:g}: a synapse starts at rest")
        elif key not in _COMMON:
            near = suggestion(key, [*values, *_COMMON])
            fail(where, "parameter", key, f"must be one of NEST's {name}{near}")
    return Synapse(name, tuple(sorted(values.items())), tuple(sorted(exact.items())), receptor)


def settable(template: str) -> tuple[str, ...]:
    """Return the columns of a table that NEST takes for parameters of a synapse model."""
    return (*_DEFAULTS.get(template.removeprefix("nest:"), ()), "receptor_type")


def _stdp(of: Synapse, p: Mapping[str, float], neuron: Mapping[str, float]) -> Plasticity:
    bound, mu = abs(p["Wmax"]), (p["mu_plus"], p["mu_minus"])
    named: dict[tuple[float, float], dict[str, Any]] = {
        (0.0, 0.0): {"dependence": "additive"},
        (1.0, 1.0): {"dependence": "multiplicative"},
    }
    how: dict[str, Any] = named.get(
        mu, {"dependence": "power", "mu_plus": mu[0], "mu_minus": mu[1]}
    )
    how |= {"pairing": _PAIRINGS[of.template], **of.amplitudes(p["lambda"] * bound)}
    return STDP(
        tau_plus=p["tau_plus"], tau_minus=neuron["tau_minus"], w_min=0.0, w_max=bound, coincidence="ignore", **how,
    )  # fmt: skip


def _power_law(of: Synapse, p: Mapping[str, float], neuron: Mapping[str, float]) -> Plasticity:
    how: dict[str, Any] = {"dependence": "power_law", "mu_plus": p["mu"], **of.amplitudes(p["lambda"])}
    return STDP(tau_plus=p["tau_plus"], tau_minus=neuron["tau_minus"], w_min=0.0, coincidence="ignore", **how)


def _triplet(of: Synapse, p: Mapping[str, float], neuron: Mapping[str, float]) -> Plasticity:
    return TripletSTDP(
        tau_plus=p["tau_plus"], tau_minus=neuron["tau_minus"], tau_plus_triplet=p["tau_plus_triplet"],
        tau_minus_triplet=neuron["tau_minus_triplet"], A_plus=p["Aplus"], A_minus=p["Aminus"],
        A_plus_triplet=p["Aplus_triplet"], A_minus_triplet=p["Aminus_triplet"], w_min=0.0, w_max=abs(p["Wmax"]),
        coincidence="ignore",
    )  # fmt: skip


def _vogels(of: Synapse, p: Mapping[str, float], neuron: Mapping[str, float]) -> Plasticity:
    bound = abs(p["Wmax"])
    return InhibitorySTDP(
        tau=p["tau"], eta=p["eta"], alpha=p["alpha"], w_max=bound, coincidence="ignore"
    )


def _tsodyks(of: Synapse, p: Mapping[str, float], neuron: Mapping[str, float]) -> Plasticity:
    return TsodyksMarkram(**p)


_RULES: dict[str, Callable[[Synapse, Mapping[str, float], Mapping[str, float]], Plasticity]] = {
    "stdp_pl_synapse_hom": _power_law,
    "stdp_triplet_synapse": _triplet,
    "vogels_sprekeler_synapse": _vogels,
    "tsodyks2_synapse": _tsodyks,
    "tsodyks_synapse": _tsodyks,
}
