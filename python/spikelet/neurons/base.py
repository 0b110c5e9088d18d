"""What every neuron model is: a frozen description of parameters, in NEST's names and units.

Every parameter is one number for all neurons of a population, or an array with one for each. Potentials are in mV,
currents in pA, capacitances in pF, conductances in nS, times in ms.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.advice import advise, only_about
from spikelet._util.checks import fail, numbers, own, require, satisfies
from spikelet._util.described import Described

Values = float | npt.ArrayLike
Simulator: TypeAlias = _core.Simulator32 | _core.Simulator64


class State(NamedTuple):
    """What is known of a state: its unit, and the values that it may be set to."""

    unit: str
    rule: str = "finite"


STATES = {
    "V_m": State("mV"),
    "theta": State("mV"),
    "I_syn": State("pA"),
    "I_syn_ex": State("pA"),
    "I_syn_in": State("pA"),
    "dI_syn_ex": State("pA"),
    "dI_syn_in": State("pA"),
    "g_ex": State("nS", "finite >= 0"),
    "g_in": State("nS", "finite >= 0"),
}
"""States of the models that have a kernel, by name."""


def parameter(default: float, unit: str, rule: str = "finite") -> Any:
    """Return a field of a model: a parameter with a default, a unit, and a rule for its values."""
    return field(default=default, metadata={"unit": unit, "rule": rule})


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronModel(Described):
    """Base of all neuron models.

    A model is a frozen dataclass whose parameters are fields made by `parameter`.

    Raises
    ------
    ValueError
        If a value breaks its rule; the message names the model, the parameter, the value and the rule.
    """

    _kept: ClassVar[frozenset[str]] = frozenset()  # parameters that were checked in another model
    _elsewhere: ClassVar[Mapping[str, str]] = {
        **{
            state: f"it is a state; set it on the population, as in cells.{state} = ... (sl.io.nest_model() takes a "
            "dictionary of NEST's with its states)"
            for state in STATES
        },
        "tau_minus": "it is of the plasticity rule, as in sl.STDP(tau_minus=20.0)",
    }

    def __post_init__(self) -> None:
        name, kept, values, arrays = type(self).__name__, self._kept, vars(self), False
        model: type = type(self)
        new = {
            f.name: f
            for f, default in _sound_defaults(model)
            if values[f.name] is not default and f.name not in kept
        }
        for f in new.values():
            value, rule = values[f.name], f.metadata["rule"]
            if type(value) is float and _holds(f.name, value, rule):  # as most are
                continue
            array = numbers(name, f.name, value, f.metadata["unit"])
            _check(name, f.name, array, rule)
            arrays = arrays or array.ndim > 0
            object.__setattr__(self, f.name, own(array) if array.ndim else float(array))
        if arrays:
            all_ = {f.name: values[f.name] for f in self._fields()}
            lengths = {name: len(x) for name, x in all_.items() if type(x) is not float}
            if len(set(lengths.values())) > 1:
                rule = "must have the same length"
                fail(name, " and ".join(lengths), tuple(lengths.values()), rule)
        if new:
            self._advise(new.keys())

    def _advise(self, new: AbstractSet[str]) -> None:
        """Warn about values that are plausible in SI units only, of parameters that are new."""
        for f in self._fields():
            unit = f.metadata["unit"]
            if f.name in new and unit in _SI_BELOW:
                value = getattr(self, f.name)
                most = max(largest(value, 0.0), -smallest(value, 0.0))
                if _is_si(most, unit):
                    advise_si(type(self).__name__, f.name, most, unit, _SI_FACTOR[unit])

    @classmethod
    def _fields(cls) -> tuple[dataclasses.Field[Any], ...]:
        """Return the fields that are parameters."""
        model: type = cls
        return _parameter_fields(model)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states that can be read, set and recorded."""
        raise NotImplementedError

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the receptors: where synaptic events go."""
        raise NotImplementedError

    @property
    def channels(self) -> int:
        """Number of receptors."""
        return len(self.receptors)

    @property
    def by_sign(self) -> bool:
        """Whether the sign of a weight picks its receptor, "ex" or "in", where none is named."""
        raise NotImplementedError

    @property
    def current(self) -> str | None:
        """Name of the parameter that currents are added to, or None."""
        raise NotImplementedError

    @property
    def conductance(self) -> bool:
        """Whether weights are conductances [nS]."""
        raise NotImplementedError

    @property
    def weight_unit(self) -> str:
        """Unit of a synaptic weight; empty if it is unknown or not the same at all receptors."""
        raise NotImplementedError

    def weight_unit_of(self, receptor: str) -> str:  # noqa: ARG002 - models differ
        """Return the unit of the weights of a receptor; empty if it is unknown."""
        return self.weight_unit

    def state(self, name: str) -> State:
        """Return the unit of a state, and the values that it may be set to."""
        return STATES[name]

    def initial(
        self,
        n: int,  # noqa: ARG002 - models differ
        draw: Callable[[str], npt.NDArray[np.float64]],  # noqa: ARG002 - models differ
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Return the states of n new neurons, as far as they differ from those that the core gives them.

        Parameters
        ----------
        n : int
            Number of neurons.
        draw : callable
            Returns n random numbers, given "rand" (uniform in (0, 1)) or "randn" (standard normal).
        """
        return {}

    def add_to(self, sim: Simulator, n: int, dt: float) -> int:
        """Add n neurons of this model to a simulator, and return the number of their population."""
        raise NotImplementedError

    def set_in(self, sim: Simulator, index: int, dt: float, before: Self | None = None) -> None:
        """Give a population of a simulator the parameters of this model.

        Parameters
        ----------
        sim, index, dt
            The simulator, the number of the population, and the step [ms].
        before : NeuronModel, optional
            The model that the population has: parameters that are the same objects stay as they are.
        """
        raise NotImplementedError

    def about_stability(self, dt: float) -> str:  # noqa: ARG002 - models differ
        """Return advice for a state that diverges, for messages."""
        way_out = 'is too large or too small; dtype="float64" has a wider range'
        return f"{type(self).__name__}: a parameter, a weight or an input {way_out}"

    @property
    def length(self) -> int | None:
        """Number of neurons that array parameters fit, or None if all are single numbers."""
        values = vars(self)
        for name in self.parameters():
            value = values[name]
            if type(value) is not float and np.ndim(value):
                return len(value)
        return None

    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters."""
        model: type = type(self)
        return _parameter_names(model)

    def units(self) -> dict[str, str]:
        """Units of the parameters by name."""
        return {f.name: f.metadata["unit"] for f in self._fields()}

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some parameters changed."""
        model: type = type(self)
        copy = type(self).__new__(type(self), **changes)  # checks the names
        kept = _names(model).difference(changes)
        values = vars(copy)
        values.update({name: value for name, value in vars(self).items() if name in kept})
        values.update(changes, _kept=kept)
        with only_about(*changes):
            copy.__post_init__()
        del values["_kept"]
        return copy

    def __dir__(self) -> list[str]:
        """List what users may need."""
        return sorted(set(super().__dir__()) - _INTERNAL)

    def __repr__(self) -> str:
        return self._call(defaults=True)


