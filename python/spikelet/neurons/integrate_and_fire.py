"""Integrate-and-fire models with kernels in the core (``cpp/src/core/neurons/``)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.advice import advise
from spikelet._util.checks import fail
from spikelet.neurons.base import (
    NeuronModel,
    Simulator,
    Values,
    advise_si,
    largest,
    parameter,
)


class _Facts(NamedTuple):
    """The core's number and description of a model."""

    number: int
    parameters: tuple[str, ...]
    states: tuple[str, ...]
    channels: int
    conductance: bool


@functools.cache
def _in_core() -> dict[str, _Facts]:
    return {
        name: _Facts(k, tuple(facts[0]), tuple(facts[1]), *facts[2:])
        for k, (name, facts) in enumerate(_core.neuron_models().items())
    }


def _look_up(model: type) -> _Facts:
    """Return what the core knows of a class of models, or say why it knows nothing."""
    name = model.__name__
    facts = _in_core().get(name)
    if facts is None:
        base = next((c.__name__ for c in model.__mro__[1:] if c.__name__ in _in_core()), None)
        way_out = (
            "add it to the core (docs/adding_a_neuron_model.md)"
            if base is None
            else f"make a function that returns {base}(...) with your defaults"
        )
        msg = f"{name}: the core has no neuron model of this name; {way_out}"
        raise TypeError(msg)
    if _classes[name] is not model:
        other = f"{_classes[name].__module__}.{name}"
        msg = f"{name}: {other} has this name already; give {model.__module__}.{name} another one"
        raise TypeError(msg)
    return facts


# Each model of an ensemble asks several times. Errors are not kept.
_facts_of: Callable[[Any], _Facts] = functools.lru_cache(maxsize=256)(_look_up)

_classes: dict[str, type[IntegrateAndFire]] = {}


