"""ANN-to-SNN conversion: `sl.convert` and its parts.

`load` reads an ANN from PyTorch, ONNX or arrays, `folding` folds BatchNorm, `thresholds`, `calibrated` and `fitted` choose
the parameters of the neurons layer by layer, and `convert` combines them and chooses the best. `evaluate` compares the result
with the ANN, `layer_errors` layer by layer; `frontier` finds the fewest operations for a loss; `hybrid` keeps some layers.
"""

from __future__ import annotations

from spikelet._util.results import Table
from spikelet.conversion.convert import convert
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.evaluate import evaluate
from spikelet.conversion.folding import batch_norm, fold
from spikelet.conversion.frontier import cheapest, frontier
from spikelet.conversion.hybrid import hybrid, search_split
from spikelet.conversion.layer_errors import layer_errors, report
from spikelet.conversion.load import read
from spikelet.conversion.methods import METHODS
from spikelet.conversion.neurons import NEURONS
from spikelet.conversion.qcfs import QCFS
from spikelet.conversion.stopping import choose_stopping

__all__ = [
    "METHODS",
    "NEURONS",
    "QCFS",
    "ConvertedModel",
    "Table",
    "batch_norm",
    "cheapest",
    "choose_stopping",
    "convert",
    "evaluate",
    "fold",
    "frontier",
    "hybrid",
    "layer_errors",
    "read",
    "report",
    "search_split",
]
