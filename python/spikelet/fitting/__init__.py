"""Fits of models to recordings: data, ranges, losses, optimisers, and simulation-based inference.

`spikelet.fit` runs a fit and returns a `FitResult`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet._util.spelling import missing
from spikelet.fitting.inference import prior, simulator
from spikelet.fitting.losses import (
    AlignedError,
    Coincidence,
    ISIHistogram,
    Loss,
    MeanSquaredError,
    RateError,
    VanRossum,
)
from spikelet.fitting.optimizers import CMAES, DifferentialEvolution, Nevergrad
from spikelet.fitting.ranges import Range
from spikelet.fitting.recording import Recording, Responses, detect_spikes
from spikelet.fitting.result import FitResult

__all__ = [
    "CMAES",
    "AlignedError",
    "Coincidence",
    "DifferentialEvolution",
    "FitResult",
    "ISIHistogram",
    "Loss",
    "MeanSquaredError",
    "Nevergrad",
    "Range",
    "RateError",
    "Recording",
    "Responses",
    "VanRossum",
    "detect_spikes",
    "prior",
    "simulator",
]

if not TYPE_CHECKING:  # a type checker knows what there is
    __getattr__, __dir__ = missing(__name__, __all__), __all__.copy
