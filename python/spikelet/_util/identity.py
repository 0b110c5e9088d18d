"""What a value is, as text, numbers and tuples: the same in every process, for the names of what was computed from it."""

from __future__ import annotations

import functools
import hashlib
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["identity"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis))


def identity(value: Any) -> Any:
    """Return text, numbers and tuples that say what a value is, the same in every process.

    Functions are their name and byte code, with what they close over, but not the functions that they call; objects are
    their class and attributes.

    Raises
    ------
    TypeError
        Nothing can be said of the value.
    """
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return ("array", *map(identity, value.ravel().tolist()))
        return (
            str(value.dtype),
            value.shape,
            hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest(),
        )
    if isinstance(value, np.generic | np.dtype | Path):
        return repr(value)
    if isinstance(value, list | tuple | set | frozenset):
        items = [identity(v) for v in value]
        return (
            type(value).__name__,
            *(sorted(items, key=repr) if isinstance(value, set | frozenset) else items),
        )
    if isinstance(value, Mapping):
        return ("map", *((identity(k), identity(v)) for k, v in value.items()))
    if isinstance(value, functools.partial):
        return ("partial", identity(value.func), identity(value.args), identity(value.keywords))
    if isinstance(value, types.MethodType):
        return ("method", identity(value.__func__), identity(value.__self__))
    if isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return (
            _name(value),
            _code(value.__code__),
            identity((value.__defaults__, value.__kwdefaults__, cells)),
        )
    if isinstance(value, type | types.BuiltinFunctionType | np.ufunc):
        return _name(value)
    if hasattr(value, "__dict__") or hasattr(value, "__slots__"):
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        held = {name: getattr(value, name) for name in slots if hasattr(value, name)} | dict(
            getattr(value, "__dict__", {})
        )
        call = vars(type(value)).get("__call__")
        code = _code(call.__code__) if isinstance(call, types.FunctionType) else ""
        return (_name(type(value)), code, identity(held))
    msg = f"cannot say what {value!r:.80} is"
    raise TypeError(msg)


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', getattr(value, '__name__', ''))}"


def _code(code: types.CodeType) -> Any:
    """Return byte code and constants, without addresses and line numbers."""
    constants = [_code(c) if isinstance(c, types.CodeType) else identity(c) for c in code.co_consts]
    return (code.co_code.hex(), code.co_names, code.co_varnames, constants)
