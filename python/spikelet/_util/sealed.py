"""Objects that refuse what they would otherwise ignore: a misspelt attribute, or one that is fixed by now."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NoReturn, Self, TypeVar, overload
from weakref import WeakKeyDictionary

from spikelet._util.spelling import no_attribute, suggestion

T = TypeVar("T")

_INTERNAL = {
    "contents",
    "engine",
    "renew",
    "require_there",
    "synapses",
    "tape",
}  # of the package, not of users
_OURS = __name__.partition(".")[0]
_known: WeakKeyDictionary[type, frozenset[str]] = WeakKeyDictionary()  # declared, by class


class Sealed:
    """An object whose public attributes can be set only where that has an effect.

    A class declares each public attribute by an annotation in its body, or as a property. The constructor sets a
    declared attribute once. From then on, only properties with a setter, and `Setting`, can be set. Names with a leading
    underscore are private to the class, and a subclass outside of this package may have attributes of its own.
    """

    _instead: ClassVar[Mapping[str, str]] = {}
    """What to do instead of setting an attribute, by its name; the empty name is for all others."""

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, or say why not."""
        if not name.startswith("_"):
            kind = type(self)
            once = vars(kind).get("_once")
            if once is None:
                once = _find_once(kind)
            if not ((name in once and name not in vars(self)) or _is_open(kind, name)):
                _refuse(self, name)
        super().__setattr__(name, value)

    def _declare(self, **attributes: Any) -> None:
        """Set declared attributes in the constructor, faster than one by one."""
        vars(self).update(attributes)

    def __delattr__(self, name: str) -> None:
        """Delete an attribute, or say why not."""
        if not (name.startswith("_") or _is_open(type(self), name)):
            _refuse(self, name)
        super().__delattr__(name)

    def __dir__(self) -> list[str]:
        """List what users may need."""
        return sorted(set(super().__dir__()) - _INTERNAL)

    if not TYPE_CHECKING:  # a type checker knows which attributes there are

        def __getattr__(self, name: str) -> Any:
            """Name the nearest attribute where there is none of this name."""
            if name.startswith("_"):
                raise AttributeError(name, name=name, obj=self)
            if hasattr(type(self), name):
                return object.__getattribute__(self, name)  # raises what the property raised
            return no_attribute(type(self).__name__, name, sorted(_public(type(self))), self)


class Setting(Generic[T]):
    """An attribute that can be set at any time, and takes effect from then on; each value is checked.

    Parameters
    ----------
    check : callable
        ``check(where, name, value)`` returns the value to keep, or raises an error.
    """

    def __init__(self, check: Callable[[str, str, Any], T]) -> None:
        self._check = check
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | Self:
        """Return the value."""
        if instance is None:
            return self
        try:
            value: T = vars(instance)[self._name]
        except KeyError:
            raise AttributeError(self._name) from None
        return value

    def __set__(self, instance: object, value: Any) -> None:
        """Check and keep a value."""
        vars(instance)[self._name] = self._check(type(instance).__name__, self._name, value)


def _declared(kind: type) -> frozenset[str]:
    """Return the public attributes that the classes of this package declare."""
    found = _known.get(kind)
    if found is None:
        ours = (c for c in kind.__mro__ if c.__module__.partition(".")[0] == _OURS)
        names = (name for c in ours for name in (*inspect.get_annotations(c), *vars(c)))
        found = _known[kind] = frozenset(name for name in names if not name.startswith("_"))
    return found


def _find_once(kind: type) -> frozenset[str]:
    """Return the attributes that a constructor sets once, and keep them in the class, where they are found fast."""
    once = frozenset(name for name in _declared(kind) if not hasattr(kind, name))
    type.__setattr__(kind, "_once", once)
    return once


def _public(kind: type) -> set[str]:
    """Return the public attributes and methods of a class."""
    names = {name for name in (*_declared(kind), *dir(kind)) if not name.startswith("_")}
    return names - _INTERNAL


def _is_open(kind: type, name: str) -> bool:
    """Return whether an attribute can be set at any time."""
    if name in _declared(kind):
        found = inspect.getattr_static(kind, name, None)
        return isinstance(found, Setting) or getattr(found, "fset", None) is not None
    return kind.__module__.partition(".")[0] != _OURS  # an attribute of a user's own class


def _refuse(item: Sealed, name: str) -> NoReturn:
    kind = type(item)
    if name in _declared(kind) or hasattr(kind, name):
        texts = (vars(c).get("_instead", {}) for c in kind.__mro__)
        found: dict[str, str] = {}
        for text in texts:
            found = {**text, **found}
        instead = found.get(name) or found.get("") or f"make a new {kind.__name__}"
        if inspect.isroutine(inspect.getattr_static(kind, name, None)):
            instead = "it is a method"
        msg = f"{kind.__name__}: {name} cannot be set: {instead.format(name=name)}"
    else:
        public = sorted(n for n in _declared(kind))
        hint = suggestion(name, public)
        settable = ", ".join(n for n in public if _is_open(kind, n)) or "nothing"
        msg = f"{kind.__name__} has no {name!r}{hint} (what can be set: {settable})"
    raise AttributeError(msg, name=name, obj=item)
