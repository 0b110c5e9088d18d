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

_HALVINGS = 12
_TOLERANCE = 1e-2


def stable_step(
    assembled: Assembled, parameters: Mapping[str, float], states: Mapping[str, float], dt: float
) -> float:
    """Return a step, dt or a part of it, that is stable at given states.

    A step is stable if the largest eigenvalue of its Jacobian matrix is not above 1, or above the growth of the equations
    themselves. Elsewhere on a trajectory, equations may be stiffer than there.

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
    rates = {name: equation.rate for name, equation in assembled.equations.items()}
    step = dt
    for halvings in range(_HALVINGS):
        step = dt * 0.5**halvings
        values: dict[str, Any] = {**known, "dt": step}
        values |= assembled.linear_values(values)
        matrix = _jacobian(assembled.new, values, states)
        if not np.isfinite(matrix).all():
            continue
        most = float(np.abs(np.linalg.eigvals(matrix)).max(initial=0.0))
        # The equations may grow faster on the way than where it begins.
        ends = {
            name: float(np.ravel(evaluate(x, {**values, **states}, _middle))[0])
            for name, x in assembled.new.items()
        }
        growth = max(_growth(rates, values, at) for at in (states, ends))
        if most <= max(1.0, np.exp(min(growth * step, 700.0))) * (1 + _TOLERANCE):
            return step
    return step


def _growth(
    rates: Mapping[str, Expr], values: Mapping[str, Any], states: Mapping[str, float]
) -> float:
    """Return the rate of growth of the equations' fastest deviation, or 0 if all decay."""
    matrix = _jacobian(rates, values, states)
    if not np.isfinite(matrix).all():
        return 0.0
    return float(np.linalg.eigvals(matrix).real.max(initial=0.0))


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
