"""ANN-to-SNN conversion: `sl.convert` and its parts.

`load` reads an ANN from PyTorch, ONNX or arrays, `folding` folds BatchNorm, `thresholds`, `calibrated` and `fitted` choose
the parameters of the neurons layer by layer, and `convert` combines them and chooses the best. `report`, `curves`,
`response` and `comparison` compare the result with the ANN; `exploring` finds the fewest operations for a loss; `hybrid` keeps some of its layers.
"""

from __future__ import annotations

from spikelet.conversion.comparison import Comparison, compare
from spikelet.conversion.convert import convert
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.curves import AccuracyCurve, accuracy_curve
from spikelet.conversion.economy import Frontier, FrontierPoint
from spikelet.conversion.exploring import frontier
from spikelet.conversion.folding import batch_norm, fold
from spikelet.conversion.hybrid import Candidate, HybridSearch, hybrid, search_split
from spikelet.conversion.load import read
from spikelet.conversion.methods import METHODS
from spikelet.conversion.neurons import NEURONS
from spikelet.conversion.qcfs import QCFS
from spikelet.conversion.report import ConversionReport, LayerReport, report
from spikelet.conversion.response import Decisions, steps_to_decision
from spikelet.conversion.stopping import choose_stopping

__all__ = [
    "METHODS",
    "NEURONS",
    "QCFS",
    "AccuracyCurve",
    "Candidate",
    "Comparison",
    "ConversionReport",
    "ConvertedModel",
    "Decisions",
    "Frontier",
    "FrontierPoint",
    "HybridSearch",
    "LayerReport",
    "accuracy_curve",
    "batch_norm",
    "choose_stopping",
    "compare",
    "convert",
    "fold",
    "frontier",
    "hybrid",
    "read",
    "report",
    "search_split",
    "steps_to_decision",
]
