"""Arrays that hold what a network was when they were read, and refuse changes that would be lost."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt


class Snapshot(np.ndarray[Any, np.dtype[Any]]):
    """A read-only array of values as they were when they were read.

    Setting its items sets those of the owner, if the owner allows it. Setting items of a view, such as a slice, raises
    ValueError. The result of any operation is a plain array of the caller's own, also that of ``*=`` and the like, which
    replace the array instead of changing it. So ``owner.x[:5] *= 3`` and ``owner.x *= 3`` set what they name.

    Parameters
    ----------
    values : array
        The values; the snapshot takes the array over.
    way_out : str
        What an error says to do instead of setting an item.
    write : callable, optional
        ``write(index, value)`` sets items of the owner, and returns their new values.
    """

    _way_out: str
    _write: Callable[[Any, Any], Any] | None

    def __new__(
        cls,
        values: npt.NDArray[Any],
        way_out: str,
        write: Callable[[Any, Any], Any] | None = None,
    ) -> Self:
        new = values.view(cls)
        new.flags.writeable = False
        new._way_out, new._write = way_out, write
        return new

    def __array_finalize__(self, source: Any) -> None:
        """Make a view, which can set nothing, or a copy."""
        self._way_out, self._write = getattr(source, "_way_out", ""), None

    def __getitem__(self, index: Any) -> Any:
        """Return items: a read-only view or, as with numpy, a copy if they are chosen by ids or a mask."""
        found = super().__getitem__(index)
        if isinstance(found, Snapshot) and found.flags.writeable:
            return found.view(np.ndarray)
        if isinstance(found, Snapshot) and not np.may_share_memory(found, self):
            return np.array(found)  # numpy 1.26 makes a read-only copy by a mask
        return found

    def __setitem__(self, index: Any, value: Any) -> None:
        """Set items of the owner."""
        if self._write is not None:
            new = self._write(index, value)
            self.flags.writeable = True
            super().__setitem__(index, new)
            self.flags.writeable = False
        elif self.flags.writeable:  # a copy
            super().__setitem__(index, value)
        else:
            raise ValueError(self._way_out)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Compute with plain arrays."""
        if method == "at" and isinstance(inputs[0], Snapshot) and not inputs[0].flags.writeable:
            raise ValueError(inputs[0]._way_out)  # numpy writes to what is read-only
        if "out" in kwargs:
            kwargs["out"] = tuple(_plain(x) for x in kwargs["out"])
        return getattr(ufunc, method)(*map(_plain, inputs), **kwargs)

    def copy(self, order: Any = "C") -> Any:
        """Return a plain array of the caller's own."""
        return np.array(self, order=order)

    def astype(self, dtype: Any, *args: Any, **kwargs: Any) -> Any:
        """Return a plain array of another type, the caller's own."""
        return self.copy().astype(dtype, *args, **kwargs)

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as a plain array."""
        return self.copy().__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))


class SharedNumber(float):
    """A number that all elements share, as it was when it was read; it has no items that could be set.

    Parameters
    ----------
    value : float
        The number.
    way_out : str
        What an error says to do instead of setting an item.
    """

    _way_out: str

    def __new__(cls, value: float, way_out: str) -> Self:
        new = super().__new__(cls, value)
        new._way_out = way_out
        return new

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        """Refuse."""
        raise ValueError(self._way_out)

    def __reduce__(self) -> Any:
        """Copy and pickle as a plain number."""
        return float, (float(self),)


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, Snapshot) else value


def _replacing(name: str) -> Callable[[Any, Any], Any]:
    """Return an in-place operator that leaves a snapshot as it is and returns its result."""
    compute = getattr(operator, f"__{name}__")

    def operate(self: Any, other: Any) -> Any:
        result = compute(_plain(self), _plain(other))
        if not self.flags.writeable:
            return result
        np.copyto(_plain(self), result, casting="same_kind")  # a copy changes, as any array does
        return self

    operate.__name__ = f"__i{name}__"
    return operate


for _name in (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and", "or", "xor", "matmul",
):  # fmt: skip
    setattr(Snapshot, f"__i{_name}__", _replacing(_name))
