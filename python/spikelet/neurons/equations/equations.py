"""Neuron models from text: the class `Equations`, and the models that it makes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from spikelet import _core
from spikelet._util.checks import choice, fail
from spikelet._util.spelling import spelled
from spikelet.neurons.base import Values, parameter
from spikelet.neurons.equations import schemes
from spikelet.neurons.equations.assembly import Assembled, assemble
from spikelet.neurons.equations.equations_model import EquationsModel
from spikelet.neurons.equations.expression import Number
from spikelet.neurons.equations.from_text import FromText
from spikelet.neurons.equations.model import Model
from spikelet.neurons.equations.read_model import read_model


class Equations(FromText):
    """A neuron model from text.

    Calling it makes a model with values of its parameters, which is used like a built-in one.

    Parameters
    ----------
    text : str
        Equations, one per line or separated by ``;``; ``#`` starts a comment.

        * ``dX/dt = ...`` or ``factor*dX/dt = ...``: a state. The flag ``(unless refractory)`` may follow.
        * ``name = ...``: a definition, in any order.
        * ``xi``, ``xi_1``, ... in an equation: Gaussian white noise [1/sqrt(ms)], the same wherever a name occurs again. A
          factor that depends on a state is Itô's: its value at the beginning of the step.
        * ``: unit`` after either: its unit, which is checked.

        There are ``t`` [ms], ``dt``, ``pi``; ``+ - * / ** %``, comparisons, ``and or not``, ``a if condition else b``;
        ``exp log log10 log1p expm1 exprel sqrt abs sin cos tan sinh cosh tanh asin acos atan floor ceil sign min max clip
        where int mod``; ``rand()`` and ``randn()``, drawn once for each neuron and step.
    threshold : str, optional
        Condition for a spike, such as ``"V_m >= V_th"``; without it, the neuron never spikes.
    reset : str, optional
        Assignments at a spike, in order: ``"V_m = V_reset; w += b"``.
    refractory : str or float, optional
        Refractory period [ms], of parameters and dt. It lasts ``ceil(refractory / dt)`` steps, without a test of the
        threshold. The states flagged ``(unless refractory)`` are held meanwhile, or else the potential: the first state that
        `threshold` names and `reset` sets, except for ``th`` in ``V_m >= th``. Events still act on them unless that is
        flagged, too. `schedule` changes the last two.
    receptors : dict of str to str, optional
        What events do: ``{"ex": "I_syn_ex += weight"}``, with the sum of the weights that arrive in a step. ``abs(weight)``
        is the sum of their magnitudes. If the receptors are called "ex" and "in", the sign of a weight picks its receptor.
    parameters : dict, optional
        By name: a default, ``(default, unit)`` or ``(default, unit, rule)``; rules are "finite", "> 0", ">= 0", "in [0, 1]"
        and "tau" (> 0, or inf).
    initial : dict of str to str or float, optional
        Initial values: numbers, or expressions of parameters and random numbers. By default V_m starts at E_L, if there
        is such a parameter, and all other states at 0.
    method : str
        How nonlinear equations are integrated: "auto", "exact", "euler", "exponential_euler", "exponential_midpoint",
        "heun", "magnus4", "rk2" or "rk4". Linear ones with constant coefficients are always solved exactly.
    current : str or None, optional
        Parameter that `spikelet.CurrentInput`, `StepCurrent`, `SineCurrent` and `NoiseInput` add to, in the units of the
        equations (pA, mV, 1/ms) whatever its own; by default I_e, if an equation has it. With None, the model takes no
        currents.
    schedule : {"nest", "brian2"}
        Order within a step: integration, events, threshold, reset; or integration, threshold, events, reset. As in Brian2,
        the latter holds flagged states only, and these ignore events while they are held.
    name : str
        Name of the model in messages.

    Raises
    ------
    ValueError, TypeError
        If anything is wrong; the message shows the line and marks the place. The text is never executed.

    Examples
    --------
    >>> import spikelet as sl
    >>> QIF = sl.Equations(
    ...     "tau*dv/dt = v**2 + I_e",
    ...     threshold="v >= 10",
    ...     reset="v = -10",
    ...     parameters={"tau": (10.0, "ms", "> 0"), "I_e": 1.0},
    ...     name="QIF",
    ... )
    >>> net = sl.Network(dt=0.1, threads=1)
    >>> neurons = net.population(3, QIF(I_e=[0.5, 1.0, 2.0]))
    >>> spikes = net.record(neurons, "spikes")
    >>> net.run(200.0)
    >>> [int(n) for n in spikes.counts()]
    [5, 7, 10]
    """

    @spelled
    def __init__(
        self,
        text: str,
        *,
        threshold: str | None = None,
        reset: str | None = None,
        refractory: str | float | None = None,
        receptors: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
        method: str = "auto",
        current: str | None = "I_e",
        schedule: str = "nest",
        name: str = "Equations",
    ) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            fail("Equations", "name", name, 'must be a name, such as "AdEx"')
        choice(name, "method", method, *schemes.METHODS)
        choice(name, "schedule", schedule, "nest", "brian2")
        self._description = read_model(
            text,
            name=name,
            parameters=parameters,
            threshold=threshold,
            reset=reset,
            refractory=refractory,
            receptors=receptors,
            initial=initial,
            schedule=schedule,
        )
        _check_names(self._description)
        self._given = {
            "text": self._description.text,
            "threshold": threshold,
            "reset": reset,
            "refractory": _stored(refractory, self._description.refractory),
            "receptors": None if receptors is None else dict(receptors),
            "parameters": {k: [p.default, p.unit, p.rule] for k, p in self._description.parameters.items()},
            "initial": None
            if initial is None
            else {k: _stored(v, self._description.initial[k]) for k, v in initial.items()},
            "method": method,
            "current": current,
            "schedule": schedule,
            "name": name,
        }  # fmt: skip
        self._current = _current(self._description, current)
        self._assembled = assemble(self._description, method, self._current)
        self._model = _model_class(self)
        self._keep()

    def __call__(self, **parameters: Any) -> EquationsModel:
        """Return a model with values of its parameters.

        Parameters
        ----------
        **parameters
            Numbers, or arrays with one for each neuron; by default those of the text.
        """
        return self._model(**parameters)

    # What it is -------------------------------------------------------------------------------------------------------

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states, in the order of the text."""
        return self._description.states

    @property
    def receptors(self) -> tuple[str, ...]:
        """Names of the receptors."""
        return tuple(r.name for r in self._assembled.listing.receptors)

    @property
    def threshold(self) -> str | None:
        """Text of the condition for a spike."""
        found: str | None = self._given["threshold"]
        return found

    @property
    def reset(self) -> str | None:
        """Text of what a spike does."""
        found: str | None = self._given["reset"]
        return found

    @property
    def method(self) -> str:
        """How nonlinear equations are integrated; "exact" if there are none."""
        return self._assembled.method

    @property
    def order(self) -> float:
        """Order of the method in dt, without noise and between spikes; inf if it is exact."""
        return schemes.ORDERS[self.method]

    @property
    def exact(self) -> tuple[str, ...]:
        """Names of the states that are solved exactly, given the others."""
        return tuple(name for name in self.states if name not in self._assembled.nonlinear)

    @property
    def current(self) -> str | None:
        """Name of the parameter that currents are added to, or None."""
        return self._current

    @property
    def units(self) -> dict[str, str]:
        """Units of the states by name; empty where unknown."""
        return {e.variable: e.unit or "" for e in self._description.equations}

    @functools.cached_property
    def weight_units(self) -> dict[str, str]:
        """Units of the weights by receptor; empty where unknown."""
        units = self.units
        return {
            r.name: units[r.effects[0].variable]
            if all(isinstance(e.factor, Number) for e in r.effects)
            else ""
            for r in self._description.receptors
        }

    @property
    def description(self) -> Model:
        """What the text says."""
        return self._description

    @property
    def assembled(self) -> Assembled:
        """The program, and what computes its coefficients."""
        return self._assembled

    @functools.cached_property
    def program(self) -> _core.Program:
        """The program in the core, which all populations share."""
        return self._assembled.listing.to_core(self.name)

    @property
    def model(self) -> type[EquationsModel]:
        """The class of models that this makes."""
        return self._model

    def __repr__(self) -> str:
        exact = ", ".join(self.exact)
        how = "exact" if self.method == "exact" else f"{self.method}, order {self.order:g}"
        if exact and self.method != "exact":
            how += f"; {exact} exact"
        if self._description.refractory_given:
            how += f"; {', '.join(self._description.held) or 'nothing'} held while refractory"
        return f"Equations({self.name}: {', '.join(self.states)}; {how})"


