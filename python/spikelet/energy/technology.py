"""The energy of single operations in a chip technology."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from spikelet._util.checks import fail, number, require

__all__ = ["TECHNOLOGIES", "Technology", "find"]

# Horowitz (2014), Fig. 1.1.9: 10, 20 and 100 pJ for 64 bits from an SRAM of 8 KB, 32 KB and 1 MB; 1.3 to 2.6 nJ from DRAM.
_MEMORIES = ((8 << 10, 1.25), (32 << 10, 2.5), (1 << 20, 12.5), (math.inf, 243.75))


@dataclass(frozen=True)
class Technology:
    """The energy of single operations.

    Parameters
    ----------
    name : str
    add_pj : float
        Energy of one addition, an AC [pJ].
    mac_pj : float
        Energy of one multiplication and one addition, a MAC [pJ].
    weight_bytes, state_bytes : float
        Size of a weight or an activation, and of a potential.
    memories : tuple of (capacity [bytes], pJ per byte)
        Memories from small to large; the last one is unlimited.
    source : str
        Source of the numbers.
    """

    name: str
    add_pj: float
    mac_pj: float
    weight_bytes: float = 4.0
    state_bytes: float = 4.0
    memories: tuple[tuple[float, float], ...] = _MEMORIES
    source: str = ""

    def __post_init__(self) -> None:
        where = f"Technology '{self.name}'"
        for argument in ("add_pj", "mac_pj", "weight_bytes", "state_bytes"):
            given = number(where, argument, getattr(self, argument))
            require(where, argument, given, "finite and > 0")
        rule = "must be pairs (capacity, pJ per byte) of ascending capacity, the last one infinite"
        try:
            sizes = [float(size) for size, _ in self.memories]
            prices = [float(price) for _, price in self.memories]
        except (TypeError, ValueError):
            fail(where, "memories", self.memories, rule)
        rising = all(a < b for a, b in itertools.pairwise(sizes))
        if not sizes or not rising or sizes[0] <= 0 or sizes[-1] != math.inf:
            fail(where, "memories", self.memories, rule)
        if not all(math.isfinite(price) and price >= 0 for price in prices):
            fail(where, "memories", self.memories, "must have finite prices >= 0")

    def byte_pj(self, size: float) -> float:
        """Return the energy per byte [pJ] of the smallest memory that holds `size` bytes."""
        return next(price for capacity, price in self.memories if size <= capacity)


_SOURCE = "45 nm, 0.9 V; Horowitz, ISSCC 2014"
TECHNOLOGIES = {
    t.name: t
    for t in (
        Technology("45nm", 0.9, 4.6, source=f"fp32, {_SOURCE}"),
        Technology("45nm-fp16", 0.4, 1.5, 2.0, 2.0, source=f"fp16, {_SOURCE}"),
        Technology("45nm-int8", 0.03, 0.23, 1.0, 1.0, source=f"int8, {_SOURCE}"),
        Technology("45nm-int32", 0.1, 3.2, source=f"int32, {_SOURCE}"),
    )
}


def find(where: str, technology: Any) -> Technology:
    """Return the technology of a name, or the given technology."""
    if isinstance(technology, Technology):
        return technology
    if not isinstance(technology, str):
        fail(where, "technology", technology, "must be a name or a Technology", error=TypeError)
    if technology not in TECHNOLOGIES:
        fail(where, "technology", technology, f"must be one of {', '.join(TECHNOLOGIES)}")
    return TECHNOLOGIES[technology]
