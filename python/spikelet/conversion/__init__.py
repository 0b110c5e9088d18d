"""ANN-to-SNN conversion: `sl.convert` and its parts.

`load` reads an ANN from PyTorch, ONNX or arrays, `folding` folds BatchNorm, `methods` and `fitted` choose
the parameters of the neurons layer by layer, `selection` chooses the best, and `convert` combines them. `report`, `curves`,
`response` and `comparison` compare the result with the ANN; `exploring` finds the fewest operations for a loss; `hybrid` keeps some of its layers.
"""

from __future__ import annotations

from spikelet.conversion.comparison import Comparison, compare
from spikelet.conversion.convert import Coding, convert
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.curves import AccuracyCurve, accuracy_curve
from spikelet.conversion.economy import Frontier, FrontierPoint
from spikelet.conversion.exploring import frontier
from spikelet.conversion.folding import batch_norm, fold
from spikelet.conversion.from_onnx import read_onnx
from spikelet.conversion.hybrid import Candidate, HybridSearch, hybrid, search_split
from spikelet.conversion.load import read
from spikelet.conversion.methods import (
    LTB,
    METHODS,
    RMP,
    Calibrated,
    Fitted,
    LeastError,
    MaxNorm,
    Percentile,
    QCFSMethod,
    ThresholdIteration,
)
from spikelet.conversion.neurons import NEURONS, Neurons
from spikelet.conversion.qcfs import QCFS
from spikelet.conversion.report import ConversionReport, LayerReport, report
from spikelet.conversion.response import Decisions, steps_to_decision
from spikelet.conversion.selection import Auto
from spikelet.conversion.stopping import choose_stopping

__all__ = [
    "LTB",
    "METHODS",
    "NEURONS",
    "QCFS",
    "RMP",
    "AccuracyCurve",
    "Auto",
    "Calibrated",
    "Candidate",
    "Coding",
    "Comparison",
    "ConversionReport",
    "ConvertedModel",
    "Decisions",
    "Fitted",
    "Frontier",
    "FrontierPoint",
    "HybridSearch",
    "LayerReport",
    "LeastError",
    "MaxNorm",
    "Neurons",
    "Percentile",
    "QCFSMethod",
    "ThresholdIteration",
    "accuracy_curve",
    "batch_norm",
    "choose_stopping",
    "compare",
    "convert",
    "fold",
    "frontier",
    "hybrid",
    "read",
    "read_onnx",
    "report",
    "search_split",
    "steps_to_decision",
]
