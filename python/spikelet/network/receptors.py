"""The receptors of neurons by name, as projections and inputs pick them."""

from __future__ import annotations

from typing import Any

from spikelet._util.checks import check_all, choice, fail
from spikelet.neurons import IntegrateAndFire, NeuronModel

__all__ = ["BY_SIGN", "receptor_number", "receptor_range", "receptor_unit", "require_sign"]

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


def _names(model: NeuronModel) -> tuple[str, ...]:
    """Return the names of receptors; a kernel with one takes both, for events of either sign."""
    return ("ex", "in") if isinstance(model, IntegrateAndFire) else model.receptors
