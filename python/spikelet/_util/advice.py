"""Warnings about what is allowed and almost surely a mistake, such as SI units."""

from __future__ import annotations

import inspect
import warnings
from contextvars import ContextVar

_OURS = __name__.partition(".")[0]
_new: ContextVar[frozenset[str] | None] = ContextVar("new", default=None)


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn the caller of this package, whose line the warning shows, however deep the call is nested."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and _is_ours(frame.f_globals.get("__name__", "")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, level)


def advise(where: str, argument: str, value: float, problem: str, way_out: str) -> None:
    """Warn the caller of this package, whose line the warning shows; once for each line and message.

    Parameters
    ----------
    where, argument : str
        The object or call, and its argument.
    value : float
        The value, in the unit that `problem` names.
    problem : str
        What it means: ``"pF is 1e12 times less than usual"``.
    way_out : str
        What to do: ``"did you mean 200 pF?"``.
    """
    new = _new.get()
    if new is not None and argument not in new:
        return
    warn_caller(f"{where}: {argument} = {value:g} {problem}: {way_out}")


class only_about:
    """Warn about these arguments only: the others have their values from before, as when a file is loaded.

    Parameters
    ----------
    *arguments : str
        Their names.
    """

    def __init__(self, *arguments: str) -> None:
        self._arguments = frozenset(arguments)

    def __enter__(self) -> None:
        """Begin."""
        self._before = _new.set(self._arguments)

    def __exit__(self, *_error: object) -> None:
        """End."""
        _new.reset(self._before)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == _OURS or module in ("contextlib", "dataclasses")