# What the network asks a model, not users.
_INTERNAL = {
    "about_stability", "add_to", "arrays", "by_sign", "channels", "conductance", "current", "initial", "length", "set_in",
    "state", "weight_unit", "weight_unit_of",
}  # fmt: skip

_SI_BELOW = {
    "pF": 1e-6,
    "nS": 1e-6,
    "pA": 1e-7,
    "ms": 0.0101,
}  # values below these are in F, S, A or s
_SI_FROM = {"ms": 1e-3}  # times of up to 1 us make synapses that act at once, on purpose
_SI_FACTOR = {"pF": 1e12, "nS": 1e9, "pA": 1e12, "ms": 1e3}


def advise_si(model: str, parameter: str, value: float, unit: str, factor: float) -> None:
    """Warn that a value looks like one in SI units, which is `factor` times smaller."""
    problem = f"{unit} looks like a value in SI units"
    advise(model, parameter, value, problem, f"did you mean {value * factor:g} {unit}?")


@functools.lru_cache(maxsize=256)
def _names(model: type) -> frozenset[str]:
    return frozenset(f.name for f in dataclasses.fields(model))


@functools.lru_cache(maxsize=256)
def _parameter_fields(model: type) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(f for f in dataclasses.fields(model) if "unit" in f.metadata)


@functools.lru_cache(maxsize=256)
def _parameter_names(model: type) -> tuple[str, ...]:
    return tuple(f.name for f in _parameter_fields(model))


@functools.lru_cache(maxsize=256)
def _sound_defaults(model: type) -> tuple[tuple[dataclasses.Field[Any], object], ...]:
    """Return the parameters with their defaults, or an object that is no value where a default needs a check."""
    return tuple(
        (f, f.default if _is_sound(f, f.default) else object()) for f in _parameter_fields(model)
    )


def _is_sound(f: dataclasses.Field[Any], value: object) -> bool:
    """Return whether nothing is to be said of one value of a parameter."""
    if type(value) is not float or not _holds(f.name, value, f.metadata["rule"]):
        return False
    return not _is_si(abs(value), f.metadata["unit"])


def _is_si(value: float, unit: str) -> bool:
    """Return whether a magnitude is plausible in SI units only."""
    return unit in _SI_BELOW and _SI_FROM.get(unit, 0.0) < value < _SI_BELOW[unit]


def largest(values: Values, least: float) -> float:
    """Return the largest of the values of a parameter, and at least `least`."""
    if isinstance(values, float):
        return max(values, least)
    return float(np.asarray(values).max(initial=least))


def smallest(values: Values, most: float) -> float:
    """Return the smallest of the values of a parameter, and at most `most`."""
    if isinstance(values, float):
        return min(values, most)
    return float(np.asarray(values).min(initial=most))


def _holds(parameter: str, value: float, rule: str) -> bool:
    """Return whether one number keeps its rule, without an array."""
    if rule == "tau":
        return value > 0
    return satisfies(value, rule) and (parameter != "tau_m" or value >= 0.1)


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
