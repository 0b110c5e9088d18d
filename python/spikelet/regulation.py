"""Regulations keep weights in balance while a network learns. The core applies them at intervals of a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from spikelet import _core
from spikelet._util.checks import scalar
from spikelet._util.described import Described

__all__ = ["Regulation", "SynapticScaling", "WeightNormalization"]


class Regulation(Described, ABC):
    """Base of all regulations."""

    every: float

    @abstractmethod
    def to_core(self) -> _core.Regulation:
        """Return the core's description."""


@dataclass(frozen=True, kw_only=True)
class WeightNormalization(Regulation):
    """Scale the incoming weights of each target to one sum.

    Parameters
    ----------
    total : float
        Sum of the weights' magnitudes, > 0; the bounds of the plasticity still hold. A target whose weights are all 0
        is not changed.
    every : float
        Interval [ms], a multiple of dt.
    """

    total: float
    every: float

    def __post_init__(self) -> None:
        where = "WeightNormalization"
        object.__setattr__(self, "total", scalar(where, "total", self.total, "> 0"))
        object.__setattr__(self, "every", scalar(where, "every", self.every, "> 0", "ms"))

    def to_core(self) -> _core.Regulation:
        """Return the core's description."""
        return _core.Regulation("normalize", total=float(self.total))


@dataclass(frozen=True, kw_only=True)
class SynapticScaling(Regulation):
    """Homeostasis: multiply the incoming weights of each target by 1 + strength (1 - r / rate).

    r is the target's mean rate over the interval that ends, at a multiple of `every`; the factor is at least 0. The
    first interval begins when the regulation is added, or at the time that `Network.reset` sets. If this is not a
    multiple of `every`, the interval is shorter, and ``strength`` is reduced in proportion. Each scaling counts spikes
    separately.

    Parameters
    ----------
    rate : float
        Target rate [Hz], > 0.
    strength : float
        Share of the relative error that each correction removes; negative for inhibitory synapses, which must grow
        where the rate is too high.
    every : float
        Interval [ms], a multiple of dt.

    Notes
    -----
    Turrigiano, Leslie, Desai, Rutherford & Nelson, Nature 391 (1998).
    """

    rate: float
    strength: float = 0.1
    every: float = 1000.0

    def __post_init__(self) -> None:
        where = "SynapticScaling"
        object.__setattr__(self, "rate", scalar(where, "rate", self.rate, "> 0", "Hz"))
        object.__setattr__(self, "strength", scalar(where, "strength", self.strength, "finite"))
        object.__setattr__(self, "every", scalar(where, "every", self.every, "> 0", "ms"))

    def to_core(self) -> _core.Regulation:
        """Return the core's description."""
        return _core.Regulation("scale", rate=float(self.rate), strength=float(self.strength))
