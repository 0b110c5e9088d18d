"""PyNN's synapse types, and the plasticity rules of spikelet that they map to.

Amplitudes of PyNN are fractions of the weight's range, those of spikelet are in the unit of the weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pyNN import errors
from pyNN.standardmodels import ModelNotAvailable, build_translations, synapses

from spikelet import plasticity as rules
from spikelet.network.synapse_equations import SynapseEquations
from spikelet.pynn.simulator import state

__all__ = [
    "AdditivePotentiationMultiplicativeDepression",
    "AdditiveWeightDependence",
    "ElectricalSynapse",
    "GutigWeightDependence",
    "MultiQuantalSynapse",
    "MultiplicativeWeightDependence",
    "STDPMechanism",
    "SimpleStochasticSynapse",
    "SpikePairRule",
    "StaticSynapse",
    "StochasticTsodyksMarkramSynapse",
    "TsodyksMarkramSynapse",
    "Vogels2011Rule",
]

Values = Mapping[str, Any]


def _same(*names: str) -> Any:
    """Return translations that keep names and values: units are converted when synapses are made."""
    return build_translations(*((name, name) for name in names))


class SynapseType:
    """What the synapse types that spikelet has share.

    Attributes
    ----------
    changes_weights : bool
        Whether runs change the weights.
    """

    changes_weights = False

    def _get_minimum_delay(self) -> float:
        """Return the delay [ms] of synapses that were given none."""
        return float(state.min_delay)

    def plasticity(self, values: Values, scale: float) -> rules.Plasticity | None:
        """Return the plasticity rule.

        Parameters
        ----------
        values : mapping
            Parameters by PyNN's names: numbers, or arrays with one value for each synapse.
        scale : float
            Factor from PyNN's weights to those of spikelet.

        Raises
        ------
        NotImplementedError
            If spikelet has no such rule.
        """
        raise NotImplementedError

    def bounds(self, values: Values) -> tuple[float, float]:  # noqa: ARG002  # for those that have some
        """Return the least and the largest weight, in PyNN's unit."""
        return -np.inf, np.inf


class StaticSynapse(SynapseType, synapses.StaticSynapse):
    __doc__ = synapses.StaticSynapse.__doc__

    translations = _same("weight", "delay")

    def plasticity(self, values: Values, scale: float) -> None:
        """Return None: weights do not change."""


class TsodyksMarkramSynapse(SynapseType, synapses.TsodyksMarkramSynapse):
    __doc__ = synapses.TsodyksMarkramSynapse.__doc__

    translations = _same("weight", "delay", "U", "tau_rec", "tau_facil")

    def plasticity(self, values: Values, scale: float) -> rules.Plasticity:  # noqa: ARG002
        """Return the rule; ``tau_psc`` of the values is the time constant of the targets' synapses, if they have one."""
        return rules.TsodyksMarkram(
            U=values["U"],
            tau_rec=values["tau_rec"],
            tau_fac=values["tau_facil"],
            tau_psc=values.get("tau_psc"),
        )


class STDPMechanism(SynapseType, synapses.STDPMechanism):
    __doc__ = synapses.STDPMechanism.__doc__

    changes_weights = True
    base_translations = _same("weight", "delay", "dendritic_delay_fraction")

    def __init__(
        self,
        timing_dependence: Any = None,
        weight_dependence: Any = None,
        voltage_dependence: Any = None,
        dendritic_delay_fraction: float = 1.0,
        weight: Any = 0.0,
        delay: Any = None,
    ) -> None:
        """Combine a timing dependence with a weight dependence."""
        if timing_dependence is None or weight_dependence is None:
            msg = "STDPMechanism: needs both a timing_dependence and a weight_dependence"
            raise errors.NoModelAvailableError(msg)
        if voltage_dependence is not None:
            msg = "STDPMechanism: no plasticity rule of spikelet has a voltage_dependence"
            raise NotImplementedError(msg)
        super().__init__(
            timing_dependence, weight_dependence, None, dendritic_delay_fraction, weight, delay
        )
        _ = self.possible_models  # raises if the components do not go together

    def _build_translations(self) -> None:
        self.translations = {
            **self.base_translations,
            **self.timing_dependence.translations,
            **self.weight_dependence.translations,
        }

    def plasticity(self, values: Values, scale: float) -> rules.Plasticity:
        """Return the rule. Pairs at one time have no effect, as in NEST."""
        single = {
            name: _one(name, x) for name, x in values.items() if name not in ("weight", "delay")
        }
        common = {
            "coincidence": "ignore",
            "axonal_fraction": 1.0 - single["dendritic_delay_fraction"],
        }
        found: rules.Plasticity = self.timing_dependence.rule(
            self.weight_dependence, single, scale, common
        )
        return found

    def bounds(self, values: Values) -> tuple[float, float]:
        """Return the least and the largest weight, in PyNN's unit."""
        w_min, w_max = _one("w_min", values["w_min"]), _one("w_max", values["w_max"])
        low, high = self.timing_dependence.bounds(w_min, w_max)
        return low, high


