"""Spike sources, which are populations without states, and inputs that need no source population."""

from __future__ import annotations

from spikelet._util.spelling import offer
from spikelet.sources.currents import CurrentInput, NoiseInput, SineCurrent, StepCurrent
from spikelet.sources.packets import PulsePacket
from spikelet.sources.poisson import PoissonInput, PoissonSource
from spikelet.sources.rates import InhomogeneousPoisson, SinusoidalPoisson
from spikelet.sources.spikes import RasterSource, SpikeSource

__all__ = [
    "CurrentInput",
    "InhomogeneousPoisson",
    "NoiseInput",
    "PoissonInput",
    "PoissonSource",
    "PulsePacket",
    "RasterSource",
    "SineCurrent",
    "SinusoidalPoisson",
    "SpikeSource",
    "StepCurrent",
]

offer(__name__, __all__)
