"""Neuron models: frozen descriptions of parameters, in NEST's names and units.

Every parameter is one number for all neurons of a population, or an array with one for each. Potentials are in mV,
currents in pA, capacitances in pF, conductances in nS, times in ms.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.advice import advise, only_about
from spikelet._util.checks import fail, numbers, own, require

__all__ = ["IF", "LIF", "LIFAlpha", "LIFCond", "LIFDelta", "NeuronModel"]

Values = float | npt.ArrayLike


class State(NamedTuple):
    """What is known of a state: its unit, and the values that it may be set to."""

    unit: str
    rule: str = "finite"


STATES = {
    "V_m": State("mV"),
    "theta": State("mV"),
    "I_syn_ex": State("pA"),
    "I_syn_in": State("pA"),
    "dI_syn_ex": State("pA"),
    "dI_syn_in": State("pA"),
    "g_ex": State("nS", "finite >= 0"),
    "g_in": State("nS", "finite >= 0"),
}
"""States by name. A model whose states have other names adds them here."""


class NestModel(NamedTuple):
    """The model of NEST that a model agrees with, and the states that NEST records of it."""

    name: str
    records: tuple[str, ...]


class _Facts(NamedTuple):
    """The core's description of a model."""

    parameters: list[str]
    states: list[str]
    channels: int
    conductance: bool


@functools.cache
def _in_core() -> dict[str, _Facts]:
    return {name: _Facts(*facts) for name, facts in _core.neuron_models().items()}


_classes: dict[str, type[NeuronModel]] = {}
_nest: dict[type[NeuronModel], NestModel] = {}


def models() -> dict[str, type[NeuronModel]]:
    """Return the neuron models by name, in the core's order."""
    return {name: _classes[name] for name in _in_core() if name in _classes}


def nest_model(model: type[NeuronModel]) -> NestModel | None:
    """Return the model of NEST that a model agrees with, if there is one."""
    return _nest.get(model)


