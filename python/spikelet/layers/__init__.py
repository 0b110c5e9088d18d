"""Layers of a `SpikingModel`: neurons, and the layers between them.

Shapes are those of one sample, without batch and time: ``(C, H, W)`` for images, ``(N,)`` for vectors; arrays are laid
out as in PyTorch. A layer is an immutable description that knows the shape of its output; the core does the work.

Linear layers (`Linear`, convolutions, means, sums, `Affine`, `Resize`) have no memory: their output at a step depends on
their input at that step alone. A `Movement` only moves values, so that spikes stay spikes, and a `Delay` sends them later.
Neurons (`IF`, `LIF`, `CubaLIF`, `ALIF`) integrate their input and spike; `LI` sends its potential. `ReLU` is an analog neuron: it takes the mean of its input over all steps, and its output is constant. A
`Graded` unit sends values whose mean is a function of its mean input at each step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet._util.spelling import missing
from spikelet.layers.base import Layer, Shape
from spikelet.layers.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from spikelet.layers.delay import Delay, DelayedLinear
from spikelet.layers.foreign import Foreign
from spikelet.layers.graded import (
    Activation,
    Divide,
    Graded,
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
    LogSoftmax,
    MatMul,
    Maximum,
    Minimum,
    Multiply,
    Reduce,
    RMSNorm,
    Softmax,
)
from spikelet.layers.leaky import ALIF, LI, CubaLIF
from spikelet.layers.linear import (
    Add,
    Affine,
    Concat,
    Constant,
    Linear,
)
from spikelet.layers.movement import (
    Expand,
    Flatten,
    Movement,
    Pad,
    Permute,
    Reshape,
    Roll,
    Slice,
    Take,
    Tile,
    Upsample,
)
from spikelet.layers.neurons import (
    IF,
    LIF,
    Neuron,
    ReLU,
)
from spikelet.layers.pools import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from spikelet.layers.predictive import (
    PredictiveActivation,
    PredictiveIF,
    PredictiveNeuron,
    PredictivePair,
)
from spikelet.layers.resize import Resize

__all__ = [
    "ALIF",
    "IF",
    "LI",
    "LIF",
    "Activation",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "Add",
    "Affine",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "Concat",
    "Constant",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CubaLIF",
    "Delay",
    "DelayedLinear",
    "Divide",
    "Expand",
    "Flatten",
    "Foreign",
    "Graded",
    "GroupNorm",
    "Layer",
    "LayerNorm",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "MatMul",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Maximum",
    "Minimum",
    "Movement",
    "Multiply",
    "Neuron",
    "Pad",
    "Permute",
    "PredictiveActivation",
    "PredictiveIF",
    "PredictiveNeuron",
    "PredictivePair",
    "RMSNorm",
    "ReLU",
    "Reduce",
    "Reshape",
    "Resize",
    "Roll",
    "Shape",
    "Slice",
    "Softmax",
    "Take",
    "Tile",
    "Upsample",
]

if not TYPE_CHECKING:  # a type checker knows what there is
    __getattr__ = missing(__name__, __all__)