def _one(name: str, value: Any, where: str = "STDPMechanism") -> float:
    """Return a parameter that all synapses of a projection share."""
    values = np.asarray(value, dtype=float).reshape(-1)
    if values.size and not (values == values[0]).all():
        msg = (
            f"{where}: {name} must be the same for all synapses of a Projection in spikelet, got "
            f"{values.min():g} to {values.max():g}: make a Projection for each value"
        )
        raise NotImplementedError(msg)
    return float(values[0]) if values.size else 0.0


class AdditiveWeightDependence(synapses.AdditiveWeightDependence):
    __doc__ = synapses.AdditiveWeightDependence.__doc__

    translations = _same("w_max", "w_min")
    possible_models = frozenset({"STDP", "InhibitorySTDP"})
    dependence = "additive"

    def changes(self, p: dict[str, float]) -> dict[str, Any]:
        """Return the amplitudes, as fractions of the largest weight."""
        if p["w_max"] <= 0:
            msg = f"{type(self).__name__}: w_max must be > 0, as amplitudes are fractions of it, got {p['w_max']:g}"
            raise NotImplementedError(msg)
        return {"A_plus": p["A_plus"] * p["w_max"], "A_minus": p["A_minus"] * p["w_max"]}


class _OfRange:
    """Weight dependences whose amplitudes are fractions of the range of weights."""

    def changes(self, p: dict[str, float]) -> dict[str, Any]:
        """Return the amplitudes, and exponents if there are any."""
        span = p["w_max"] - p["w_min"]
        exponents = self.exponents(p)
        return {"A_plus": p["A_plus"] * span, "A_minus": p["A_minus"] * span, **exponents}

    def exponents(self, p: dict[str, float]) -> dict[str, float]:  # noqa: ARG002
        """Return the exponents of the rule."""
        return {}


class MultiplicativeWeightDependence(_OfRange, synapses.MultiplicativeWeightDependence):
    __doc__ = synapses.MultiplicativeWeightDependence.__doc__

    translations = _same("w_max", "w_min")
    possible_models = frozenset({"STDP"})
    dependence = "multiplicative"


class AdditivePotentiationMultiplicativeDepression(
    _OfRange,
    synapses.AdditivePotentiationMultiplicativeDepression,
):
    __doc__ = synapses.AdditivePotentiationMultiplicativeDepression.__doc__

    translations = _same("w_max", "w_min")
    possible_models = frozenset({"STDP"})
    dependence = "power"

    def exponents(self, p: dict[str, float]) -> dict[str, float]:  # noqa: ARG002
        """Return 0 for potentiation and 1 for depression."""
        return {"mu_plus": 0.0, "mu_minus": 1.0}


class GutigWeightDependence(_OfRange, synapses.GutigWeightDependence):
    __doc__ = synapses.GutigWeightDependence.__doc__

    translations = _same("w_max", "w_min", "mu_plus", "mu_minus")
    possible_models = frozenset({"STDP"})
    dependence = "power"

    def exponents(self, p: dict[str, float]) -> dict[str, float]:
        """Return the exponents that were given."""
        return {"mu_plus": p["mu_plus"], "mu_minus": p["mu_minus"]}


class SpikePairRule(synapses.SpikePairRule):
    __doc__ = synapses.SpikePairRule.__doc__

    translations = _same("tau_plus", "tau_minus", "A_plus", "A_minus")
    possible_models = frozenset({"STDP"})

    def rule(self, weights: Any, p: dict[str, float], scale: float, common: Values) -> rules.STDP:
        """Return the rule for a weight dependence, with parameters in PyNN's units."""
        scaled = {
            name: x if name.startswith("mu") else x * scale
            for name, x in weights.changes(p).items()
        }
        return rules.STDP(
            tau_plus=p["tau_plus"],
            tau_minus=p["tau_minus"],
            w_min=p["w_min"] * scale,
            w_max=p["w_max"] * scale,
            dependence=weights.dependence,
            **scaled,
            **common,
        )

    def bounds(self, w_min: float, w_max: float) -> tuple[float, float]:
        """Return the least and the largest weight."""
        return w_min, w_max


class Vogels2011Rule(synapses.Vogels2011Rule):
    __doc__ = synapses.Vogels2011Rule.__doc__

    translations = _same("tau", "eta", "rho")
    possible_models = frozenset({"InhibitorySTDP"})

    def rule(
        self,
        weights: Any,  # noqa: ARG002  # only the additive one goes with this rule
        p: dict[str, float],
        scale: float,
        common: Values,
    ) -> rules.InhibitorySTDP:
        """Return the rule: targets tend to the rate rho [Hz], as alpha = 2 rho tau."""
        if p["w_min"] != 0:
            msg = f"Vogels2011Rule: w_min must be 0 in spikelet, got {p['w_min']:g}"
            raise NotImplementedError(msg)
        return rules.InhibitorySTDP(
            tau=p["tau"],
            eta=p["eta"] * scale,
            alpha=2e-3 * p["rho"] * p["tau"],
            w_max=p["w_max"] * scale,
            **common,
        )

    def bounds(self, w_min: float, w_max: float) -> tuple[float, float]:  # noqa: ARG002
        """Return the least and the largest weight, which keeps its sign."""
        return -w_max, w_max


