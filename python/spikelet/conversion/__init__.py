"""ANN-to-SNN conversion: `sl.convert`, and what it is made of.

`load` reads an ANN from PyTorch, ONNX or arrays, `folding` folds BatchNorm, `thresholds`, `calibrated` and `fitted` choose
the neurons' parameters, `convert` puts them together.
"""

from __future__ import annotations

from spikelet.conversion.convert import METHODS, ConvertedModel, convert
from spikelet.conversion.folding import batch_norm, fold
from spikelet.conversion.load import read
from spikelet.conversion.neurons import NEURONS
from spikelet.conversion.qcfs import QCFS

__all__ = ["METHODS", "NEURONS", "QCFS", "ConvertedModel", "batch_norm", "convert", "fold", "read"]
