"""Constant arrays of a C program: each once, in the shortest text from which a compiler makes the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.identity import identity

_LINE = 12  # values of a line
_TINY = np.finfo(np.float32).tiny
_TYPES = {
    "float": np.float32, "int8_t": np.int8, "uint8_t": np.uint8, "int16_t": np.int16, "int32_t": np.int32, "int": np.int32, "int64_t": np.int64,
}  # fmt: skip


def number(value: Any) -> str:
    """Return a float of C."""
    text = np.format_float_positional(np.float32(value), unique=True, trim="0")
    if len(text) > 16:
        text = np.format_float_scientific(np.float32(value), unique=True, trim="0")
    return text.replace("inf", "INFINITY") if text[-1] == "f" else f"{text}f"


class Constants:
    """The constant arrays of a program."""

    def __init__(self) -> None:
        self._names: dict[Any, str] = {}
        self._arrays: list[str] = []
        self._structs: list[str] = []
        self.bytes = 0

    def add(self, values: ArrayLike, label: str, ctype: str = "float") -> str:
        """Return the name of an array; numbers that the engine takes for 0 are 0."""
        array: NDArray[Any] = np.ascontiguousarray(values, _TYPES[ctype]).ravel()
        if ctype == "float":
            array = np.where(np.abs(array) < _TINY, np.float32(0), array)
        return self._keep(self._arrays, identity(array), ctype, label, array.nbytes, _rows(array))

    def structs(self, kind: str, rows: NDArray[np.int64], label: str) -> str:
        """Return the name of an array of structs of integers."""
        lines = (f"    {{{', '.join(map(str, row))}}}," for row in rows.tolist())
        key, ctype = (kind, identity(rows)), f"struct {kind}"
        return self._keep(self._structs, key, ctype, label, rows.size * 4, lines)

    def _keep(
        self, texts: list[str], key: Any, ctype: str, label: str, size: int, lines: Iterator[str]
    ) -> str:
        if key not in self._names:
            name = f"{label}_{len(self._names)}"
            self._names[key] = name
            texts.append(f"static const {ctype} {name}[] = {{\n" + "\n".join(lines) + "\n};\n")
            self.bytes += size
        return self._names[key]

    def arrays(self) -> str:
        """Return the definitions of all arrays of numbers."""
        return "\n".join(self._arrays)

    def tables(self) -> str:
        """Return the definitions of all arrays of structs."""
        return "\n".join(self._structs)


def _rows(array: NDArray[Any]) -> Iterator[str]:
    for first in range(0, len(array), _LINE):
        row = array[first : first + _LINE]
        texts = map(number, row) if array.dtype.kind == "f" else map(str, row.tolist())
        yield f"    {', '.join(texts)},"