def _probability(name: str, value: Any, where: str) -> Any:
    """Return a probability of each synapse, or raise."""
    values = np.asarray(value, dtype=float).reshape(-1)
    wrong = values[~((values >= 0) & (values <= 1))]
    if wrong.size:
        msg = f"{where}: {name} must be a probability from 0 to 1, got {wrong[0]:g}"
        raise ValueError(msg)
    return value


class SimpleStochasticSynapse(SynapseType, synapses.SimpleStochasticSynapse):
    __doc__ = synapses.SimpleStochasticSynapse.__doc__

    translations = _same("weight", "delay", "p")

    def plasticity(self, values: Values, scale: float) -> rules.Plasticity:  # noqa: ARG002
        """Return the rule: each synapse draws for each spike."""
        return SynapseEquations(
            "",
            on_pre="transmit = w if rand() < p else 0",
            parameters={"p": 0.5},
            name="SimpleStochasticSynapse",
        )(p=_probability("p", values["p"], type(self).__name__))


class _Releasing(SynapseType):
    """Synapses whose release sites release at random and recover at random (Fuhrmann et al., J. Neurophysiol. 87, 2002).

    As in NEST's ``quantal_stp_synapse``, a spike reaches an empty site after it has recovered with the probability
    1 - exp(-h / tau_rec), h being the time since the last spike; each full site releases with the probability u.
    """

    most_sites = 16  # each draws twice in the text of the rule
    begins_facilitated = False

    def plasticity(self, values: Values, scale: float) -> rules.Plasticity:  # noqa: ARG002
        """Return the rule."""
        name = type(self).__name__
        n, tau_rec, tau_facil = (
            _one(key, values.get(key, 1), name) for key in ("n", "tau_rec", "tau_facil")
        )
        if n not in range(1, self.most_sites + 1):
            msg = f"{name}: n must be a whole number of 1 to {self.most_sites} sites in spikelet, got {n:g}"
            raise NotImplementedError(msg)
        if not (tau_rec > 0 and tau_facil >= 0):
            msg = f"{name}: tau_rec must be > 0 and tau_facil >= 0 ms, got {tau_rec:g} and {tau_facil:g}"
            raise ValueError(msg)
        sites, u = range(1, int(n) + 1), "u" if tau_facil else "U"
        recovered = " + ".join(f"int({n:g} - full >= {k})*int(rand() > empty)" for k in sites)
        released = " + ".join(f"int(full >= {k})*int(rand() < {u})" for k in sites)
        text = "dempty/dt = -empty/tau_rec; dfull/dt = 0; dsent/dt = 0"
        on_pre = (
            f"full += {recovered}; sent = {released}; transmit = w*sent; full -= sent; empty = 1"
        )
        parameters = {"U": 0.5, "tau_rec": (tau_rec, "ms")}
        initial = {"full": n}
        if tau_facil:
            text += "; du/dt = -u/tau_facil"
            on_pre = f"u += U*(1 - u); {on_pre}"
            parameters["tau_facil"] = (tau_facil, "ms")
            initial["u"] = _one("U", values["U"], name) if self.begins_facilitated else 0.0
        rule = SynapseEquations(
            text, on_pre=on_pre, parameters=parameters, initial=initial, name=name
        )
        return rule(U=_probability("U", values["U"], name))


class StochasticTsodyksMarkramSynapse(_Releasing, synapses.StochasticTsodyksMarkramSynapse):
    __doc__ = synapses.StochasticTsodyksMarkramSynapse.__doc__

    translations = _same("weight", "delay", "U", "tau_rec", "tau_facil")


class MultiQuantalSynapse(_Releasing, synapses.MultiQuantalSynapse):
    __doc__ = synapses.MultiQuantalSynapse.__doc__

    translations = _same("weight", "delay", "U", "n", "tau_rec", "tau_facil")
    begins_facilitated = True  # u is U at first, as in NEST

    @property
    def default_initial_values(self) -> dict[str, Any]:
        """The full sites, ``a``, and the probability of release, ``u``, at the beginning."""
        return {"a": self.parameter_space["n"], "u": self.parameter_space["U"]}


class ElectricalSynapse(ModelNotAvailable):
    """Not available: neurons of spikelet do not interact within a step."""

    def __init__(self, *_args: Any, **_parameters: Any) -> None:
        """Raise NotImplementedError."""
        msg = (
            "ElectricalSynapse: spikelet has no gap junctions, because neurons do not interact "
            "within a step"
        )
        raise NotImplementedError(msg)
