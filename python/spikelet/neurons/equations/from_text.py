"""Models and rules that text defines: how they are described, compared, copied and restored."""

from __future__ import annotations

import functools
import inspect
import json
import threading
import weakref
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

from spikelet._util.checks import fail, shown
from spikelet._util.sealed import Sealed

_made: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
_lock = threading.Lock()


class FromText(Sealed):
    """Something that its constructor's arguments define, which are text and numbers.

    The constructor sets `_given`, the arguments by name, and calls `_keep` once all is well.
    """

    _given: dict[str, Any]

    _instead: ClassVar = {"": "the text and its defaults are fixed; define another"}

    @property
    def name(self) -> str:
        """Name in messages."""
        return str(self._given["name"])

    @property
    def text(self) -> str:
        """The text of the equations."""
        return str(self._given["text"])

    @property
    def parameters(self) -> Mapping[str, float]:
        """Defaults of the parameters by name."""
        return MappingProxyType(
            {k: default for k, (default, *_) in self._given["parameters"].items()}
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make it, as plain data: text and numbers."""
        return json.loads(self._key)  # type: ignore[no-any-return]  # a copy

    @classmethod
    def from_dict(cls, arguments: Mapping[str, Any]) -> Self:
        """Return what `to_dict` described, which may come from an untrusted file.

        Raises
        ------
        ValueError
            If anything is missing, unknown or wrong.
        """
        names = tuple(inspect.signature(cls).parameters)
        if not isinstance(arguments, Mapping) or set(arguments) != set(names):
            fail(cls.__name__, "arguments", arguments, f"must be {', '.join(names)}")
        found = {name: arguments[name] for name in names}
        try:
            key = json.dumps(found)
        except (TypeError, ValueError, RecursionError):
            fail(cls.__name__, "arguments", shown(found), "must be text and numbers")
        made = _made.get(key)
        if isinstance(made, cls):
            return made
        try:
            return cls(**found)
        except TypeError as error:
            raise ValueError(str(error)) from None

    def _keep(self) -> None:
        """Let `from_dict` find it."""
        with _lock:
            _made.setdefault(self._key, self)

    @functools.cached_property
    def _key(self) -> str:
        return json.dumps(self._given)

    def __eq__(self, other: object) -> bool:
        """Return whether two are made of the same texts and defaults."""
        return self._key == other._key if isinstance(other, FromText) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self
