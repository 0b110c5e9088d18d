"""Layers of a `SpikingModel`: neurons, and the layers between them.

Shapes are those of one sample, without batch and time: ``(C, H, W)`` for images, ``(N,)`` for vectors; arrays are laid
out as in PyTorch. A layer is an immutable description that knows the shape of its output; the core does the work.

Linear layers (`Linear`, convolutions, means, sums, `Affine`, `Resize`) have no memory: their output at a step depends on
their input at that step alone. A `Movement` only moves values, so that spikes stay spikes, and a `Delay` sends them later.
Neurons (`IF`, `LIF`, `CubaLIF`, `ALIF`) integrate their input and spike; `LI` sends its potential. `ReLU` is an analog neuron: it takes the mean of its input over all steps, and its output is constant. A
`Graded` unit sends values whose mean is a function of its mean input at each step.
"""
# each module lists its layers, and __all__ below those that are public

from __future__ import annotations

from spikelet._util.spelling import offer
from spikelet.layers import (
    convolution,
    first_spike,
    graded,
    linear,
    movement,
    neurons,
    pools,
    predictive,
    resize,
)
from spikelet.layers.base import Layer
from spikelet.layers.convolution import *
from spikelet.layers.first_spike import *
from spikelet.layers.graded import *
from spikelet.layers.linear import *
from spikelet.layers.movement import *
from spikelet.layers.neurons import *
from spikelet.layers.pools import *
from spikelet.layers.predictive import *
from spikelet.layers.resize import *
from spikelet.layers.views import Shape

__all__ = ["Layer", "Shape"]
__all__ += convolution.__all__
__all__ += first_spike.__all__
__all__ += graded.__all__
__all__ += linear.__all__
__all__ += movement.__all__
__all__ += neurons.__all__
__all__ += pools.__all__
__all__ += predictive.__all__
__all__ += resize.__all__

offer(__name__, __all__)