def _parameter(default: float, unit: str, rule: str = "finite") -> Any:
    return field(default=default, metadata={"unit": unit, "rule": rule})


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronModel:
    r"""Base of all neuron models, with the parameters that they share.

    A neuron spikes at the end of a step in which V_m reached ``V_th + theta``. It is then reset, holds its potential
    for ``ceil(t_ref / dt)`` steps, and theta grows by `theta_plus` and decays with `tau_theta`.

    Parameters
    ----------
    E_L, V_th, V_reset : float or array
        Resting potential, threshold and reset potential [mV]; ``V_reset < V_th``.
    t_ref : float or array
        Refractory period [ms].
    theta_plus : float or array
        Increment of the adaptive threshold at each spike [mV]; 0: no adaptation.
    tau_theta : float or array
        Time constant of the adaptive threshold [ms]; inf: no decay.
    reset : "zero" or "subtract"
        "zero" sets V_m to V_reset. "subtract" subtracts ``V_th + theta - V_reset``, so what lies above the
        threshold is kept: the residual membrane potential of RMP-SNN (Han, Srinivasan & Roy, CVPR 2020).

    Raises
    ------
    ValueError
        If a value breaks its rule; the message names the model, the parameter, the value and the rule.
    """

    E_L: Values = _parameter(-70.0, "mV")
    V_th: Values = _parameter(-55.0, "mV")
    V_reset: Values = _parameter(-70.0, "mV")
    t_ref: Values = _parameter(2.0, "ms", ">= 0")
    theta_plus: Values = _parameter(0.0, "mV", ">= 0")
    tau_theta: Values = _parameter(np.inf, "ms", "tau")
    reset: Literal["zero", "subtract"] = "zero"

    def __init_subclass__(cls, *, nest: NestModel | None = None) -> None:
        super().__init_subclass__()
        _classes.setdefault(cls.__name__, cls)
        if nest is not None:
            _nest[cls] = nest

    def __post_init__(self) -> None:
        self._facts()
        name = type(self).__name__
        lengths: dict[str, int] = {}
        for f in dataclasses.fields(self):
            if f.name == "reset":
                continue
            array = numbers(name, f.name, getattr(self, f.name), f.metadata["unit"])
            _check(name, f.name, array, f.metadata["rule"])
            if array.ndim:
                lengths[f.name] = array.shape[0]
            object.__setattr__(self, f.name, own(array) if array.ndim else float(array))
        if len(set(lengths.values())) > 1:
            fail(name, " and ".join(lengths), tuple(lengths.values()), "must have the same length")
        # With an adaptive threshold, theta may be what keeps the reset below it.
        above = np.asarray(self.V_reset) >= np.asarray(self.V_th)
        above = np.atleast_1d(above & (np.asarray(self.theta_plus) == 0))
        if above.any():
            k = int(np.flatnonzero(above)[0])
            values = np.broadcast_arrays(np.atleast_1d(self.V_reset), np.atleast_1d(self.V_th))
            fail(name, "V_reset", float(values[0][k]), f"must lie below V_th = {values[1][k]:g} mV")
        if self.reset not in ("zero", "subtract"):
            fail(name, "reset", self.reset, 'must be "zero" or "subtract"')
        self._advise()

    def _advise(self) -> None:
        """Warn about values that are plausible in SI units only."""
        for f in dataclasses.fields(self):
            unit = f.metadata.get("unit")
            if unit in _SI_BELOW:
                size = np.abs(np.asarray(getattr(self, f.name)))
                most = float(size.max(initial=0.0))
                if 0 < most < _SI_BELOW[unit]:
                    _advise_si(
                        type(self).__name__, f.name, most, unit, 1e9 if unit == "nS" else 1e12
                    )
        highest = {
            name: float(np.max(getattr(self, name), initial=-np.inf)) for name in _POTENTIALS
        }
        for name, value in highest.items():
            # Potentials between 0 and 1 are common where V_m has no unit, and those at a mV of 0 are not negative.
            in_volt = -0.2 < value < 0 and (name == "V_th" or highest["V_th"] <= -20.0)
            if in_volt:
                _advise_si(type(self).__name__, name, value, "mV", 1e3)

    @classmethod
    def _facts(cls) -> _Facts:
        """Return what the core knows of this model, or say why it knows nothing."""
        name = cls.__name__
        facts = _in_core().get(name)
        if facts is None:
            base = next((c.__name__ for c in cls.__mro__[1:] if c.__name__ in _in_core()), None)
            way_out = (
                "add it to the core (docs/adding_a_neuron_model.md)"
                if base is None
                else f"make a function that returns {base}(...) with your defaults"
            )
            msg = f"{name}: the core has no neuron model of this name; {way_out}"
            raise TypeError(msg)
        if _classes[name] is not cls:
            other = f"{_classes[name].__module__}.{name}"
            msg = f"{name}: {other} has this name already; give {cls.__module__}.{name} another one"
            raise TypeError(msg)
        return facts

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states that can be read, set and recorded."""
        return tuple(self._facts().states)

    @property
    def channels(self) -> int:
        """Number of input channels: 1 (all events) or 2 (excitatory, inhibitory)."""
        return self._facts().channels

    @property
    def conductance(self) -> bool:
        """Whether weights are conductances [nS]."""
        return self._facts().conductance

    @property
    def weight_unit(self) -> str:
        """Unit of a synaptic weight."""
        return "nS" if self.conductance else "mV" if self.channels == 1 else "pA"

    @property
    def length(self) -> int | None:
        """Number of neurons that array parameters fit, or None if all are single numbers."""
        for parameter in self.parameters():
            if np.ndim(getattr(self, parameter)):
                return len(getattr(self, parameter))
        return None

    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, in the core's order."""
        return tuple(self._facts().parameters)

    def arrays(self) -> list[npt.NDArray[np.float64]]:
        """Values of all parameters, in the core's order."""
        return [
            np.atleast_1d(np.asarray(getattr(self, p), dtype=np.float64)) for p in self.parameters()
        ]

    def replace(self, **changes: Any) -> NeuronModel:
        """Return a copy with some parameters changed."""
        with only_about(*changes):
            return dataclasses.replace(self, **changes)

    def __repr__(self) -> str:
        shown = [
            f"{f.name}={value:g}" if isinstance(value, float) else f"{f.name}={value!r}"
            for f in dataclasses.fields(self)
            if not (isinstance(value := getattr(self, f.name), (float, str)) and value == f.default)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


_POTENTIALS = ("E_L", "V_th", "V_reset")
_SI_BELOW = {"pF": 1e-6, "nS": 1e-6, "pA": 1e-7}  # values below these are in F, S or A


def _advise_si(model: str, parameter: str, value: float, unit: str, factor: float) -> None:
    problem = f"{unit} looks like a value in SI units"
    advise(model, parameter, value, problem, f"did you mean {value * factor:g} {unit}?")


def _check(name: str, parameter: str, array: npt.NDArray[np.float64], rule: str) -> None:
    if rule == "tau":  # may be infinite
        require(name, parameter, np.where(np.isposinf(array), 1.0, array), "> 0")
        return
    require(name, parameter, array, rule)
    if parameter == "tau_m" and (array < 0.1).any():
        low = float(array.min())
        fail(
            name,
            parameter,
            low,
            f"must be at least 0.1 ms; times are in ms: did you mean {1000 * low:g}?",
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LIF(NeuronModel, nest=NestModel("iaf_psc_exp", ("V_m", "I_syn_ex", "I_syn_in"))):
    r"""Leaky integrate-and-fire neuron with exponential synaptic currents (NEST ``iaf_psc_exp``).

    .. math::

        C_m \dot V = -\frac{C_m}{\tau_m} (V - E_L) + I_{syn,ex} + I_{syn,in} + I_e, \qquad
        \dot I_{syn} = -I_{syn} / \tau_{syn}

    A synapse adds its weight [pA] to the current of its receptor. Integration is exact on the grid (Rotter &
    Diesmann, Biol. Cybern. 81, 1999), also where tau_syn equals tau_m: from rest, a constant I_e gives
    ``V(t) = E_L + R I_e (1 - exp(-t / tau_m))`` with ``R = tau_m / C_m``.

    Parameters
    ----------
    tau_m : float or array
        Membrane time constant [ms].
    C_m : float or array
        Capacitance [pF].
    tau_syn_ex, tau_syn_in : float or array
        Time constants of the synaptic currents [ms].
    I_e : float or array
        Constant current [pA].
    **common
        See `NeuronModel`.

    Notes
    -----
    States: ``V_m`` [mV], ``I_syn_ex``, ``I_syn_in`` [pA], ``theta`` [mV].
    """

    tau_m: Values = _parameter(10.0, "ms", "> 0")
    C_m: Values = _parameter(250.0, "pF", "> 0")
    tau_syn_ex: Values = _parameter(2.0, "ms", "> 0")
    tau_syn_in: Values = _parameter(2.0, "ms", "> 0")
    I_e: Values = _parameter(0.0, "pA")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LIFDelta(NeuronModel, nest=NestModel("iaf_psc_delta", ("V_m",))):
    r"""Leaky integrate-and-fire neuron with delta synapses (NEST ``iaf_psc_delta``).

    .. math:: C_m \dot V = -\frac{C_m}{\tau_m} (V - E_L) + I_e + C_m \sum_k w_k \delta(t - t_k)

    An event changes V_m by its weight [mV] at the end of the step and can trigger a spike in that step. Events that
    arrive at a refractory neuron are lost. Integration is exact.

    Parameters
    ----------
    tau_m, C_m, I_e : float or array
        Membrane time constant [ms], capacitance [pF], constant current [pA].
    **common
        See `NeuronModel`.

    Notes
    -----
    States: ``V_m``, ``theta`` [mV].
    """

    tau_m: Values = _parameter(10.0, "ms", "> 0")
    C_m: Values = _parameter(250.0, "pF", "> 0")
    I_e: Values = _parameter(0.0, "pA")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LIFAlpha(NeuronModel, nest=NestModel("iaf_psc_alpha", ("V_m", "I_syn_ex", "I_syn_in"))):
    r"""Leaky integrate-and-fire neuron with alpha-shaped synaptic currents (NEST ``iaf_psc_alpha``).

    An event of weight w adds ``w e (t / tau_syn) exp(-t / tau_syn)``: the weight is the peak of the current [pA].
    Exact integration (Rotter & Diesmann 1999).

    Parameters
    ----------
    tau_m, C_m, tau_syn_ex, tau_syn_in, I_e : float or array
        As in `LIF`.
    **common
        See `NeuronModel`.

    Notes
    -----
    States: ``V_m`` [mV], ``I_syn_ex``, ``I_syn_in`` [pA], ``theta`` [mV], and ``dI_syn_ex``, ``dI_syn_in``: the
    decaying sums of the weights [pA], ``tau_syn / e`` times NEST's states of that name.
    """

    tau_m: Values = _parameter(10.0, "ms", "> 0")
    C_m: Values = _parameter(250.0, "pF", "> 0")
    tau_syn_ex: Values = _parameter(2.0, "ms", "> 0")
    tau_syn_in: Values = _parameter(2.0, "ms", "> 0")
    I_e: Values = _parameter(0.0, "pA")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LIFCond(NeuronModel, nest=NestModel("iaf_cond_exp", ("V_m", "g_ex", "g_in"))):
    r"""Leaky integrate-and-fire neuron with exponential conductances (the model of NEST ``iaf_cond_exp``).

    .. math:: C_m \dot V = -g_L (V - E_L) - g_{ex} (V - E_{ex}) - g_{in} (V - E_{in}) + I_e

    A synapse adds the magnitude of its weight [nS] to the conductance of its receptor; a negative weight goes to
    ``g_in``. The scheme is of order 2 in dt: conductances decay exactly, V_m relaxes exponentially with their mean
    over the step. It is exact for constant conductances and stable for any input.

    Parameters
    ----------
    C_m, g_L : float or array
        Capacitance [pF] and leak conductance [nS]; ``tau_m = C_m / g_L``.
    E_ex, E_in : float or array
        Reversal potentials [mV].
    tau_syn_ex, tau_syn_in : float or array
        Time constants of the conductances [ms].
    I_e : float or array
        Constant current [pA].
    **common
        See `NeuronModel`.

    Notes
    -----
    States: ``V_m`` [mV], ``g_ex``, ``g_in`` [nS], ``theta`` [mV].
    """

    V_reset: Values = _parameter(-60.0, "mV")
    C_m: Values = _parameter(250.0, "pF", "> 0")
    g_L: Values = _parameter(16.6667, "nS", "> 0")
    E_ex: Values = _parameter(0.0, "mV")
    E_in: Values = _parameter(-85.0, "mV")
    tau_syn_ex: Values = _parameter(0.2, "ms", "> 0")
    tau_syn_in: Values = _parameter(2.0, "ms", "> 0")
    I_e: Values = _parameter(0.0, "pA")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class IF(NeuronModel):
    r"""Integrate-and-fire neuron without a leak, with exponential synaptic currents.

    .. math:: C_m \dot V = I_{syn,ex} + I_{syn,in} + I_e

    The limit of `LIF` for ``tau_m -> inf``, integrated exactly. E_L is the initial potential.

    Parameters
    ----------
    C_m, tau_syn_ex, tau_syn_in, I_e : float or array
        As in `LIF`.
    **common
        See `NeuronModel`.

    Notes
    -----
    States: ``V_m`` [mV], ``I_syn_ex``, ``I_syn_in`` [pA], ``theta`` [mV].
    """

    C_m: Values = _parameter(250.0, "pF", "> 0")
    tau_syn_ex: Values = _parameter(2.0, "ms", "> 0")
    tau_syn_in: Values = _parameter(2.0, "ms", "> 0")
    I_e: Values = _parameter(0.0, "pA")
