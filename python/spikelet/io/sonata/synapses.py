"""NEST's synapse models, as edges name them: which rule of ours each is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.spelling import suggestion
from spikelet.io.nest.rules_of_nest import rule_of_nest
from spikelet.plasticity import Plasticity

__all__ = ["EXACT", "Synapse", "read_synapse", "settable"]

EXACT = "spikelet_"
"""Columns of a table of edge types that begin so hold what NEST's parameters say up to rounding."""

_COMMON = ("weight", "delay", "receptor_type")
_PAIRED = (
    "stdp_synapse", "stdp_nn_symm_synapse", "stdp_nn_pre_centered_synapse", "stdp_nn_restr_synapse",
)  # fmt: skip
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
    **dict.fromkeys(_PAIRED, _STDP),
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
        neuron = {**_IN_NEURON, **of_target}
        try:
            rule = rule_of_nest(self.template, dict(self.parameters), neuron)
            return rule if rule is None else dataclasses.replace(rule, **dict(self.exact))
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
