"""Spiking neural networks on the CPU you have: fast, exact, reproducible to the bit.

Start with ``import spikelet as sl`` and `Network`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spikelet._core import __version__, available_simd_levels, simd_level
from spikelet._util.spelling import missing
from spikelet.network.drive import Drive
from spikelet.network.network import Network
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.recorders import (
    MultiStateRecorder,
    SpikeRecorder,
    StateRecorder,
    WeightRecorder,
)
from spikelet.network.regulator import Regulator
from spikelet.network.run_all import run_all
from spikelet.network.synapse_equations import SynapseEquations
from spikelet.network.weight_bits import Int16
from spikelet.neurons import (
    EIF,
    GIF,
    IF,
    LIF,
    LIFNMDA,
    AdEx,
    Equations,
    HodgkinHuxley,
    Izhikevich,
    LIFAlpha,
    LIFCond,
    LIFCondAlpha,
    LIFCondSFA,
    LIFDelta,
    LIFMultisynapse,
    LIFOneCurrent,
)
from spikelet.plasticity import (
    STDP,
    DiehlCookSTDP,
    InhibitorySTDP,
    RewardSTDP,
    TripletSTDP,
    TsodyksMarkram,
)
from spikelet.recording.reading import read_recording, recording_names
from spikelet.regulation import SynapticScaling, WeightNormalization
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
    InhomogeneousPoisson,
    NoiseInput,
    PoissonInput,
    PoissonSource,
    PulsePacket,
    RasterSource,
    SineCurrent,
    SinusoidalPoisson,
    SpikeSource,
    StepCurrent,
)
from spikelet.spatial import ByDistance, DistanceDependent, Free, Grid, Positions
from spikelet.spikes import Spikes

if TYPE_CHECKING:
    from spikelet import (
        conversion,
        datasets,
        decode,
        encode,
        energy,
        estimators,
        events,
        experiments,
        fitting,
        gym,
        io,
        layers,
        models,
        plot,
        statistics,
    )
    from spikelet._util.about import info
    from spikelet.conversion.convert import convert
    from spikelet.experiments import SweepResult, load_sweep, sweep
    from spikelet.fitting.fit import fit
    from spikelet.layers.spiking_model import SpikingModel
    from spikelet.layers.spiking_result import SpikingResult
    from spikelet.layers.stopping import Stopping
else:
    # Loaded on first access: a network needs none of them, and every worker of a sweep imports this package.
    _MODULES = (
        "conversion", "datasets", "decode", "encode", "energy", "estimators", "events", "experiments", "fitting", "gym", "io",
        "layers", "models", "plot", "statistics",
    )  # fmt: skip
    _HOMES = {
        "convert": "conversion",
        "fit": "fitting.fit",
        "info": "_util.about",
        "SpikingModel": "layers.spiking_model",
        "SpikingResult": "layers.spiking_result",
        "Stopping": "layers.stopping",
        "SweepResult": "experiments",
        "load_sweep": "experiments",
        "sweep": "experiments",
    }

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f"spikelet.{name}")
        if name in _HOMES:
            return getattr(importlib.import_module(f"spikelet.{_HOMES[name]}"), name)
        return missing(__name__, __all__)(name)

    def __dir__() -> list[str]:
        return __all__


__all__ = [
    "EIF",
    "GIF",
    "IF",
    "LIF",
    "LIFNMDA",
    "STDP",
    "AdEx",
    "AllToAll",
    "ByDistance",
    "CurrentInput",
    "DiehlCookSTDP",
    "DistanceDependent",
    "Drive",
    "Equations",
    "Exponential",
    "FixedIndegree",
    "FixedOutdegree",
    "FixedProbability",
    "FixedTotalNumber",
    "Free",
    "Grid",
    "HodgkinHuxley",
    "InhibitorySTDP",
    "InhomogeneousPoisson",
    "Int16",
    "Izhikevich",
    "LIFAlpha",
    "LIFCond",
    "LIFCondAlpha",
    "LIFCondSFA",
    "LIFDelta",
    "LIFMultisynapse",
    "LIFOneCurrent",
    "LogNormal",
    "MultiStateRecorder",
    "Network",
    "NoiseInput",
    "Normal",
    "OneToOne",
    "PoissonInput",
    "PoissonSource",
    "Population",
    "Positions",
    "Projection",
    "PulsePacket",
    "RasterSource",
    "Regulator",
    "RewardSTDP",
    "SineCurrent",
    "SinusoidalPoisson",
    "SpikeRecorder",
    "SpikeSource",
    "Spikes",
    "SpikingModel",
    "SpikingResult",
    "StateRecorder",
    "StepCurrent",
    "Stopping",
    "SweepResult",
    "SynapseEquations",
    "SynapticScaling",
    "TripletSTDP",
    "TsodyksMarkram",
    "Uniform",
    "WeightNormalization",
    "WeightRecorder",
    "__version__",
    "available_simd_levels",
    "conversion",
    "convert",
    "datasets",
    "decode",
    "encode",
    "energy",
    "estimators",
    "events",
    "experiments",
    "fit",
    "fitting",
    "gym",
    "info",
    "io",
    "layers",
    "load_sweep",
    "models",
    "plot",
    "read_recording",
    "recording_names",
    "run_all",
    "simd_level",
    "statistics",
    "sweep",
]
