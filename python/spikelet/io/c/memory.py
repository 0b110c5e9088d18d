"""The memory of a C program: what must be kept has an array of its own, everything else shares one by turns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["BYTES", "Buffer", "Memory"]

BYTES = {"float": 4, "int32_t": 4, "int16_t": 2, "uint16_t": 2, "uint8_t": 1}
_TOKEN = re.compile(r"@(\d+)@")


@dataclass
class Buffer:
    """An array of a program.

    Parameters
    ----------
    number : int
    ctype : str
    size : int
        Number of elements.
    label : str
        Part of the name.
    kept : bool
        It must outlive a call.
    """

    number: int
    ctype: str
    size: int
    label: str
    kept: bool
    uses: dict[str, tuple[int, int]] = field(default_factory=dict)  # first and last by function

    def __str__(self) -> str:
        """Return its placeholder in the text of a statement, until it has a place."""
        return f"@{self.number}@"


class Memory:
    """All arrays of a program that are not constant."""

    def __init__(self) -> None:
        self._buffers: list[Buffer] = []
        self._places: dict[int, str] = {}
        self._pools: dict[str, int] = {}

    def add(self, ctype: str, size: int, label: str, *, kept: bool) -> Buffer:
        """Return a new array."""
        buffer = Buffer(len(self._buffers), ctype, size, label, kept)
        self._buffers.append(buffer)
        return buffer

    def see(self, function: str, statement: int, text: str) -> None:
        """Note which arrays a statement of a function uses."""
        for token in _TOKEN.findall(text):
            uses = self._buffers[int(token)].uses
            first, _ = uses.get(function, (statement, 0))
            uses[function] = (first, statement)

    def place(self) -> None:
        """Give each array its place: those of one function share a pool, as long as they are not in use together."""
        for buffer in self._buffers:
            if buffer.kept or len(buffer.uses) > 1:
                self._places[buffer.number] = f"{buffer.label}_{buffer.number}"
        loose = [b for b in self._buffers if b.number not in self._places and b.uses]
        placed: list[tuple[Buffer, int]] = []
        for buffer in sorted(loose, key=lambda b: -b.size):
            ((function, (first, last)),) = buffer.uses.items()
            taken = sorted(
                (at, at + other.size) for other, at in placed
                if other.ctype == buffer.ctype and function in other.uses
                and first <= other.uses[function][1] and other.uses[function][0] <= last
            )  # fmt: skip
            at = 0
            for begin, end in taken:
                if at + buffer.size <= begin:
                    break
                at = max(at, end)
            placed.append((buffer, at))
            pool = f"shared_{buffer.ctype.removesuffix('_t')}"
            self._pools[pool] = max(self._pools.get(pool, 0), at + buffer.size)
            self._places[buffer.number] = f"({pool} + {at})" if at else pool

    def placed(self, text: str) -> str:
        """Return a text with the places of the arrays."""
        return _TOKEN.sub(lambda found: self._places[int(found[1])], text)

    def _arrays(self) -> list[tuple[str, str, int]]:
        """Return type, name and size of all arrays."""
        own = [
            (b.ctype, self._places[b.number], b.size)
            for b in self._buffers
            if b.kept or len(b.uses) > 1
        ]
        types = {f"shared_{ctype.removesuffix('_t')}": ctype for ctype in BYTES}
        return own + [(types[pool], pool, size) for pool, size in self._pools.items()]

    @property
    def bytes(self) -> int:
        """The size of all arrays."""
        return sum(BYTES[ctype] * size for ctype, _, size in self._arrays())

    def text(self) -> str:
        """Return the definitions of all arrays."""
        return "".join(f"static {ctype} {name}[{size}];\n" for ctype, name, size in self._arrays())