def models() -> dict[str, type[IntegrateAndFire]]:
    """Return the models that have a kernel by name, in the core's order."""
    return {name: _classes[name] for name in _in_core() if name in _classes}


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class IntegrateAndFire(NeuronModel):
    r"""Base of the integrate-and-fire models, with the parameters that they share.

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
        "zero" sets V_m to V_reset. "subtract" subtracts ``V_th + theta - V_reset``, which keeps the excess over the
        threshold: the residual membrane potential of RMP-SNN (Han, Srinivasan & Roy, CVPR 2020).
    """

    E_L: Values = parameter(-70.0, "mV")
    V_th: Values = parameter(-55.0, "mV")
    V_reset: Values = parameter(-70.0, "mV")
    t_ref: Values = parameter(2.0, "ms", ">= 0")
    theta_plus: Values = parameter(0.0, "mV", ">= 0")
    tau_theta: Values = parameter(np.inf, "ms", "tau")
    reset: Literal["zero", "subtract"] = "zero"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _classes.setdefault(cls.__name__, cls)

    def __post_init__(self) -> None:
        _facts_of(type(self))
        super().__post_init__()
        name = type(self).__name__
        reset, threshold, plus = self.V_reset, self.V_th, self.theta_plus
        one = type(reset) is float and type(threshold) is float and type(plus) is float
        if not one or (reset >= threshold and plus == 0):  # type: ignore[operator]  # floats
            self._require_reset_below()
        if self.reset not in ("zero", "subtract"):
            fail(name, "reset", self.reset, 'must be "zero" or "subtract"')

    def _require_reset_below(self) -> None:
        """Raise ValueError unless the reset lies below the threshold, or theta may keep it there."""
        above = np.greater_equal(self.V_reset, self.V_th) & np.equal(self.theta_plus, 0)
        if np.any(above):
            k = int(np.flatnonzero(np.atleast_1d(above))[0])
            values = np.broadcast_arrays(np.atleast_1d(self.V_reset), np.atleast_1d(self.V_th))
            name, threshold = type(self).__name__, float(values[1][k])
            fail(name, "V_reset", float(values[0][k]), f"must lie below V_th = {threshold:g} mV")

    def _advise(self, new: AbstractSet[str]) -> None:
        super()._advise(new)
        if new.isdisjoint((*_POTENTIALS, "C_m")):
            return
        highest = {name: largest(getattr(self, name), -math.inf) for name in _POTENTIALS}
        for name, value in highest.items():
            # Potentials between 0 and 1 are common where V_m has no unit, and those at a mV of 0 are not negative.
            in_volt = -0.2 < value < 0 and (name == "V_th" or highest["V_th"] <= -20.0)
            if in_volt:
                advise_si(type(self).__name__, name, value, "mV", 1e3)
        if "C_m" in new and highest["V_th"] <= -20.0:
            least = float(np.min(getattr(self, "C_m", math.inf), initial=math.inf))
            if 0.01 <= least < 1.0:
                problem = "pF looks like a value in nF, PyNN's unit"
                way_out = f"did you mean {1e3 * least:g} pF?"
                advise(type(self).__name__, "C_m", least, problem, way_out)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states that can be read, set and recorded."""
        return _facts_of(type(self)).states

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the receptors: one for all events, or excitatory and inhibitory ones."""
        return ("ex", "in")[: _facts_of(type(self)).channels]

    @property
    def channels(self) -> int:
        """Number of receptors."""
        return _facts_of(type(self)).channels

    @property
    def by_sign(self) -> bool:
        """Whether the sign of a weight picks its receptor, where none is named."""
        return _facts_of(type(self)).channels == 2

    @property
    def current(self) -> str:
        """Name of the parameter to which currents are added."""
        return "I_e"

    @property
    def conductance(self) -> bool:
        """Whether weights are conductances [nS]."""
        return _facts_of(type(self)).conductance

    @property
    def weight_unit(self) -> str:
        """Unit of a synaptic weight."""
        facts = _facts_of(type(self))
        return "nS" if facts.conductance else "mV" if facts.channels == 1 else "pA"

    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters, in the core's order."""
        return _facts_of(type(self)).parameters

    def arrays(self) -> list[npt.NDArray[np.float64]]:
        """Values of all parameters, in the core's order."""
        return [np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in self._values()]

    def _values(self) -> list[Any]:
        """Return the values of all parameters, in the core's order."""
        values = vars(self)
        return [values[p] for p in _facts_of(type(self)).parameters]

    def add_to(self, sim: Simulator, n: int, dt: float) -> int:  # noqa: ARG002 - the core knows dt
        """Add n neurons of this model to a simulator, and return the number of their population."""
        values = self._values()
        return sim.add_neurons(_facts_of(type(self)).number, n, values, self.reset == "subtract")

    def set_in(
        self,
        sim: Simulator,
        index: int,
        dt: float,  # noqa: ARG002 - the core knows it
        before: Self | None = None,
    ) -> None:
        """Give a population of a simulator the parameters of this model, of which the core lowers those that are new."""
        values, subtract = self._values(), self.reset == "subtract"
        if before is None:
            sim.set_parameters(index, values, subtract)
            return
        pairs = enumerate(zip(before._values(), values, strict=True))
        changed = sum(1 << k for k, (old, new) in pairs if new is not old)
        sim.set_parameters(index, values, subtract, changed)


