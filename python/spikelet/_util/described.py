"""Descriptions: frozen dataclasses that users write, equal by value; they say what there is if an argument is misspelt."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, NoReturn, Self

import numpy as np

from spikelet._util import html
from spikelet._util.checks import shown
from spikelet._util.spelling import suggestion
from spikelet._util.values import hashed, same


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


def _values(description: Any) -> list[Any]:
    """Return the values of a dataclass that are compared."""
    return [getattr(description, f.name) for f in dataclasses.fields(description) if f.compare]


def _plain(value: Any) -> Any:
    """Return an array of one number without axes as the number."""
    return value.item() if type(value) is np.ndarray and value.ndim == 0 else value


class Described:
    """Base of dataclasses with parameters; its constructor names what there is, and they are equal by value.

    Raises
    ------
    TypeError
        If a parameter has another name, with the nearest one, or if it can be given by its name only.
    """

    _elsewhere: ClassVar[Mapping[str, str]] = {}
    """Where to set what is no parameter, by its name."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name in ("__eq__", "__hash__", "__repr__"):  # dataclass() leaves those that a class has
            if name not in vars(cls):
                setattr(cls, name, getattr(cls, name))

    def __eq__(self, other: object) -> bool:
        """Compare the parameters, arrays as a whole."""
        if self is other:
            return True
        if not isinstance(other, Described) or self._kind() != other._kind():
            return NotImplemented
        return all(map(same, _values(self), _values(other)))

    def __hash__(self) -> int:
        """Return the hash of the parameters."""
        return hash((self._kind(), *map(hashed, _values(self))))

    def __repr__(self) -> str:
        return self.__short__()

    def __short__(self) -> str:
        """Return the call that makes it: parameters by name, without those that have their default."""
        return self._call(defaults=False)

    def _call(self, *, defaults: bool) -> str:
        given = [
            f"{f.name}={_plain(value)!r}"
            for f in dataclasses.fields(self)  # type: ignore[arg-type]  # of dataclasses only
            if f.repr and (not same(_plain(value := getattr(self, f.name)), f.default) or defaults)
        ]
        return f"{type(self).__name__}({', '.join(given)})"

    def _repr_html_(self) -> str:
        """Return a table of the parameters, for notebooks."""
        rows = [
            (f.name, html.short(_plain(getattr(self, f.name))), f.metadata.get("unit", ""))
            for f in dataclasses.fields(self)  # type: ignore[arg-type]  # of dataclasses only
            if f.repr
        ]
        return html.grid(type(self).__name__, ["parameter", "value", "unit"], rows)

    def _kind(self) -> Any:
        """Return what equal descriptions share besides the parameters."""
        return type(self)

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
