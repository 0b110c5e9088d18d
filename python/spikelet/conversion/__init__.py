"""ANN-to-SNN conversion: `sl.convert` and its parts.

`load` reads an ANN from PyTorch, ONNX or arrays, `folding` folds BatchNorm, `methods` and `fitted` choose the parameters of the
neurons layer by layer, `selection` chooses the best, and `convert` combines them.
`first_spike` makes networks whose neurons fire at most once. `evaluate` compares the result with the ANN,
`layer_errors` layer by layer; `frontier` finds the fewest operations for a loss; `hybrid` keeps some of its layers.
"""

from __future__ import annotations

from spikelet._util.results import Table
from spikelet._util.spelling import offer
from spikelet.conversion.convert import Coding, convert
from spikelet.conversion.converted import ConvertedModel
from spikelet.conversion.evaluate import evaluate
from spikelet.conversion.first_spike_model import FirstSpikeModel
from spikelet.conversion.folding import batch_norm, fold
from spikelet.conversion.frontier import cheapest, frontier
from spikelet.conversion.hybrid import hybrid, search_split
from spikelet.conversion.layer_errors import layer_errors, report
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
from spikelet.conversion.onnx.reader import read_onnx
from spikelet.conversion.qcfs import QCFS
from spikelet.conversion.selection import Auto
from spikelet.conversion.stopping import choose_stopping

__all__ = [
    "LTB",
    "METHODS",
    "NEURONS",
    "QCFS",
    "RMP",
    "Auto",
    "Calibrated",
    "Coding",
    "ConvertedModel",
    "FirstSpikeModel",
    "Fitted",
    "LeastError",
    "MaxNorm",
    "Neurons",
    "Percentile",
    "QCFSMethod",
    "Table",
    "ThresholdIteration",
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
    "read_onnx",
    "report",
    "search_split",
]

offer(__name__, __all__)
