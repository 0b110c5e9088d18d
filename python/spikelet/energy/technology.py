"""The energy of single operations in a chip technology."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from spikelet._util.checks import fail, integer, number, require

# Horowitz (2014), Fig. 1.1.9: 10, 20 and 100 pJ for 64 bits from an SRAM of 8 KB, 32 KB and 1 MB; 1.3 to 2.6 nJ from DRAM.
_MEMORIES = ((8 << 10, 1.25), (32 << 10, 2.5), (1 << 20, 12.5), (math.inf, 243.75))


@dataclass(frozen=True)
class Technology:
    """The energy of single operations, and the width of what they take.

    Parameters
    ----------
    name : str
    add_pj : float
        Energy of one addition to a potential or an accumulator, or of one comparison [pJ].
    multiply_pj : float
        Energy of the product of a weight and an activation [pJ].
    scale_pj : float
        Energy of a product as wide as a potential: of a leak, of the size of a step, of rounding to an activation [pJ].
    weight_bits, potential_bits, activation_bits, spike_bits : int
        Width of a weight, of a potential or an accumulator, of an activation, and of the address that a spike is sent as.
    memories : tuple of (capacity [bytes], pJ per byte)
        Memories from small to large; the last one is unlimited.
    source : str
        Source of the numbers.
    """

    name: str
    add_pj: float
    multiply_pj: float
    scale_pj: float
    weight_bits: int = 32
    potential_bits: int = 32
    activation_bits: int = 32
    spike_bits: int = 32
    memories: tuple[tuple[float, float], ...] = _MEMORIES
    source: str = ""

    def __post_init__(self) -> None:
        where = f"Technology '{self.name}'"
        for argument in ("add_pj", "multiply_pj", "scale_pj"):
            given = number(where, argument, getattr(self, argument))
            require(where, argument, given, "finite and > 0")
        for argument in ("weight_bits", "potential_bits", "activation_bits", "spike_bits"):
            integer(where, argument, getattr(self, argument), 1)
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

    @property
    def mac_pj(self) -> float:
        """Energy of one multiplication and one addition, a MAC [pJ]."""
        return self.multiply_pj + self.add_pj

    def byte_pj(self, size: float) -> float:
        """Return the energy per byte [pJ] of the smallest memory that holds `size` bytes."""
        return next(price for capacity, price in self.memories if size <= capacity)


_SOURCE = "45 nm, 0.9 V; Horowitz, ISSCC 2014"
TECHNOLOGIES = {
    t.name: t
    for t in (
        Technology("45nm", 0.9, 3.7, 3.7, source=f"fp32, {_SOURCE}"),
        Technology("45nm-fp16", 0.4, 1.1, 1.1, 16, 16, 16, source=f"fp16, {_SOURCE}"),
        # Products of 8 bits are added in 32, in the ANN as in the SNN.
        Technology("45nm-int8", 0.1, 0.2, 3.1, 8, 32, 8, source=f"int8 and int32, {_SOURCE}"),
        Technology("45nm-int32", 0.1, 3.1, 3.1, source=f"int32, {_SOURCE}"),
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
