"""Checks of arguments that layers, losses and loops of training share."""

from __future__ import annotations

from typing import Any

from spikelet._util.checks import fail, number, require


def real(where: str, argument: str, value: Any, rule: str, unit: str = "") -> float:
    """Return one number that satisfies a rule of `spikelet._util.checks.require`."""
    array = number(where, argument, value, unit)
    require(where, argument, array, rule)
    return float(array)


def require_kind(where: str, argument: str, value: Any, kind: Any, what: str) -> None:
    """Refuse a value of another type; `what` names the right one in the message."""
    if not isinstance(value, kind):
        fail(where, argument, type(value).__name__, f"must be {what}", error=TypeError)
