"""The part of a model that is integrated exactly: its largest linear subset of variables.

A variable belongs to it if its equation is a linear function of variables that belong to it, with coefficients made of
parameters only. Their solution over a step, or a part of one, is a sum of values at its start, times *coefficients*:
elements of the matrix exponential, and the effects of constants and of the external current, which counts as constant
over a step. White noise adds normal numbers with the exact covariance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet.neurons.equations import propagators
from spikelet.neurons.equations.calculus import affine_in
from spikelet.neurons.equations.expression import ONE, ZERO, Call, Expr, Name, Number, call, nodes

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]
Evaluate = Callable[[Expr], Array]

NOT_REFRACTORY = Name("not_refractory")


class Equation(NamedTuple):
    """``dx/dt = rate + sum(noise[source] * source)``, where each source is white noise."""

    rate: Expr
    noise: Mapping[str, Expr]


class _Coefficient(NamedTuple):
    """A number that a step multiplies by, or adds: what it is of, and when."""

    kind: str
    """What it multiplies: "from" (a value at the start), "current", "constant" (nothing) or "noise"."""
    of: str
    by: str
    part: float
    """Fraction of the step."""
    held: bool
    """Whether variables are held."""

    def __str__(self) -> str:  # no name of a user has spaces
        return f"{self.kind} {self.by} to {self.of} at {self.part!r}{' held' if self.held else ''}"

    def described(self) -> str:
        """Return what errors call it."""
        return _DESCRIBED[self.kind].format(of=self.of, by=self.by)


_DESCRIBED = {
    "from": "effect of {by} on d{of}/dt",
    "current": "effect of the current on d{of}/dt",
    "constant": "constant term of d{of}/dt",
    "noise": "noise of d{of}/dt",
}


class _System(NamedTuple):
    """Equations ``dx/dt = A x + constant + factor * current + noise``, as expressions of parameters."""

    rates: dict[tuple[str, str], Expr]
    """What is not zero of A, by (of, by)."""
    constants: dict[str, Expr]
    currents: dict[str, Expr]
    noise: dict[str, Mapping[str, Expr]]
    paths: frozenset[tuple[str, str]]
    """(of, by) where `by` acts on `of`, also through others; a variable acts on itself if others carry that back."""

    def without(self, held: frozenset[str]) -> _System:
        """Return the system in which some variables keep their values."""
        rates = {key: rate for key, rate in self.rates.items() if key[0] not in held}
        return _System(
            rates,
            {of: x for of, x in self.constants.items() if of not in held},
            {of: x for of, x in self.currents.items() if of not in held},
            {of: x for of, x in self.noise.items() if of not in held},
            _paths(rates),
        )

    def acts(self, of: str, by: str) -> bool:
        """Whether `by` acts on `of`, or is it."""
        return of == by or (of, by) in self.paths

    def direct(self, of: str, by: str) -> bool:
        """Whether `by` acts on `of` directly and in no other way, and nothing carries `of` back."""
        between = any(j == by and (of, k) in self.paths for k, j in self.paths)
        return (of, by) in self.rates and not between


def linear_part(
    equations: Mapping[str, Equation], parameters: Iterable[str], current: str | None
) -> dict[str, Equation]:
    """Return the equations that can be solved exactly.

    Parameters
    ----------
    equations : mapping of str to Equation
        All equations by variable.
    parameters : iterable of str
        Names that are constant.
    current : str or None
        Name of the current, which is constant over a step.
    """
    known = frozenset(parameters)
    inside = dict(equations)
    while True:
        variables = [*inside, current] if current is not None else [*inside]
        out = [
            name
            for name, equation in inside.items()
            if not _is_linear(equation, variables, known)
        ]  # fmt: skip
        if not out:
            return inside
        for name in out:
            del inside[name]


def _is_linear(equation: Equation, variables: list[str], known: frozenset[str]) -> bool:
    affine = affine_in(equation.rate, variables)
    if affine is None:
        return False
    parts = (*affine.coefficients.values(), affine.rest, *equation.noise.values())
    return all(_constant(part, known) for part in parts)


def _constant(expr: Expr, known: frozenset[str]) -> bool:
    drawn = any(isinstance(node, Call) and node.op in ("rand", "randn") for node in nodes(expr))
    return expr.names <= known and not drawn


class Linear:
    """Equations of linear variables, and their solution as expressions with coefficients.

    Parameters
    ----------
    equations : mapping of str to Equation
        What `linear_part` returned, in the order of the states.
    sources : iterable of str
        White noises whose integral over the step is needed, too; it is correlated with what the variables get of them.
    current : str or None
        Name of the current in the equations.
    total : Expr
        What the current is in a step.
    held : iterable of str
        Variables that refractory neurons keep.
    normal : callable
        Returns a new standard normal number.
    """

    def __init__(
        self,
        equations: Mapping[str, Equation],
        sources: Iterable[str],
        current: str | None,
        total: Expr,
        held: Iterable[str],
        normal: Callable[[], Expr],
    ) -> None:
        self.variables = tuple(equations)
        self._total = total
        integrals = {source: Equation(ZERO, {source: ONE}) for source in sources}
        equations = {**equations, **integrals}
        self._all = tuple(equations)
        variables = [*equations, *([] if current is None else [current])]
        rates: dict[tuple[str, str], Expr] = {}
        constants, currents, noise = {}, {}, {}
        for of, equation in equations.items():
            affine = affine_in(equation.rate, variables)
            assert affine is not None
            for by, factor in affine.coefficients.items():
                if by == current and not _vanishes(factor):
                    currents[of] = factor
                elif not _vanishes(factor):
                    rates[of, by] = factor
            if not _vanishes(affine.rest):
                constants[of] = affine.rest
            if equation.noise:
                noise[of] = equation.noise
        self._free = _System(rates, constants, currents, noise, _paths(rates))
        self._held = frozenset(held) & frozenset(self.variables)
        self._still = self._free.without(self._held)
        self._affected = {
            of
            for of in self._all
            if of in self._held or any(self._free.acts(of, by) for by in self._held)
        }
        self._noisy = self._noise_groups()
        self._normals = {name: normal() for group in self._noisy for name in group}
        self._coefficients: dict[str, _Coefficient] = {}

    # Expressions ------------------------------------------------------------------------------------------------------

    def at(self, of: str, part: float) -> Expr:
        """Return the value of a variable after a part of the step, from the values at its start.

        The terms are in the order of the kernels: the variable itself, the others, the current, what is constant, noise.
        Before the end of the step, the noise is its share of that of the whole step.
        """
        if of not in self._affected:
            return self._sum(of, part, held=False)
        still = Name(of) if of in self._held else self._sum(of, part, held=True)
        return call("select", NOT_REFRACTORY, self._sum(of, part, held=False), still)

    def increment(self, source: str) -> Expr:
        """Return the integral of a white noise over the step."""
        return self._noise(source, held=False)

    def _sum(self, of: str, part: float, *, held: bool) -> Expr:
        system = self._still if held else self._free
        changes = (of, of) in system.rates or (of, of) in system.paths
        total = Name(of) * self._coefficient("from", of, of, part, held) if changes else Name(of)
        for by in self.variables:
            if (of, by) in system.paths and of != by:
                total = total + Name(by) * self._coefficient("from", of, by, part, held)
        if any(system.acts(of, by) for by in system.currents):
            total = total + self._total * self._coefficient("current", of, "current", part, held)
        if any(system.acts(of, by) for by in system.constants):
            total = total + self._coefficient("constant", of, "constant", part, held)
        noise = self._noise(of, held=held)
        return total + (noise if part == 1 else noise * part)

    def _noise(self, of: str, *, held: bool) -> Expr:
        total: Expr = ZERO
        for group in self._noisy:
            for by in group[: group.index(of) + 1] if of in group else ():
                total = total + self._normals[by] * self._coefficient("noise", of, by, 1.0, held)
        return total

    def _coefficient(self, kind: str, of: str, by: str, part: float, held: bool) -> Expr:
        found = _Coefficient(kind, of, by, part, held)
        self._coefficients[str(found)] = found
        return Name(str(found))

    def _noise_groups(self) -> list[list[str]]:
        """Return the variables that noise reaches, in groups that share some; first those that others never hold."""
        seen = {
            of: {k for by in self._all if self._free.acts(of, by) for k in self._sources(by)}
            for of in self._all
        }
        groups: list[tuple[set[str], list[str]]] = []
        for of in sorted((v for v in self._all if seen[v]), key=self._affected.__contains__):
            joined = [group for group in groups if group[0] & seen[of]]
            groups = [group for group in groups if not group[0] & seen[of]]
            sources = seen[of].union(*(group[0] for group in joined))
            groups.append((sources, [*(v for group in joined for v in group[1]), of]))
        return [sorted(group, key=self._affected.__contains__) for _, group in groups]

    def _sources(self, of: str) -> Iterable[str]:
        return self._free.noise.get(of, ())

    # Numbers ----------------------------------------------------------------------------------------------------------

    @property
    def coefficients(self) -> frozenset[str]:
        """Names of the coefficients that the expressions so far hold."""
        return frozenset(self._coefficients)

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the parameters, and perhaps dt, on which solutions depend: those of rates and noise."""
        found: set[str] = set()
        for system in (self._free, self._still):
            noise = (x for factors in system.noise.values() for x in factors.values())
            found.update(*(expr.names for expr in (*system.rates.values(), *noise)))
        return frozenset(found)

    def inputs(self, name: str) -> frozenset[str]:
        """Return the names of the parameters on which a coefficient depends in addition."""
        return frozenset[str]().union(*(x.names for x in self._factors(name).values()))

    def _factors(self, name: str) -> Mapping[str, Expr]:
        """Return the factors of the inputs that a coefficient sums up."""
        c = self._coefficients[name]
        system = self._still if c.held else self._free
        return {"current": system.currents, "constant": system.constants}.get(c.kind, {})

    def described(self, name: str) -> str:
        """Return what errors call a coefficient; other names stay as they are."""
        return self._coefficients[name].described() if name in self._coefficients else name

    def values(
        self,
        names: Iterable[str],
        dt: float,
        evaluate: Evaluate,
        solutions: Solutions | None = None,
    ) -> dict[str, Array]:
        """Return the values of coefficients, each one number for all neurons or one for each.

        Parameters
        ----------
        names : iterable of str
            Names of coefficients.
        dt : float
            Step [ms].
        evaluate : callable
            Returns the value of an expression of parameters, as an array of one dimension.
        solutions : dict, optional
            Solutions for the same `parameters` and the same step, to which new ones are added.
        """
        with np.errstate(all="ignore"):  # who uses them checks that they are finite
            return self._values(names, dt, evaluate, {} if solutions is None else solutions)

    def _values(
        self, names: Iterable[str], dt: float, evaluate: Evaluate, solutions: Solutions
    ) -> dict[str, Array]:
        result: dict[str, Array] = {}
        solvers: dict[tuple[float, bool], _Solver] = {}
        for name in names:
            c = self._coefficients[name]
            key = c.part, c.held
            if key not in solvers:
                system = self._still if c.held else self._free
                found = solutions.setdefault(key, _Solutions({}, {}, {}))
                solvers[key] = _Solver(system, self._all, c.part * dt, evaluate, found)
            solver = solvers[key]
            if c.kind == "noise":
                group = next(group for group in self._noisy if c.of in group)
                result[name] = solver.noise(group, c.of, c.by)
            elif c.kind == "from":
                result[name] = solver.propagator(c.of, c.by)
            else:
                result[name] = solver.response(c.of, self._factors(name))
        return result


