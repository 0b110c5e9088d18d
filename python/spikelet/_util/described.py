"""Descriptions: frozen dataclasses that users write, which say what there is if an argument is misspelt."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Iterable
from typing import Any, Self

__all__ = ["Described", "suggestion"]


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'tau_m'?" if a name resembles a known one, else nothing."""
    lower = {other.lower(): other for other in reversed(list(known))}
    near = difflib.get_close_matches(name.lower(), list(lower), 1, cutoff=0.55)
    return f"; did you mean {lower[near[0]]!r}?" if near else ""


@functools.lru_cache(maxsize=256)
def _known(kind: type) -> tuple[str, ...] | None:
    """Return the arguments of a dataclass; None of another class."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(f.name for f in dataclasses.fields(kind) if f.init)


class Described:
    """Base of dataclasses with parameters; its constructor names what there is.

    Raises
    ------
    TypeError
        If a parameter has another name, with the nearest one.
    """

    def __new__(cls, *_args: Any, **given: Any) -> Self:
        """Check the names of the arguments."""
        kind: type = cls
        known = _known(kind) if given else None
        if known is not None:
            for name in given:
                if name not in known:
                    hint = suggestion(name, known)
                    msg = (
                        f"{cls.__name__} has no parameter {name!r}{hint} (there are: {', '.join(known)})"
                        if known
                        else f"{cls.__name__} has no parameters, got {name!r}"
                    )
                    raise TypeError(msg)
        return super().__new__(cls)
