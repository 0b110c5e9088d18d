"""What a value is, as text, numbers and tuples: the same in every process, for the names of what was computed from it."""

from __future__ import annotations

import dis
import functools
import hashlib
import types
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), range)


def identity(value: Any) -> Any:
    """Return text, numbers and tuples that say what a value is, the same in every process.

    Functions are their name and byte code, what they close over, and the global variables that they read. Functions of
    their own module that they call count, too; those of others are their name. Objects are their class and attributes.

    Raises
    ------
    TypeError
        Nothing can be said of the value.
    """
    return _identity(value, ())


def _identity(value: Any, within: tuple[int, ...]) -> Any:  # one line for each kind of value
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, np.generic | np.dtype | PurePath):
        return repr(value)
    if isinstance(value, type | types.BuiltinFunctionType | types.ModuleType | np.ufunc):
        return _name(value)
    if id(value) in within:  # it holds itself
        return ("within", len(within) - within.index(id(value)))
    say = functools.partial(_identity, within=(*within, id(value)))
    if isinstance(value, np.ndarray):
        return _array(value, say)
    if isinstance(value, list | tuple | set | frozenset):
        items = [say(v) for v in value]
        return (
            type(value).__name__,
            *(sorted(items, key=repr) if isinstance(value, set | frozenset) else items),
        )
    if isinstance(value, Mapping):
        return ("map", *((say(k), say(v)) for k, v in value.items()))
    if isinstance(value, functools.partial):
        return ("partial", say(value.func), say(value.args), say(value.keywords))
    if isinstance(value, types.MethodType):
        return ("method", say(value.__func__), say(value.__self__))
    if isinstance(value, types.FunctionType):
        return _function(value, say)
    if hasattr(
        value, "__array__"
    ):  # tensors, series: their attributes say nothing of what they hold
        try:
            return (_name(type(value)), _array(np.asarray(value), say))
        except TypeError:  # on a GPU, or no array after all
            if not getattr(value, "__dict__", None):
                raise
    if hasattr(value, "__dict__") or hasattr(value, "__slots__"):
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        held = {name: getattr(value, name) for name in slots if hasattr(value, name)} | dict(
            getattr(value, "__dict__", {})
        )
        held.pop("__weakref__", None)
        kinds = type(value).__mro__
        call = next((vars(kind)["__call__"] for kind in kinds if "__call__" in vars(kind)), None)
        code = _function(call, say) if isinstance(call, types.FunctionType) else ""
        return (_name(type(value)), code, say(held))
    msg = f"cannot say what {value!r:.80} is"
    raise TypeError(msg)


def _array(value: NDArray[Any], say: Callable[[Any], Any]) -> Any:
    if value.dtype.hasobject:
        return ("array", *map(say, value.ravel().tolist()))
    content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    return (str(value.dtype), value.shape, content)


def _function(function: types.FunctionType, say: Callable[[Any], Any]) -> Any:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return (
        _name(function),
        _code(function.__code__),
        say((function.__defaults__, function.__kwdefaults__, cells)),
        [(name, _global(function, name, say)) for name in _globals(function.__code__)],
    )


def _global(function: types.FunctionType, name: str, say: Callable[[Any], Any]) -> Any:
    """Return what a global variable is for a function that reads it; its type, if no more can be said."""
    if name not in function.__globals__:  # of builtins, or not there yet
        return ""
    value = function.__globals__[name]
    if isinstance(value, types.FunctionType) and value.__module__ != function.__module__:
        return _name(value)
    try:
        return say(value)
    except TypeError:  # a logger or a lock
        return _name(type(value))


def _globals(code: types.CodeType) -> list[str]:
    """Return the names of the global variables that a function reads, those in functions within it included."""
    read = {
        i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    inner = (_globals(c) for c in code.co_consts if isinstance(c, types.CodeType))
    return sorted(read.union(*inner))


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}:{getattr(value, '__qualname__', getattr(value, '__name__', ''))}"


def _code(code: types.CodeType) -> Any:
    """Return byte code and constants, without addresses and line numbers."""
    constants = [_code(c) if isinstance(c, types.CodeType) else identity(c) for c in code.co_consts]
    return (code.co_code.hex(), code.co_names, code.co_varnames, constants)
