"""Coefficients of a program, of which a change of parameters computes only those that depend on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet.neurons.equations.assembly import Assembled
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import Name
from spikelet.neurons.equations.linear import Solutions, size

Array = npt.NDArray[np.float64]

# Neurons whose coefficients are kept at most, and numbers of solutions: memory for more would be in use as long as the
# program runs.
_MOST = 1 << 16


class _Latest(NamedTuple):
    parameters: dict[str, npt.ArrayLike]
    dt: float
    values: list[Array]
    sound: list[bool]
    """Which of the values were finite, so that it does not matter whether they count."""
    solutions: Solutions
    """Of the linear part, for these parameters and this step."""


class Coefficients:
    """The coefficients of a program, with those of the parameters that were given last.

    Threads may share one: what is kept is replaced as a whole.

    Parameters
    ----------
    assembled : Assembled
        The program, and what turns parameters into its coefficients.
    parameters : collection of str
        Names of the parameters.
    """

    def __init__(self, assembled: Assembled, parameters: Mapping[str, Any]) -> None:
        self._assembled = assembled
        linear = assembled.linear
        self._exprs = assembled.listing.coefficients
        self._solved_from = linear.parameters
        self._linear = [sorted(expr.names & linear.coefficients) for expr in self._exprs]
        self._needs = [
            expr.names.union(*(self._solved_from | linear.inputs(name) for name in used))
            for expr, used in zip(self._exprs, self._linear, strict=True)
        ]
        self._given = [isinstance(e, Name) and e.name in parameters for e in self._exprs]
        self._latest: _Latest | None = None

    def of(self, parameters: dict[str, npt.ArrayLike], dt: float) -> list[Array]:
        """Return the values, each one number or one for each neuron.

        Parameters
        ----------
        parameters : dict of str to array_like
            Values by name, each one number or one for each neuron. They must not change later.
        dt : float
            Step [ms].

        Raises
        ------
        NotFinite
            If a value that counts is not finite; parameters themselves may be infinite.
        """
        latest, count = self._latest, len(self._exprs)
        changed = None if latest is None or latest.dt != dt else _changed(latest, parameters)
        if latest is None or changed is None:
            values, sound, stale = [np.zeros(0)] * count, [False] * count, list(range(count))
            solutions: Solutions = {}
        else:
            solutions = latest.solutions if changed.isdisjoint(self._solved_from) else {}
            values, sound = list(latest.values), list(latest.sound)
            stale = [k for k in range(count) if not changed.isdisjoint(self._needs[k])]
        given = {**parameters, "dt": dt}
        used = dict.fromkeys(name for k in stale for name in self._linear[k])
        given |= self._assembled.linear.values(
            used, dt, lambda expr: np.atleast_1d(evaluate(expr, given)), solutions
        )
        for k in stale:
            values[k] = np.atleast_1d(evaluate(self._exprs[k], given))
            sound[k] = bool(np.isfinite(values[k]).all())
        for k in range(count):
            if not sound[k]:
                self._require_sound(k, values[k], parameters, dt)
        if max((v.size for v in values), default=0) <= _MOST:
            kept = solutions if size(solutions) <= _MOST else {}
            self._latest = _Latest(parameters, dt, values, sound, kept)
        return list(values)

    def _require_sound(
        self, k: int, value: Array, parameters: Mapping[str, npt.ArrayLike], dt: float
    ) -> None:
        """Raise unless the value may be infinite, or has no effect."""
        expr = self._exprs[k]
        bad = np.isnan(value) if self._given[k] else ~np.isfinite(value)
        if bad.any():
            bad = bad & self._assembled.counts(expr, parameters, dt)
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            which = self._assembled.linear.described(str(expr))
            first = float(np.broadcast_to(value, bad.shape)[at])
            raise NotFinite(which, first, at if len(bad) > 1 else None)


class NotFinite(ArithmeticError):
    """A coefficient is not finite; its arguments are what it is called, its value, and the neuron or None."""


def _changed(latest: _Latest, parameters: Mapping[str, npt.ArrayLike]) -> set[str]:
    """Return the names of the parameters that are not those of before."""
    before = latest.parameters
    return {name for name, value in parameters.items() if not _same(before[name], value)}


def _same(a: npt.ArrayLike, b: npt.ArrayLike) -> bool:
    if a is b:
        return True
    alike = isinstance(a, float) and isinstance(b, float) and a == b
    return alike and math.copysign(1.0, a) == math.copysign(1.0, b)  # type: ignore[arg-type]  # floats