class _Solution(NamedTuple):
    """What becomes of linked variables, for each distinct set of their parameters."""

    variables: list[str]
    propagator: Array
    """[sets, variables, 2 variables]: the second half of the columns is the effect of constant inputs."""
    covariance: Array
    """What noise has added."""
    where: Places
    """By neuron, which of the sets it has."""


class _Solutions(NamedTuple):
    """What a solver has found, for one system and one time; threads add the same to it."""

    links: dict[tuple[str, ...], list[str]]
    matrices: dict[frozenset[str], _Solution]
    factors: dict[tuple[str, ...], tuple[Array, Places]]


Solutions = dict[tuple[float, bool], _Solutions]
"""By the fraction of the step, and whether variables are held."""


def size(solutions: Solutions) -> int:
    """Return how many numbers the matrices of solutions hold."""
    return sum(m.propagator.size for found in solutions.values() for m in found.matrices.values())


class _Solver:
    """Coefficients of one system after one time h, each computed when it is needed."""

    def __init__(
        self,
        system: _System,
        variables: tuple[str, ...],
        h: float,
        evaluate: Evaluate,
        found: _Solutions,
    ) -> None:
        self._system, self._h, self._evaluate = system, h, evaluate
        self._variables = variables
        self._links, self._matrices, self._factors = found

    def propagator(self, of: str, by: str) -> Array:
        """Return the effect of a value on another one."""
        system = self._system
        if of == by and (of, of) not in system.paths:
            tau = self._tau(of)
            return np.where(
                tau == 0, np.nan, propagators.decay(self._h, tau)
            )  # exp(-inf) would hide it
        if system.direct(of, by):
            tau, C, source = self._tau(of), self._inverse(system.rates[of, by]), self._tau(by)
            return propagators.exponential_response(self._h, tau, C, source)
        inside, matrix, _, where = self._solution(of)
        return np.asarray(matrix[where, inside.index(of), inside.index(by)])

    def response(self, of: str, factors: Mapping[str, Expr]) -> Array:
        """Return the sum of the effects of inputs that are constant: the factor of each, by the variable it acts on."""
        system, total = self._system, np.zeros(1)
        for by, factor in factors.items():
            if of == by and (of, of) not in system.paths:
                tau, C = self._tau(of), self._inverse(factor)
                total = total + propagators.constant_response(self._h, tau, C)
            elif system.acts(of, by):
                inside, matrix, _, where = self._solution(of)
                column = len(inside) + inside.index(by)
                effect = matrix[where, inside.index(of), column]
                total = total + effect * self._evaluate(factor)
        return total

    def noise(self, group: list[str], of: str, by: str) -> Array:
        """Return the factor by which a normal number of a group adds to a variable."""
        system = self._system
        if len(group) == 1:
            (name,) = group
            if not system.noise.get(name):
                return np.zeros(1)
            if (name, name) not in system.paths:
                factors = [self._evaluate(x) for x in system.noise[name].values()]
                density = np.abs(factors[0]) if len(factors) == 1 else np.sqrt(_squares(factors))
                variance = propagators.noise_variance(self._h, self._tau(name))
                return np.asarray(density * np.sqrt(variance))
        key = tuple(group)
        if key not in self._factors:
            inside, _, covariance, where = self._solution(*group)
            at = [inside.index(name) for name in group]
            self._factors[key] = propagators.factor(covariance[:, at][:, :, at]), where
        lower, where = self._factors[key]
        return np.asarray(lower[where, group.index(of), group.index(by)])

    def _tau(self, of: str) -> Array:
        """Return the time constant of a variable: minus the inverse of its own rate."""
        rate = self._system.rates.get((of, of))
        if rate is None:
            return np.full(1, np.inf)
        above, below = _quotient(rate)
        over, under = self._evaluate(below), -self._evaluate(above)
        return _ratio(over, under)

    def _inverse(self, factor: Expr) -> Array:
        above, below = _quotient(factor)
        over, under = self._evaluate(below), self._evaluate(above)
        return _ratio(over, under)

    def _solution(self, *some: str) -> _Solution:
        """Return the solution for some variables and those linked with them."""
        linked = self._links.get(some)
        if linked is None:
            linked = self._links[some] = self._linked(some)
        key = frozenset(linked)
        if key in self._matrices:
            return self._matrices[key]
        size = len(linked)
        place = {name: k for k, name in enumerate(linked)}
        entries = [
            (place[i], place[j], self._evaluate(rate))
            for (i, j), rate in self._system.rates.items()
            if i in place
        ]
        loads: dict[tuple[int, int], Array] = {}
        for i in linked:
            for j in linked:
                first, second = self._system.noise.get(i, {}), self._system.noise.get(j, {})
                shared = [
                    self._evaluate(first[k]) * self._evaluate(second[k])
                    for k in first
                    if k in second
                ]
                if shared:
                    loads[place[i], place[j]] = sum(shared[1:], shared[0])
        columns = np.broadcast_arrays(np.zeros(1), *(e[2] for e in entries), *loads.values())
        # Often many neurons share their parameters.
        rows, where = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        rates = np.zeros((len(rows), 2 * size, 2 * size))
        for k, (row, column, _) in enumerate(entries):
            rates[:, row, column] = rows[:, 1 + k]
        rates[:, np.arange(size), size + np.arange(size)] = 1.0
        density = np.zeros_like(rates)
        for k, (row, column) in enumerate(loads):
            density[:, row, column] = rows[:, 1 + len(entries) + k]
        matrix, covariance = propagators.transition(self._h, rates, density if loads else None)
        self._matrices[key] = _Solution(linked, matrix, covariance, where.reshape(-1))
        return self._matrices[key]

    def _linked(self, some: Iterable[str]) -> list[str]:
        """Return the variables that some depend on or share noise with, and so on."""
        inside, new = set[str](), set(some)
        while new:
            inside |= new
            near = {j for i, j in self._system.rates if i in inside}
            near |= {i for i, j in self._system.rates if j in inside}
            sources = {k for i in inside for k in self._system.noise.get(i, {})}
            near |= {i for i, noise in self._system.noise.items() if not sources.isdisjoint(noise)}
            new = near - inside
        return [name for name in self._variables if name in inside]


