"""The receptors of neurons by name, as projections and inputs pick them."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet import _core
from spikelet._util.advice import advise
from spikelet._util.checks import check_all, choice, fail, named
from spikelet.neurons import IntegrateAndFire, NeuronModel
from spikelet.rules import Distribution

BY_SIGN = -1
"""The number for no receptor by name: the sign of each weight picks it, or there is only one."""

_LONG = {"ex": "excitatory", "in": "inhibitory"}


def receptor_number(where: str, model: NeuronModel, receptor: Any) -> int:
    """Return the core's number of a receptor.

    Parameters
    ----------
    where : str
        Names the call in errors.
    model : NeuronModel
        The model of the targets.
    receptor : str or None
        Its name; None leaves the choice to the sign of each weight.

    Raises
    ------
    ValueError
        If there is no such receptor, or None leaves a choice.
    """
    names = _names(model)
    kind = type(model).__name__
    if not names:
        rule = "must have a receptor: give the model one, as in Equations(..., receptors={...})"
        fail(where, "target", kind, rule)
    if receptor is None:
        if model.by_sign or len(model.receptors) == 1:
            return BY_SIGN
        listed = ", ".join(f'"{name}"' for name in names)
        fail(where, "receptor", receptor, f"must be given: {kind} has the receptors {listed}")
    known = [name for n in names for name in ([_LONG[n], n] if n in _LONG else [n])]
    choice(where, "receptor", receptor, *known)
    if receptor in names:  # which Equations may call "excitatory"
        return names.index(receptor)
    short = {long: name for name, long in _LONG.items()}
    return names.index(short.get(receptor, receptor))


def receptor_range(model: NeuronModel) -> tuple[int, int]:
    """Return the least and the largest number that a receptor can have."""
    least = BY_SIGN if model.by_sign or len(model.receptors) == 1 else 0
    return least, len(_names(model)) - 1


def receptor_unit(model: NeuronModel, number: int) -> str:
    """Return the unit of weights at a receptor, given by its number."""
    return model.weight_unit if number == BY_SIGN else model.weight_unit_of(_names(model)[number])


def require_sign(
    where: str, model: NeuronModel, receptor: str | int | None, weights: Any, name: str = "weight"
) -> None:
    """Check that the conductances of a receptor that is named, or known by its number, are not negative."""
    if model.conductance and receptor is not None and receptor != BY_SIGN:
        rule = "must be >= 0 if receptor= is given, because weights are then magnitudes"
        check_all(where, name, weights, weights >= 0, rule)


def check_weights(
    where: str,
    model: Any,
    receptor: str | None,
    weights: Any,
    bounds: tuple[float, float] | None,
) -> None:
    """Check weights of a receptor, and warn about currents that all have the sign that its name excludes.

    Parameters
    ----------
    where : str
        Names the call in errors.
    model : NeuronModel
        The model of the targets.
    receptor : str or None
        The name of the receptor.
    weights : array or Distribution
        The weights.
    bounds : (float, float) or None
        The least and the largest weight; None leaves all checks to the core.
    """
    if bounds is not None and not isinstance(weights, Distribution):
        low, high = bounds
        rule = f"must lie in [w_min, w_max] = [{low:g}, {high:g}]"
        check_all(where, "weight", weights, (weights >= low) & (weights <= high), rule)
        require_sign(where, model, receptor, weights)
    number = BY_SIGN if receptor is None else receptor_number(where, model, receptor)
    if number == BY_SIGN or not model.by_sign or receptor_unit(model, number) != "pA":
        return
    if isinstance(weights, Distribution):
        with named(where):
            weights = _core.draw_values(weights.to_core(), 0, 0, 32)  # a sample
    values = np.asarray(weights)
    inhibitory = model.receptors[number] == "in"
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    worst, right = (high, low) if inhibitory else (low, high)
    if worst != 0 and right == 0:
        effect = "depolarises" if inhibitory else "hyperpolarises"
        name = "inhibitory" if inhibitory else "excitatory"
        problem = f'pA at receptor="{name}" {effect}, as the receptor of a current only sets its time constant'
        advise(where, "weight", worst, problem, f"did you mean {-worst:g} pA?")


def _names(model: NeuronModel) -> tuple[str, ...]:
    """Return the names of receptors; a kernel with one takes both, for events of either sign."""
    return ("ex", "in") if isinstance(model, IntegrateAndFire) else model.receptors
