"""Schemes: the equations of a model as expressions of one step.

The linear part is exact, at the times of the stages, too (`linear`). The schemes here are for the other variables. With f
the rate of a variable, h the step and phi(z) = (exp(z) - 1) / z:

======================= ===== ====================================================================================
method                  order a step
======================= ===== ====================================================================================
"exact"                 inf   all variables are linear
"euler"                 1     x + h f
"exponential_euler"     1     x + h phi(h J) f, with J the derivative of f by x itself: its coefficient, where f is
                              linear in x
"exponential_midpoint"  2     the same, with all other variables at the middle of the step, where a half step of
                              "exponential_euler" puts them
"magnus4"               4     x + phi(A) (A x + B): Magnus' expansion with the two nodes of Gauss, for variables that are
                              linear in themselves and depend on none but exact ones
"rk2"                   2     the explicit midpoint rule
"rk4"                   4     the classical rule of Runge and Kutta
"heun"                  2     x + h (f + f') / 2, with f' at the end of the step, where h f and the noise put x; the factors of
                              noise are averaged in the same way
======================= ===== ====================================================================================

A variable that is linear in itself, as a gate is, stays bounded with the exponential schemes, however long the step
(Hochbruck & Ostermann, Acta Numerica 19, 2010; the gates: Rush & Larsen, IEEE Trans. Biomed. Eng. 25, 1978; Magnus:
Blanes, Casas, Oteo & Ros, Physics Reports 470, 2009). White noise adds its integral over the step at the end (Euler-Maruyama), with its factor as it is at the start: Itô's calculus.
"heun" converges to Stratonovich's (Kloeden & Platen, 1992, 4.9 and 15.5). Orders are those without noise, and between spikes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from spikelet._util.checks import choice, fail
from spikelet.neurons.equations.calculus import affine_in, derivative
from spikelet.neurons.equations.expression import ZERO, Call, Expr, Name, call, nodes, substitute
from spikelet.neurons.equations.linear import NOT_REFRACTORY, Equation, Linear

ORDERS = {
    "exact": math.inf,
    "euler": 1,
    "exponential_euler": 1,
    "exponential_midpoint": 2,
    "heun": 2,
    "magnus4": 4,
    "rk2": 2,
    "rk4": 4,
}
METHODS = ("auto", *ORDERS)

_DT = Name("dt")


class Problem(NamedTuple):
    """Equations of one model, and what a step needs to know of it."""

    equations: Mapping[str, Equation]
    """Equations that are not linear, in the order of the states."""
    linear: Linear
    held: frozenset[str]
    """Variables that refractory neurons keep."""
    limits: Mapping[str, Expr]
    """Variables that the reset sets once they reach a limit. No stage goes beyond: there the equations do not hold."""


def choose(
    model: str, equations: Mapping[str, Equation], states: Iterable[str], method: str
) -> str:
    """Return the method for the equations of a model that are not linear.

    Parameters
    ----------
    model : str
        Its name, for messages.
    equations : mapping of str to Equation
        These equations by variable.
    states : iterable of str
        All variables of the model.
    method : str
        One of `METHODS`.

    Raises
    ------
    ValueError
        If the method does not suit the equations.
    """
    choice(model, "method", method, *METHODS)
    if not equations:
        return "exact"
    listed = ", ".join(equations)
    if method == "exact":
        rule = f'cannot be exact: the equation of {listed} is not linear with constant coefficients; use "auto"'
        fail(model, "method", method, rule)
    rough = [name for name in equations if not _has_slope(name, equations[name])]
    known = frozenset(states)
    multiplied = [
        name
        for name, equation in equations.items()
        if any(not known.isdisjoint(factor.names) for factor in equation.noise.values())
    ]
    if method == "auto" and multiplied:
        return "exponential_euler"
    if method == "auto":
        if _unsuited_to_magnus(equations) is None:
            return "magnus4"
        linear = all(affine_in(e.rate, [name]) is not None for name, e in equations.items())
        return "exponential_midpoint" if linear else "rk2"
    unsuited = _unsuited_to_magnus(equations)
    if method == "magnus4" and unsuited is not None:
        rule = f"needs rates that are linear in their variable and depend on none but exact ones, unlike that of {unsuited}"
        fail(model, "method", method, rule)
    if method == "exponential_midpoint" and rough:
        rule = f'needs the derivative of each rate by its variable, and that of {rough[0]} has none; use "rk4"'
        fail(model, "method", method, rule)
    if multiplied and method not in ("euler", "exponential_euler", "heun"):
        rule = f'must be "euler" or "exponential_euler" (Ito), or "heun" (Stratonovich): the noise of {multiplied[0]} has a factor that depends on a variable'
        fail(model, "method", method, rule)
    return method


def _unsuited_to_magnus(equations: Mapping[str, Equation]) -> str | None:
    """Return a variable that is not linear in itself or depends on another of these, if there is one."""
    for name, equation in equations.items():
        others = equation.rate.names & (equations.keys() - {name})
        if others or affine_in(equation.rate, [name]) is None:
            return name
    return None


def _has_slope(name: str, equation: Equation) -> bool:
    """Return whether a rate has a derivative with respect to its own variable."""
    try:
        derivative(equation.rate, name)
    except ValueError:
        return False
    return True


def step(problem: Problem, method: str) -> dict[str, Expr]:
    """Return the values of all variables after a step, as expressions of those at its start."""
    grouped = {
        name: e._replace(rate=_grouped(e.rate, frozenset(problem.equations)))
        for name, e in problem.equations.items()
    }
    new = _SCHEMES[method](problem._replace(equations=grouped))
    for name in problem.equations:
        noise = _noise(problem, name, {})
        new[name] = _unless_held(problem, name, new[name] + noise)
    for name in problem.linear.variables:
        new[name] = problem.linear.at(name, 1.0)
    return new


def _grouped(rate: Expr, variables: frozenset[str]) -> Expr:
    """Return a rate in whose sums the terms without these variables stand together: stages at one time share them."""
    new: dict[Expr, Expr] = {}
    for node in nodes(rate):
        if not isinstance(node, Call) or node.op not in ("add", "sub"):
            new[node] = (
                call(node.op, *(new[a] for a in node.args))
                if isinstance(node, Call) and not _drawn(node)
                else node
            )
            continue
        terms: list[tuple[str, Expr]] = []
        rest: Expr = node
        while isinstance(rest, Call) and rest.op in ("add", "sub"):
            terms.append((rest.op, new[rest.args[1]]))
            rest = rest.args[0]
        terms.append(("add", new[rest]))
        terms.reverse()
        with_, without = (
            [t for t in terms if t[1].names.isdisjoint(variables) == free] for free in (False, True)
        )
        new[node] = _sum(with_) + _sum(without) if with_ and without else _sum(terms)
    return new[rate]


def _sum(terms: list[tuple[str, Expr]]) -> Expr:
    (op, total), *others = terms
    total = total if op == "add" else -total
    for op, term in others:
        total = call(op, total, term)
    return total


def _drawn(node: Call) -> bool:
    return node.op in ("rand", "randn")


# Runge-Kutta ----------------------------------------------------------------------------------------------------------


def _euler(problem: Problem) -> dict[str, Expr]:
    return {name: Name(name) + _DT * k for name, k in _rates(problem, {}, 0.0).items()}


def _rk2(problem: Problem) -> dict[str, Expr]:
    k1 = _rates(problem, {}, 0.0)
    half = _stage(problem, {name: Name(name) + _DT * 0.5 * k for name, k in k1.items()})
    k2 = _rates(problem, half, 0.5)
    return {name: Name(name) + _DT * k for name, k in k2.items()}


def _rk4(problem: Problem) -> dict[str, Expr]:
    k1 = _rates(problem, {}, 0.0)
    k2 = _rates(problem, _moved(problem, k1, 0.5), 0.5)
    k3 = _rates(problem, _moved(problem, k2, 0.5), 0.5)
    k4 = _rates(problem, _moved(problem, k3, 1.0), 1.0)
    return {
        name: Name(name) + _DT / 6 * (k1[name] + 2 * (k2[name] + k3[name]) + k4[name])
        for name in problem.equations
    }


def _heun(problem: Problem) -> dict[str, Expr]:
    k1 = _rates(problem, {}, 0.0)
    moved = {name: Name(name) + _DT * k + _noise(problem, name, {}) for name, k in k1.items()}
    end = _at(problem, _stage(problem, moved), 1.0)
    new: dict[str, Expr] = {}
    for name, equation in problem.equations.items():
        rate = 0.5 * (k1[name] + substitute(equation.rate, end))
        # step() adds the noise with its factor at the start.
        turn = 0.5 * (_noise(problem, name, end) - _noise(problem, name, {}))
        new[name] = Name(name) + _DT * rate + turn
    return new


def _moved(problem: Problem, rates: Mapping[str, Expr], part: float) -> dict[str, Expr]:
    moved = {name: Name(name) + _DT * part * rate for name, rate in rates.items()}
    return _stage(problem, moved)


def _rates(problem: Problem, values: Mapping[str, Expr], part: float) -> dict[str, Expr]:
    """Return the rates after a part of the step, with some variables given and the linear ones exact."""
    at = _at(problem, values, part)
    return {name: substitute(e.rate, at) for name, e in problem.equations.items()}


# Exponential ----------------------------------------------------------------------------------------------------------


def _exponential_euler(problem: Problem) -> dict[str, Expr]:
    return {
        # Where there is no derivative, this is Euler's rule.
        name: _relaxed(name, e.rate, _slope(name, e) if _has_slope(name, e) else ZERO, 1.0)
        for name, e in problem.equations.items()
    }


def _exponential_midpoint(problem: Problem) -> dict[str, Expr]:
    half = _stage(
        problem,
        {
            name: _relaxed(name, equation.rate, _slope(name, equation), 0.5)
            for name, equation in problem.equations.items()
        },
    )
    new = {}
    for name, equation in problem.equations.items():
        # The variable itself stays at its start, where its rate is taken as linear.
        at = _at(problem, {**half, name: Name(name)}, 0.5)
        rate, slope = substitute(equation.rate, at), substitute(_slope(name, equation), at)
        new[name] = _relaxed(name, rate, slope, 1.0)
    return new


def _magnus(problem: Problem) -> dict[str, Expr]:
    new: dict[str, Expr] = {}
    for name, equation in problem.equations.items():
        affine = affine_in(equation.rate, [name])
        assert affine is not None
        slope = affine.coefficients.get(name, ZERO)
        first, second = (_at(problem, {}, 0.5 + sign * math.sqrt(3) / 6) for sign in (-1, 1))
        a1, a2 = substitute(slope, first), substitute(slope, second)
        b1, b2 = substitute(affine.rest, first), substitute(affine.rest, second)
        twist = _DT * (math.sqrt(3) / 6) * (a2 * b1 - a1 * b2)
        a, b = _DT * 0.5 * (a1 + a2), _DT * 0.5 * (b1 + b2 + twist)
        new[name] = Name(name) + (a * Name(name) + b) * call("exprel", a)
    return new


def _relaxed(name: str, rate: Expr, slope: Expr, part: float) -> Expr:
    """Return a variable after a part of the step, in which its rate is linear in it."""
    h = _DT * part
    return Name(name) + rate * (h if slope is ZERO else h * call("exprel", slope * h))


def _slope(name: str, equation: Equation) -> Expr:
    """Return the derivative of a rate with respect to its own variable."""
    affine = affine_in(equation.rate, [name])
    if affine is not None:
        return affine.coefficients.get(name, ZERO)
    return derivative(equation.rate, name)


# Both -----------------------------------------------------------------------------------------------------------------


def _at(problem: Problem, values: Mapping[str, Expr], part: float) -> dict[str, Expr]:
    """Return what names stand for after a part of the step."""
    if part == 0:
        return dict(values)
    linear = {name: problem.linear.at(name, part) for name in problem.linear.variables}
    return {**linear, **values, "t": Name("t") + _DT * part}


def _stage(problem: Problem, values: Mapping[str, Expr]) -> dict[str, Expr]:
    """Return the values of a stage as others see them: within their limits, or held, while the neuron is refractory."""
    seen = {}
    for name, value in values.items():
        free, still = within(problem.limits.get(name), value), value
        if name in problem.held:
            still = Name(name)
        seen[name] = free if free is still else call("select", NOT_REFRACTORY, free, still)
    return seen


def within(limit: Expr | None, value: Expr) -> Expr:
    """Return a value, or the limit if it is beyond; NaN stays NaN."""
    return value if limit is None else call("min", limit, value)


def _noise(problem: Problem, name: str, at: Mapping[str, Expr]) -> Expr:
    """Return the integral of a variable's noise over the step, with its factors as they are there."""
    noise: Expr = ZERO
    for source, factor in problem.equations[name].noise.items():
        noise = noise + substitute(factor, at) * problem.linear.increment(source)
    return noise


def _unless_held(problem: Problem, name: str, value: Expr) -> Expr:
    return call("select", NOT_REFRACTORY, value, Name(name)) if name in problem.held else value


_SCHEMES: dict[str, Callable[[Problem], dict[str, Expr]]] = {
    "exact": lambda _problem: {},
    "euler": _euler,
    "exponential_euler": _exponential_euler,
    "exponential_midpoint": _exponential_midpoint,
    "heun": _heun,
    "magnus4": _magnus,
    "rk2": _rk2,
    "rk4": _rk4,
}
