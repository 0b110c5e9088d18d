"""Mappings that cannot be changed, but copied and pickled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class ReadOnly(Mapping[Key, Value]):
    """A read-only mapping, which copies and pickles as a dictionary of the caller's own.

    Parameters
    ----------
    items : mapping
        The items.
    """

    def __init__(self, items: Mapping[Key, Value]) -> None:
        self._items = dict(items)

    def __getitem__(self, key: Key) -> Value:
        """Return an item."""
        return self._items[key]

    def __iter__(self) -> Iterator[Key]:
        """Iterate over the keys."""
        return iter(self._items)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def __reduce__(self) -> Any:
        """Copy and pickle as a dictionary."""
        return dict, (self._items,)

    def __repr__(self) -> str:
        return repr(self._items)
