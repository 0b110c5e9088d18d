"""Descriptions: frozen dataclasses that users write, which say what there is if an argument is misspelt."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, NoReturn, Self

from spikelet._util.checks import shown
from spikelet._util.spelling import suggestion

__all__ = ["Described"]


class _Arguments(NamedTuple):
    names: tuple[str, ...]
    by_position: tuple[str, ...]


@functools.lru_cache(maxsize=256)
def _arguments(kind: type) -> _Arguments | None:
    """Return the arguments of a dataclass; None of another class."""
    if not dataclasses.is_dataclass(kind):
        return None
    fields = [f for f in dataclasses.fields(kind) if f.init]
    return _Arguments(tuple(f.name for f in fields), tuple(f.name for f in fields if not f.kw_only))


class Described:
    """Base of dataclasses with parameters; its constructor names what there is.

    Raises
    ------
    TypeError
        If a parameter has another name, with the nearest one, or if it can be given by its name only.
    """

    _elsewhere: ClassVar[Mapping[str, str]] = {}
    """Where to set what is no parameter, by its name."""

    def __new__(cls, *args: Any, **given: Any) -> Self:
        """Check the names of the arguments."""
        kind: type = cls
        known = _arguments(kind) if given or args else None
        if known is not None:
            for name in given:
                if name not in known.names:
                    cls._refuse(name, known.names)
            if len(args) > len(known.by_position):
                names = ", ".join(known.by_position)
                taken = (
                    f"only {names} as positional arguments" if names else "no positional arguments"
                )
                example = next((n for n in known.names if n not in known.by_position), "")
                hint = f", such as {example}=..." if example else ""
                value = shown(args[len(known.by_position)])
                msg = f"{cls.__name__} takes {taken}; name its parameters{hint}, got {value}"
                raise TypeError(msg)
        return super().__new__(cls)

    @classmethod
    def _refuse(cls, name: str, known: tuple[str, ...]) -> NoReturn:
        """Say what there is instead of a parameter."""
        elsewhere = cls._elsewhere.get(name)
        if elsewhere is not None:
            msg = f"{cls.__name__} has no parameter {name!r}: {elsewhere}"
        elif known:
            near = suggestion(name, known)
            msg = f"{cls.__name__} has no parameter {name!r}{near} (there are: {', '.join(known)})"
        else:
            msg = f"{cls.__name__} has no parameters, got {name!r}"
        raise TypeError(msg)
