"""Models that `Equations` made: values of parameters for a text."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.advice import advise
from spikelet._util.checks import fail, numbers
from spikelet.neurons.base import NeuronModel, Simulator, State
from spikelet.neurons.equations.assembly import Assembled
from spikelet.neurons.equations.coefficients import Coefficients, NotFinite
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.model import Model
from spikelet.neurons.equations.parameters import is_quantity
from spikelet.neurons.equations.program import EXTERNAL
from spikelet.neurons.equations.stability import stable_step
from spikelet.neurons.equations.units import unit_text

Array = npt.NDArray[np.float64]


class _Definition(Protocol):
    """What a model needs of the `Equations` that made it."""

    @property
    def states(self) -> tuple[str, ...]: ...
    @property
    def receptors(self) -> tuple[str, ...]: ...
    @property
    def parameters(self) -> Mapping[str, float]: ...
    @property
    def units(self) -> dict[str, str]: ...
    @property
    def weight_units(self) -> dict[str, str]: ...
    @property
    def current(self) -> str | None: ...
    @property
    def method(self) -> str: ...
    @property
    def description(self) -> Model: ...
    @property
    def assembled(self) -> Assembled: ...
    @property
    def program(self) -> _core.Program: ...
    @property
    def text(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def __call__(self, **parameters: Any) -> EquationsModel: ...
    def __hash__(self) -> int: ...


class EquationsModel(NeuronModel):
    """A model that `Equations` made, with values of its parameters: what `spikelet.Network.population` takes.

    Its parameters are attributes. It is frozen; `replace` returns a copy with some parameters changed.
    """

    equations: ClassVar[_Definition]
    # Of the class of each text, once one of its models is used.
    _coefficients: ClassVar[Coefficients]

    def __post_init__(self) -> None:
        for name, parameter in self.equations.description.parameters.items():
            value = getattr(self, name)
            if parameter.factor != 1 and is_quantity(value):
                base = unit_text(parameter.dimension, one="")
                own = numbers(type(self).__name__, name, value, base) / parameter.factor
                object.__setattr__(self, name, own)
        super().__post_init__()
        if "dt" not in self.equations.description.refractory.names:
            self._refractory_period(1.0)

    def _kind(self) -> Any:
        return self.equations

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states that can be read, set and recorded."""
        return self.equations.states

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the receptors: where synaptic events go."""
        return self.equations.receptors

    @property
    def by_sign(self) -> bool:
        """Whether the sign of a weight picks its receptor."""
        return self.equations.assembled.listing.by_sign

    @property
    def current(self) -> str | None:
        """Name of the parameter that currents are added to, or None."""
        return self.equations.current

    @property
    def conductance(self) -> bool:
        """Whether weights are conductances [nS]."""
        return self.weight_unit == "nS"

    @property
    def weight_unit(self) -> str:
        """Unit of a synaptic weight; empty if it is unknown or not the same at all receptors."""
        units = {self.weight_unit_of(receptor) for receptor in self.receptors}
        return units.pop() if len(units) == 1 else ""

    def weight_unit_of(self, receptor: str) -> str:
        """Return the unit of the weights of a receptor; empty if it is unknown."""
        return self.equations.weight_units[receptor]

    def state(self, name: str) -> State:
        """Return the unit of a state, and the values that it may be set to."""
        return State(self.equations.units[name])

    def _refractory_period(self, dt: float) -> Array:
        """Return the refractory period [ms], one number or one for each neuron."""
        expr = self.equations.description.refractory
        values = {**self._values(expr.names - {"dt"}), "dt": dt}
        period = np.atleast_1d(evaluate(expr, values))
        bad = ~((period >= 0) & np.isfinite(period))
        if bad.any():
            rule = "must be finite and >= 0 ms"
            fail(type(self).__name__, "refractory", float(period[bad][0]), rule)
        return period

    def initial(self, n: int, draw: Callable[[str], Array]) -> dict[str, Array]:
        """Return the states that n new neurons have, where they are not zero.

        Parameters
        ----------
        n : int
            Number of neurons.
        draw : callable
            Returns n random numbers, given "rand" (uniform in (0, 1)) or "randn" (standard normal).
        """
        values, drawn = self._values(), dict[tuple[str, int], Array]()

        def number(op: str, stream: int) -> Array:
            if (op, stream) not in drawn:
                drawn[op, stream] = draw(op)
            return drawn[op, stream]

        found = {}
        for name, expr in self.equations.description.initial.items():
            value = evaluate(expr, values, number)
            if n > 0 and not np.isfinite(value).all():
                where = f"{type(self).__name__}: initial value of {name}"
                fail(where, str(expr), float(value[~np.isfinite(value)][0]), "must be finite")
            if n > 0 and value.any():
                found[name] = np.broadcast_to(value, (n,))
        return found

    def add_to(self, sim: Simulator, n: int, dt: float) -> int:
        """Add n neurons of this model to a simulator, and return the number of their population."""
        coefficients = self.coefficients(dt)
        period = self._refractory_period(dt)
        self._advise_step(dt)
        return sim.add_program(self.equations.program, n, coefficients, period)

    def set_in(
        self,
        sim: Simulator,
        index: int,
        dt: float,
        before: Self | None = None,  # noqa: ARG002 - coefficients are kept
    ) -> None:
        """Give a population of a simulator the parameters of this model."""
        sim.set_coefficients(index, self.coefficients(dt), self._refractory_period(dt))

    def coefficients(self, dt: float) -> list[Array]:
        """Return the values of the program's coefficients for a step, each one number or one for each neuron."""
        kind = type(self)
        if "_coefficients" not in vars(kind):
            made = self.equations
            kind._coefficients = Coefficients(made.assembled, made.parameters)
        try:
            return kind._coefficients.of(self._values(), dt)
        except NotFinite as found:
            which, value, neuron = found.args
            at = "" if neuron is None else f" of neuron {neuron}"
            rule = f"must be finite{at}, with the parameters given: is one of them zero, or in another unit?"
            fail(kind.__name__, which, value, rule)

    def _advise_step(self, dt: float) -> None:
        """Warn about a step that is too long for the method already at the initial state."""
        made = self.equations
        if made.method == "exact":
            return
        if self.length == 0:
            return  # no neuron
        values = self._values().values()
        first = tuple(x if type(x) is float else float(np.ravel(x)[0]) for x in values)
        longest = _longest_step(made, first, dt)
        if longest < dt:
            problem = f"ms is too long for {made.method}: deviations from the initial state grow from step to step"
            advise(type(self).__name__, "dt", dt, problem, f"use at most {longest:g} ms")

    def about_stability(self, dt: float) -> str:
        """Return advice for a state that diverges, for messages."""
        made = self.equations
        name, method = type(self).__name__, made.method
        others = {
            "rk2": ' or method="exponential_midpoint"',
            "rk4": ' or method="exponential_midpoint"',
        }
        way_out = f"use a shorter dt than {dt:g} ms{others.get(method, '')}, or bound what grows without limit"
        return f"{name}, {method}: {way_out}"

    def derivatives(self, states: Mapping[str, npt.ArrayLike], t: float = 0.0) -> dict[str, Array]:
        """Return dX/dt of each state [its unit per ms], without noise, input and refractoriness.

        Parameters
        ----------
        states : mapping of str to array-like
            Values of all states by name, which broadcast against each other and against the parameters.
        t : float
            Time [ms].

        Raises
        ------
        ValueError
            If a state is missing, or another name is given.
        """
        made = self.equations
        if set(states) != set(made.states):
            rule = f"must be values of {', '.join(made.states)}"
            fail(type(self).__name__, "states", list(states), rule)
        given = {
            name: numbers(type(self).__name__, name, x, "", 8, nan=True)
            for name, x in states.items()
        }
        values = {**self._values(), **given, "t": t, "not_refractory": True, EXTERNAL.name: 0.0}
        middle = {"rand": 0.5, "randn": 0.0}
        return {
            name: evaluate(equation.rate, values, lambda op, _: middle[op])
            for name, equation in made.assembled.equations.items()
        }

    def _values(self, names: Iterable[str] | None = None) -> dict[str, npt.ArrayLike]:
        """Return the parameters, or some of them, in the base system."""
        given = self.equations.description.parameters
        found = {}
        for name in given if names is None else names:
            value, factor = getattr(self, name), given[name].factor
            found[name] = value if factor == 1 else value * factor
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (
            self.equations,
            {name: getattr(self, name) for name in self.parameters()},
        )


# One model often has many populations with the same values.
@functools.lru_cache(maxsize=256)
def _longest_step(made: _Definition, parameters: tuple[float, ...], dt: float) -> float:
    """Return a step that is stable at the initial state of a neuron: dt or a part of it."""
    values = dict(zip(made.description.parameters, parameters, strict=True))
    start = dict.fromkeys(made.states, 0.0)
    for name, expr in made.description.initial.items():
        start[name] = float(evaluate(expr, values, lambda op, _: 0.5 if op == "rand" else 0.0))
    return stable_step(made.assembled, values, start, dt)


def _restored(equations: _Definition, values: dict[str, Any]) -> EquationsModel:
    return equations(**values)