def _stored(given: Any, meaning: Any) -> Any:
    """Return an argument as text or number, whatever it was given as."""
    if given is None or isinstance(given, str):
        return given
    return meaning.value


def _current(model: Model, given: str | None) -> str | None:
    """Return the parameter that currents are added to."""
    if given is None:
        return None
    if not isinstance(given, str):
        fail(
            model.name,
            "current",
            given,
            "must be the name of a parameter, or None",
            error=TypeError,
        )
    used = any(given in model.expand(e.rhs).names for e in model.equations)
    if given in model.parameters and used:
        return given
    if given != "I_e":
        fail(model.name, "current", given, "must be a parameter that occurs in an equation")
    return None


def _check_names(model: Model) -> None:
    taken = {*dir(EquationsModel), *EquationsModel.__annotations__}
    for name in (*model.states, *model.parameters):
        if name in taken:
            fail(model.name, "name", name, "must not be that of an attribute of models: rename it")
        if name.startswith("_"):
            fail(model.name, "name", name, "of a state or parameter must begin with a letter")
    if "spikes" in model.states:
        rule = "of a state must not be what recorders call spikes: rename it"
        fail(model.name, "name", "spikes", rule)


def _model_class(equations: Equations) -> type[EquationsModel]:
    """Return the class of the models of equations."""
    described = equations.description.parameters
    fields = [(name, Values, parameter(p.default, p.unit, p.rule)) for name, p in described.items()]
    units = "\n".join(
        f"{name} : float or array\n    [{p.unit or '1'}]" for name, p in described.items()
    )
    return dataclasses.make_dataclass(
        equations.name,
        fields,
        bases=(EquationsModel,),
        namespace={
            "equations": equations,
            "__doc__": f"A model of equations.\n\nParameters\n----------\n{units}",
            "__module__": __name__,
        },
        frozen=True,
        kw_only=True,
        eq=False,
        repr=False,
    )
