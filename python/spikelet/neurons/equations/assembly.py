"""A whole step of a model: integration, events, threshold and reset, as a program."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet.neurons.equations import schemes
from spikelet.neurons.equations.arrange import Arranger
from spikelet.neurons.equations.branches import taken
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import (
    ONE,
    TRUE,
    Call,
    Expr,
    Name,
    Number,
    call,
    substitute,
)
from spikelet.neurons.equations.growth import at_most_linear
from spikelet.neurons.equations.linear import NOT_REFRACTORY, Equation, Linear, linear_part
from spikelet.neurons.equations.model import Model
from spikelet.neurons.equations.model import Receptor as Described
from spikelet.neurons.equations.program import (
    EXTERNAL,
    Listing,
    Receptor,
    compile_step,
    input_name,
)

Array = npt.NDArray[np.float64]

_TOTAL = "total current"


class Assembled(NamedTuple):
    """The program of a model, and what turns parameters into its coefficients."""

    listing: Listing
    linear: Linear
    method: str
    equations: dict[str, Equation]
    """Equations of all states, with states, parameters, time, noise and the external current."""
    nonlinear: tuple[str, ...]
    """States that are not solved exactly."""
    new: dict[str, Expr]
    """States after the integration over a step."""

    def counts(
        self, expr: Expr, parameters: Mapping[str, npt.ArrayLike], dt: float
    ) -> npt.NDArray[np.bool_]:
        """Return whether a coefficient can have an effect, given parameters and dt: for all, or for each neuron."""
        values = {**parameters, "dt": dt}
        found = taken(self.listing.roots, values | self.linear_values(values))
        return found.get(
            expr, found.get(-expr, np.array([True]))
        )  # those of fused operations are negative

    def linear_values(self, values: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
        """Return the values of the coefficients that the linear part has, given parameters and dt."""
        used = {
            name: None
            for expr in self.listing.coefficients
            for name in sorted(expr.names & self.linear.coefficients)
        }
        dt = float(np.asarray(values["dt"]))
        return self.linear.values(used, dt, lambda expr: np.atleast_1d(evaluate(expr, values)))


def assemble(model: Model, method: str, current: str | None) -> Assembled:
    """Return the program of a model.

    Parameters
    ----------
    model : Model
        What its text says.
    method : str
        One of `schemes.METHODS`.
    current : str or None
        Parameter that the external current is added to.
    """
    fixed = frozenset(model.parameters) | {"dt"}
    equations = _equations(model, current)
    inside = linear_part(equations, fixed, current and _TOTAL)
    total = EXTERNAL if current is None else Name(current) + EXTERNAL
    whole = {
        name: Equation(
            substitute(equation.rate, {_TOTAL: total}),
            {k: substitute(x, {_TOTAL: total}) for k, x in equation.noise.items()},
        )
        for name, equation in equations.items()
    }
    others = {name: equation for name, equation in whole.items() if name not in inside}
    method = schemes.choose(model.name, others, model.states, method)
    streams = itertools.count(model.draws)
    linear = Linear(
        inside,
        dict.fromkeys(source for equation in others.values() for source in equation.noise),
        current and _TOTAL,
        total,
        model.held,
        lambda: Call("randn", (Number(next(streams)),)),
    )
    reset = _limits(model, others)
    # A rate that is at most linear in its variable has no upstroke: its equation holds beyond the limit.
    limits = {
        x: limit
        for x, limit in reset.items()
        if not at_most_linear(others[x].rate, x, model.parameters)
    }
    problem = schemes.Problem(others, linear, frozenset(model.held), limits)
    new = schemes.step(problem, method)
    arranger = Arranger(fixed | linear.coefficients)
    new = {name: arranger.rate(new[name]) for name in model.states}
    receptors = _receptors(model)

    def uncut(states: Mapping[str, Expr]) -> dict[str, Expr]:
        return {**states, **{name: _unless_held(states[name])[0] for name in reset}}

    if model.schedule == "brian2":
        tested = uncut(new)
        spiked = _spiked(model, others, arranger, tested)
        begins = _refractory_begins(model, spiked)
        after = _with_events(model, receptors, arranger, _cut(limits, new), begins)
    else:
        with_events = _with_events(model, receptors, arranger, new)
        tested, after = uncut(with_events), _cut(limits, with_events)
    listing = compile_step(
        model.states,
        receptors,
        arranger,
        after,
        _spiked(model, others, arranger, tested),
        _reset(model, arranger),
        by_sign=[r.name for r in receptors] == ["ex", "in"],
    )
    return Assembled(listing, linear, method, whole, tuple(others), new)


def _equations(model: Model, current: str | None) -> dict[str, Equation]:
    """Return the equations without definitions, and with a name for the whole current."""
    names = {} if current is None else {current: Name(_TOTAL)}

    def meaning(expr: Expr) -> Expr:
        return substitute(model.expand(expr), names)

    return {
        e.variable: Equation(meaning(e.rhs), {k: meaning(x) for k, x in e.noise.items()})
        for e in model.equations
    }


def _limits(model: Model, others: Mapping[str, Equation]) -> dict[str, Expr]:
    """Return the variables that the reset sets as soon as they reach a constant, and that constant."""
    if model.threshold is None:
        return {}
    test = model.expand(model.threshold)
    if not isinstance(test, Call) or test.op not in ("le", "lt"):
        return {}
    limit, variable = test.args
    if not isinstance(variable, Name) or variable.name not in others:
        return {}
    after = _assigned(model).get(variable.name)
    if after is None or variable.name in after.names or not limit.names <= set(model.parameters):
        return {}
    return {variable.name: limit}


def _cut(limits: Mapping[str, Expr], values: Mapping[str, Expr]) -> dict[str, Expr]:
    """Return values with those that spikes will reset not beyond their limit: an upstroke stays finite.

    Refractory neurons are not reset, and so not cut.
    """
    cut = dict(values)
    for name, limit in limits.items():
        free, still = _unless_held(values[name])
        cut[name] = call("select", NOT_REFRACTORY, schemes.within(limit, free), still)
    return cut


def _unless_held(value: Expr) -> tuple[Expr, Expr]:
    """Return the value of a neuron that is not refractory, and of one that is."""
    if isinstance(value, Call) and value.op == "select" and value.args[0] is NOT_REFRACTORY:
        _, free, still = value.args
        return free, still
    return value, value


# Events ---------------------------------------------------------------------------------------------------------------


def _receptors(model: Model) -> list[Receptor]:
    """Return the receptors in the core's order.

    An event that is only added to a variable which nothing else in the step reads or sets may be added after it, which
    takes no input slot.
    """
    by_sign = {r.name for r in model.receptors} == {"ex", "in"}
    order = sorted(model.receptors, key=lambda r: r.name) if by_sign else model.receptors
    assigned = _assigned(model)
    read = {name for expr in assigned.values() for name in expr.names} | set(assigned)
    if model.schedule == "nest" and model.threshold is not None:
        read |= model.expand(model.threshold).names
    late = {r.name: r.effects[0] for r in order if _may_be_late(r, read)}
    while True:
        early = [r for r in order if r.name not in late]
        used = {name for r in early for e in r.effects for name in model.expand(e.factor).names}
        used |= {e.variable for r in early for e in r.effects}
        targets = [e.variable for e in late.values()]
        back = {
            name
            for name, e in late.items()
            if e.variable in used
            or (
                targets.count(e.variable) > 1 and e.magnitude
            )  # magnitudes have an array of their own
            or (by_sign and early)  # both or none
        }
        if not back:
            break
        late = {name: e for name, e in late.items() if name not in back}
    return [
        Receptor(
            r.name,
            model.states.index(late[r.name].variable) if r.name in late else -1,
            _magnitude(r),
        )
        for r in order
    ]


def _may_be_late(receptor: Described, read: set[str]) -> bool:
    if len(receptor.effects) != 1:
        return False
    (effect,) = receptor.effects
    return effect.factor is ONE and not effect.held and effect.variable not in read


def _magnitude(receptor: Described) -> bool:
    """Return whether magnitudes count, which must be so in all effects of a receptor or in none."""
    first = receptor.effects[0]
    for effect in receptor.effects:
        if effect.magnitude != first.magnitude:
            msg = (
                f"the effects of receptor '{receptor.name}' must all use weight, or all abs(weight)"
            )
            raise effect.place.error(msg)
    return first.magnitude


def _with_events(
    model: Model,
    receptors: list[Receptor],
    arranger: Arranger,
    new: Mapping[str, Expr],
    begins: Expr | None = None,
) -> dict[str, Expr]:
    """Return the states after the events that the step itself adds.

    Neurons whose refractory period `begins` in this step already ignore events that have the flag.
    """
    states = dict(new)
    effects = {r.name: r.effects for r in model.receptors}
    for receptor in receptors:
        for effect in effects[receptor.name] if receptor.state < 0 else ():
            factor = substitute(arranger.as_written(model.expand(effect.factor)), states)
            before = still = states[effect.variable]
            if effect.held:
                before, still = _unless_held(before)
            after = before + factor * input_name(receptor.name)
            if effect.held:
                if begins is not None and not _set_anew(model, effect.variable):
                    after = call("select", begins, before, after)
                after = call("select", NOT_REFRACTORY, after, still)
            states[effect.variable] = after
    return states


def _set_anew(model: Model, variable: str) -> bool:
    """Return whether a reset sets a variable whatever it was, and nothing else reads it after events."""
    assigned = _assigned(model)
    factors = (e.factor for r in model.receptors for e in r.effects)
    read = {
        name for expr in (*assigned.values(), *map(model.expand, factors)) for name in expr.names
    }
    return variable in assigned and variable not in read


def _refractory_begins(model: Model, spiked: Expr | None) -> Expr | None:
    """Return whether a neuron becomes refractory in this step, if any can.

    In Brian2 this step belongs to a refractory period, also to one of 0.
    """
    return spiked if model.refractory_given else None


# Threshold and reset --------------------------------------------------------------------------------------------------


def _spiked(
    model: Model, others: Mapping[str, Equation], arranger: Arranger, states: Mapping[str, Expr]
) -> Expr | None:
    """Return whether a neuron spikes, also if a variable is not a number: the core then stops with an error."""
    if model.threshold is None:
        unseen, test = list(others), None
    else:
        written = arranger.as_written(_true_for_nan(model.expand(model.threshold)))
        test = substitute(written, states)
        unseen = [name for name in others if name not in _seen_by(model, others)]
    if not unseen:
        return test
    total = states[unseen[0]]
    for name in unseen[1:]:
        total = total + states[name]
    diverged = Call("ne", (total, total))
    return diverged if test is None else call("or", test, diverged)


def _true_for_nan(test: Expr) -> Expr:
    """Return a condition that is true where an operand of its comparisons is not a number."""
    if not isinstance(test, Call):
        return test
    if test.op in ("and", "or"):
        return call(test.op, *map(_true_for_nan, test.args))
    if test.op in ("lt", "le"):
        opposite = "le" if test.op == "lt" else "lt"
        return call("not", call(opposite, *reversed(test.args)))
    return test


def _seen_by(model: Model, others: Mapping[str, Equation]) -> set[str]:
    """Return the variables without which a single comparison would not be: NaN goes on from one to the next."""
    assert model.threshold is not None
    test = model.expand(model.threshold)
    if not isinstance(test, Call) or test.op not in ("lt", "le"):
        return set()
    seen: set[str] = set()
    new = set(test.names) & others.keys()
    while new:
        seen |= new
        new = {n for name in new for n in others[name].rate.names if n in others} - seen
    return seen


def _assigned(model: Model) -> dict[str, Expr]:
    """Return the states that a reset sets, by those before it."""
    states: dict[str, Expr] = {}
    for assignment in model.reset:
        states[assignment.variable] = substitute(model.expand(assignment.expr), states)
    return states


def _reset(model: Model, arranger: Arranger) -> dict[str, Expr]:
    free = {NOT_REFRACTORY.name: TRUE}  # a refractory neuron does not spike
    return {
        name: arranger.as_written(substitute(expr, free)) for name, expr in _assigned(model).items()
    }
