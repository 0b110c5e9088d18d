"""spikelet: spiking neural networks on the CPU you have; fast, exact, reproducible to the bit.

``import spikelet as sl``, then `Network` is where to start.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spikelet import datasets, decode, encode, layers, statistics
from spikelet._core import __version__, available_simd_levels, simd_level
from spikelet.network import Network
from spikelet.neurons import IF, LIF, LIFAlpha, LIFCond, LIFDelta
from spikelet.plasticity import (
    STDP,
    DiehlCookSTDP,
    InhibitorySTDP,
    RewardSTDP,
    TripletSTDP,
    TsodyksMarkram,
)
from spikelet.population import Population
from spikelet.projection import Projection
from spikelet.recorders import SpikeRecorder, StateRecorder, WeightRecorder
from spikelet.recordings import read_recording, recording_names
from spikelet.regulation import SynapticScaling, WeightNormalisation
from spikelet.rules import (
    AllToAll,
    Exponential,
    FixedIndegree,
    FixedOutdegree,
    FixedProbability,
    FixedTotalNumber,
    LogNormal,
    Normal,
    OneToOne,
    Uniform,
)
from spikelet.sources import (
    CurrentInput,
    NoiseInput,
    PoissonInput,
    PoissonSource,
    RasterSource,
    SpikeSource,
)
from spikelet.spiking_model import SpikingModel, SpikingResult

# Built on the rest, and not for everyone.
_LATER = ("conversion", "energy", "experiments", "io", "models", "plot")

if TYPE_CHECKING:
    from spikelet import conversion, energy, experiments, io, models, plot
    from spikelet.conversion.convert import convert
    from spikelet.experiments import SweepResult, load_sweep, sweep
else:

    def __getattr__(name: str) -> Any:
        if name in _LATER:
            return importlib.import_module(f"spikelet.{name}")
        if name == "convert":
            return importlib.import_module("spikelet.conversion").convert
        if name in ("SweepResult", "load_sweep", "sweep"):
            return getattr(importlib.import_module("spikelet.experiments"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "IF",
    "LIF",
    "STDP",
    "AllToAll",
    "CurrentInput",
    "DiehlCookSTDP",
    "Exponential",
    "FixedIndegree",
    "FixedOutdegree",
    "FixedProbability",
    "FixedTotalNumber",
    "InhibitorySTDP",
    "LIFAlpha",
    "LIFCond",
    "LIFDelta",
    "LogNormal",
    "Network",
    "NoiseInput",
    "Normal",
    "OneToOne",
    "PoissonInput",
    "PoissonSource",
    "Population",
    "Projection",
    "RasterSource",
    "RewardSTDP",
    "SpikeRecorder",
    "SpikeSource",
    "SpikingModel",
    "SpikingResult",
    "StateRecorder",
    "SweepResult",
    "SynapticScaling",
    "TripletSTDP",
    "TsodyksMarkram",
    "Uniform",
    "WeightNormalisation",
    "WeightRecorder",
    "__version__",
    "available_simd_levels",
    "conversion",
    "convert",
    "datasets",
    "decode",
    "encode",
    "energy",
    "experiments",
    "io",
    "layers",
    "load_sweep",
    "models",
    "plot",
    "read_recording",
    "recording_names",
    "simd_level",
    "statistics",
    "sweep",
]
