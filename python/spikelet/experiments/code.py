"""Which code a function is: its name, and a digest that tells whether it has changed."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

__all__ = ["MAIN", "digests_of", "main_name", "name_of"]

MAIN = "SPIKELET_MAIN"
"""Variable of the environment with the name of the script, in workers whose own is another."""


def name_of(function: Callable[..., Any]) -> str:
    """Return the module and the qualified name of a function, the same for a script and its import."""
    name = getattr(function, "__qualname__", None)
    if name is None:
        msg = (
            f"sweep: fn must be a function when there is a store, got {function!r}; constants "
            "are given as fixed={...}"
        )
        raise TypeError(msg)
    module = function.__module__
    return f"{main_name() if module == '__main__' else module}:{name}"


def main_name() -> str:
    """Return the name of the script, in workers of loky too."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    return os.environ.get(MAIN) or (Path(script).stem if script else "__main__")


def digests_of(function: Callable[..., Any]) -> dict[str, str | None]:
    """Return digests of "source" and byte "code", None for what there is not.

    The source of a lambda is the line that it is in, with all else there, so its byte code counts; and so it does in
    what has been executed as a string, whose source Python may take for that of another one.
    """
    code = getattr(inspect.unwrap(function), "__code__", None)
    source = None
    if code is None or not (code.co_name == "<lambda>" or code.co_filename == "<string>"):
        with contextlib.suppress(OSError, TypeError):
            source = inspect.getsource(function)
    texts = {"source": source, "code": None if code is None else _text(code)}
    return {
        name: None if text is None else hashlib.sha256(text.encode()).hexdigest()
        for name, text in texts.items()
    }


def _text(constant: Any) -> str:
    """Return a constant of byte code, or the code itself, without addresses and in one order."""
    if isinstance(constant, CodeType):
        parts = (constant.co_code, constant.co_names, constant.co_varnames, constant.co_freevars)
        return f"code({parts!r}, {_text(constant.co_consts)})"
    if isinstance(constant, (tuple, frozenset)):
        items = [_text(item) for item in constant]
        ordered = items if isinstance(constant, tuple) else sorted(items)
        return f"{type(constant).__name__}({', '.join(ordered)})"
    return repr(constant)