_POTENTIALS = ("E_L", "V_th", "V_reset")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LIF(IntegrateAndFire):
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
        See `IntegrateAndFire`.

    Notes
    -----
    States: ``V_m`` [mV], ``I_syn_ex``, ``I_syn_in`` [pA], ``theta`` [mV].
    """

    tau_m: Values = parameter(10.0, "ms", "> 0")
    C_m: Values = parameter(250.0, "pF", "> 0")
    tau_syn_ex: Values = parameter(2.0, "ms", "> 0")
    tau_syn_in: Values = parameter(2.0, "ms", "> 0")
    I_e: Values = parameter(0.0, "pA")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LIFOneCurrent(IntegrateAndFire):
    r"""`LIF` with one synaptic time constant, and the sum of both synaptic currents as one state.

    .. math::

        C_m \dot V = -\frac{C_m}{\tau_m} (V - E_L) + I_{syn} + I_e, \qquad \dot I_{syn} = -I_{syn} / \tau_{syn}

    The currents of both receptors decay with the same time constant, so only their sum matters. A step reads and writes
    a third less memory than with `LIF`. V_m differs from that of `LIF` only by rounding, and is identical if all
    weights have the same sign.

    Parameters
    ----------
    tau_m, C_m, I_e : float or array
        As in `LIF`.
    tau_syn : float or array
        Time constant of the synaptic current [ms].
    **common
        See `IntegrateAndFire`.

    Notes
    -----
    States: ``V_m`` [mV], ``I_syn`` [pA], ``theta`` [mV].
    """

    tau_m: Values = parameter(10.0, "ms", "> 0")
    C_m: Values = parameter(250.0, "pF", "> 0")
    tau_syn: Values = parameter(2.0, "ms", "> 0")
    I_e: Values = parameter(0.0, "pA")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LIFDelta(IntegrateAndFire):
    r"""Leaky integrate-and-fire neuron with delta synapses (NEST ``iaf_psc_delta``).

    .. math:: C_m \dot V = -\frac{C_m}{\tau_m} (V - E_L) + I_e + C_m \sum_k w_k \delta(t - t_k)

    An event changes V_m by its weight [mV] at the end of the step and can trigger a spike in that step. Events that
    arrive at a refractory neuron are lost. Integration is exact.

    Parameters
    ----------
    tau_m, C_m, I_e : float or array
        Membrane time constant [ms], capacitance [pF], constant current [pA].
    **common
        See `IntegrateAndFire`.

    Notes
    -----
    States: ``V_m``, ``theta`` [mV].
    """

    tau_m: Values = parameter(10.0, "ms", "> 0")
    C_m: Values = parameter(250.0, "pF", "> 0")
    I_e: Values = parameter(0.0, "pA")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LIFAlpha(IntegrateAndFire):
    r"""Leaky integrate-and-fire neuron with alpha-shaped synaptic currents (NEST ``iaf_psc_alpha``).

    An event of weight w adds ``w e (t / tau_syn) exp(-t / tau_syn)``: the weight is the peak of the current [pA].
    Exact integration (Rotter & Diesmann 1999).

    Parameters
    ----------
    tau_m, C_m, tau_syn_ex, tau_syn_in, I_e : float or array
        As in `LIF`.
    **common
        See `IntegrateAndFire`.

    Notes
    -----
    States: ``V_m`` [mV], ``I_syn_ex``, ``I_syn_in`` [pA], ``theta`` [mV], and ``dI_syn_ex``, ``dI_syn_in``: the
    decaying sums of the weights [pA], ``tau_syn / e`` times NEST's states of that name.
    """

    tau_m: Values = parameter(10.0, "ms", "> 0")
    C_m: Values = parameter(250.0, "pF", "> 0")
    tau_syn_ex: Values = parameter(2.0, "ms", "> 0")
    tau_syn_in: Values = parameter(2.0, "ms", "> 0")
    I_e: Values = parameter(0.0, "pA")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LIFCond(IntegrateAndFire):
    r"""Leaky integrate-and-fire neuron with exponential conductances (the model of NEST ``iaf_cond_exp``).

    .. math:: C_m \dot V = -g_L (V - E_L) - g_{ex} (V - E_{ex}) - g_{in} (V - E_{in}) + I_e

    A synapse adds the magnitude of its weight [nS] to the conductance of its receptor; a negative weight goes to
    ``g_in``. The scheme is of order 4 in dt: conductances decay exactly, V_m takes a step of Magnus' series (S. Blanes
    et al., Phys. Rep. 470:151, 2009). It is exact for constant conductances and stable for any input.

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
        See `IntegrateAndFire`.

    Notes
    -----
    States: ``V_m`` [mV], ``g_ex``, ``g_in`` [nS], ``theta`` [mV].
    """

    V_reset: Values = parameter(-60.0, "mV")
    C_m: Values = parameter(250.0, "pF", "> 0")
    g_L: Values = parameter(16.6667, "nS", "> 0")
    E_ex: Values = parameter(0.0, "mV")
    E_in: Values = parameter(-85.0, "mV")
    tau_syn_ex: Values = parameter(0.2, "ms", "> 0")
    tau_syn_in: Values = parameter(2.0, "ms", "> 0")
    I_e: Values = parameter(0.0, "pA")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class IF(IntegrateAndFire):
    r"""Integrate-and-fire neuron without a leak, with exponential synaptic currents.

    .. math:: C_m \dot V = I_{syn,ex} + I_{syn,in} + I_e

    The limit of `LIF` for ``tau_m -> inf``, integrated exactly. E_L is the initial potential.

    Parameters
    ----------
    C_m, tau_syn_ex, tau_syn_in, I_e : float or array
        As in `LIF`.
    **common
        See `IntegrateAndFire`.

    Notes
    -----
    States: ``V_m`` [mV], ``I_syn_ex``, ``I_syn_in`` [pA], ``theta`` [mV].
    """

    C_m: Values = parameter(250.0, "pF", "> 0")
    tau_syn_ex: Values = parameter(2.0, "ms", "> 0")
    tau_syn_in: Values = parameter(2.0, "ms", "> 0")
    I_e: Values = parameter(0.0, "pA")
