"""Whether a step is short enough: small deviations must not grow by the scheme where they decay by the equations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.neurons.equations.assembly import Assembled
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import Expr
from spikelet.neurons.equations.program import EXTERNAL

__all__ = ["stable_step"]

_HALVINGS = 12
_TOLERANCE = 1e-3
_PARTS = 32


def stable_step(
    assembled: Assembled, parameters: Mapping[str, float], states: Mapping[str, float], dt: float
) -> float:
    """Return a step, dt or a part of it, that is stable at given states.

    A step is stable if the largest eigenvalue of its Jacobian matrix is not above 1, or above the growth of the equations
    themselves, at its start or at its end. Elsewhere on a trajectory, equations may be stiffer than there.

    Parameters
    ----------
    assembled : Assembled
        The model.
    parameters, states : mapping of str to float
        Values of one neuron.
    dt : float
        Step [ms].

    Returns
    -------
    float
        dt, or dt / 2, dt / 4, ...; the shortest of those tried if none is stable.
    """
    known = {**parameters, "t": 0.0, "not_refractory": True, EXTERNAL.name: 0.0}
    step = dt
    for halvings in range(_HALVINGS):
        step = dt * 0.5**halvings
        matrix = _jacobian(assembled.new, _values(assembled, known, step), states)
        if not np.isfinite(matrix).all():
            continue
        most = float(np.abs(np.linalg.eigvals(matrix)).max(initial=0.0))
        if most <= _grown(assembled, known, states, step) * (1 + _TOLERANCE):
            return step
        end = _end(assembled, known, states, step)
        if most <= _grown(assembled, known, end, step) * (1 + _TOLERANCE):
            return step
    return step


def _values(assembled: Assembled, known: Mapping[str, Any], step: float) -> dict[str, Any]:
    """Return the values that a step of the scheme takes, but the states."""
    values: dict[str, Any] = {**known, "dt": step}
    return values | assembled.linear_values(values)


def _grown(
    assembled: Assembled, known: Mapping[str, Any], states: Mapping[str, float], step: float
) -> float:
    """Return by how much deviations grow in a step by the equations as they are at some states; at least 1."""
    rates = {name: equation.rate for name, equation in assembled.equations.items()}
    matrix = _jacobian(rates, {**known, "dt": step}, states)
    if not np.isfinite(matrix).all():
        return 1.0
    growth = float(np.linalg.eigvals(matrix).real.max(initial=0.0))
    return float(np.exp(min(growth * step, 700.0)))


def _end(
    assembled: Assembled, known: Mapping[str, Any], states: Mapping[str, float], step: float
) -> dict[str, float]:
    """Return the states after a step, in many parts, which are stable more often than the whole."""
    values = _values(assembled, known, step / _PARTS)
    end = dict(states)
    with np.errstate(all="ignore"):
        for _ in range(_PARTS):
            at = {**values, **end}
            end = {name: np.ravel(evaluate(assembled.new[name], at, _middle))[0] for name in states}
    return end


def _jacobian(
    exprs: Mapping[str, Expr], values: Mapping[str, Any], states: Mapping[str, float]
) -> npt.NDArray[np.float64]:
    """Return the derivatives of expressions by the states, by central differences."""
    at = np.array(list(states.values()))
    width = 1e-6 * (1 + np.abs(at))
    # One column for each point: each state, below and above.
    points = np.hstack([at[:, None] - np.diag(width), at[:, None] + np.diag(width)])
    named = {**values, **dict(zip(states, points, strict=True))}
    n = len(at)
    found = [np.broadcast_to(evaluate(exprs[name], named, _middle), (2 * n,)) for name in states]
    with np.errstate(all="ignore"):
        return np.array([(f[n:] - f[:n]) / (2 * width) for f in found])


def _middle(op: str, _stream: int) -> float:
    return 0.5 if op == "rand" else 0.0
