"""Identify the code of a function: its name, and a digest that changes with it."""

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

MAIN = "SPIKELET_MAIN"
"""Environment variable with the name of the script, for workers whose main module is another one."""


def name_of(function: Callable[..., Any]) -> str:
    """Return the module and qualified name of a function, which is the same for a script and for its import."""
    name = getattr(function, "__qualname__", None)
    if name is None:
        msg = (
            f"sweep: fn must be a function if there is a store, got {function!r}; pass constants "
            "as fixed={...}"
        )
        raise TypeError(msg)
    module = function.__module__
    return f"{main_name() if module == '__main__' else module}:{name}"


def main_name() -> str:
    """Return the name of the script, also in loky's workers."""
    script = getattr(sys.modules["__main__"], "__file__", None)
    return os.environ.get(MAIN) or (Path(script).stem if script else "__main__")


def digests_of(function: Callable[..., Any]) -> dict[str, str | None]:
    """Return digests of the "source" and of the byte "code", None where it is not available.

    The source of a lambda is the whole line that it is in, so only its byte code is used; likewise for code that was
    executed as a string, for which Python may find the source of another string.
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
    """Return a constant of byte code, or the code itself, as text without addresses and in a fixed order."""
    if isinstance(constant, CodeType):
        parts = (constant.co_code, constant.co_names, constant.co_varnames, constant.co_freevars)
        return f"code({parts!r}, {_text(constant.co_consts)})"
    if isinstance(constant, (tuple, frozenset)):
        items = [_text(item) for item in constant]
        ordered = items if isinstance(constant, tuple) else sorted(items)
        return f"{type(constant).__name__}({', '.join(ordered)})"
    return repr(constant)