def _quotient(expr: Expr) -> tuple[Expr, Expr]:
    """Return what an expression divides, and by what, so that the inverse of 1 / tau is tau to the last bit."""
    if isinstance(expr, Call) and expr.op == "div":
        return expr.args[0], expr.args[1]
    if isinstance(expr, Call) and expr.op == "neg":
        above, below = _quotient(expr.args[0])
        return -above, below
    return expr, ONE


def _vanishes(expr: Expr) -> bool:
    """Whether an expression is zero, or zero times or over something."""
    while isinstance(expr, Call) and expr.op in ("neg", "div", "mul"):
        if expr.op == "mul" and _vanishes(expr.args[1]):
            return True
        expr = expr.args[0]
    return isinstance(expr, Number) and expr.value == 0


def _ratio(over: Array, under: Array) -> Array:
    """Return a quotient, infinite wherever the denominator is zero."""
    return np.where(under == 0, np.inf, over / under)


def _squares(factors: list[Array]) -> Array:
    return np.asarray(sum(x * x for x in factors[1:]) + factors[0] ** 2)


def _paths(rates: Iterable[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Return which variables act on which, also through others, given who acts on whom directly."""
    edges: dict[str, set[str]] = {}
    for of, by in rates:
        if of != by:
            edges.setdefault(of, set()).add(by)
    paths = set()
    for of, near in edges.items():
        new, found = set(near), set[str]()
        while new:
            found |= new
            new = set[str]().union(*(edges.get(k, ()) for k in new)) - found
        paths |= {(of, by) for by in found}
    return frozenset(paths)
