"""NEST's synapse models as the edges of SONATA name them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.spelling import suggestion
from spikelet.io.nest.synapse_models import MODELS, STATES_AT_REST, TARGET_DEFAULTS, rule_of
from spikelet.plasticity import Plasticity

EXACT = "spikelet_"
"""Columns of a table of edge types that begin so hold what NEST's parameters say up to rounding."""

_COMMON = ("weight", "delay", "receptor_type")


@dataclass(frozen=True)
class Synapse:
    """The synapse model of a type of edges; edges of equal descriptions are one projection."""

    template: str
    parameters: tuple[tuple[str, float], ...]
    exact: tuple[tuple[str, float], ...]
    receptor: int

    @property
    def negative(self) -> bool:
        """True for NEST's inhibitory synapses, whose weights have a negative bound."""
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
        try:
            target = {**TARGET_DEFAULTS, **of_target}
            rule = rule_of(self.template, dict(self.parameters), target)
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
    if name not in MODELS:
        near = suggestion(name, MODELS)
        rule = f"must be a synapse model of NEST that spikelet has{near} (there are: {', '.join(MODELS)})"
        fail(where, "model_template", template, rule)
    values = dict(MODELS[name].defaults)
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
        elif key in STATES_AT_REST:
            rest = STATES_AT_REST[key]
            if value != rest:
                fail(where, key, value, f"must be {rest:g}: a synapse starts at rest")
        elif key not in _COMMON:
            near = suggestion(key, [*values, *_COMMON])
            fail(where, "parameter", key, f"must be one of NEST's {name}{near}")
    return Synapse(name, tuple(sorted(values.items())), tuple(sorted(exact.items())), receptor)


def settable(template: str) -> tuple[str, ...]:
    """Return the columns of a table that NEST takes for parameters of a synapse model."""
    row = MODELS.get(template.removeprefix("nest:"))
    return (*(row.defaults if row else ()), "receptor_type")
