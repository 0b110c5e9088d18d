"""Layers of a `SpikingModel`: neurons, and the linear layers between them.

Shapes are those of one sample, without batch and time: ``(C, H, W)`` for images, ``(N,)`` for vectors; arrays are laid
out as in PyTorch. A layer is an immutable description that knows the shape of its output; the core does the work.

Linear layers (`Linear`, `Conv2d`, `AvgPool2d`, `AdaptiveAvgPool2d`, `Flatten`, `Add`, `Concat`, `Upsample`, `Affine`) have
no memory: their output at a step depends on their input at that step alone. Neurons (`IF`, `LIF`) integrate it. `ReLU` is
an analog neuron: it takes the mean of its input over all steps, and its output is constant.
"""

from __future__ import annotations

from spikelet.layers.base import Layer, Shape
from spikelet.layers.linear import Add, Affine, Concat, Conv2d, Flatten, Linear, Upsample
from spikelet.layers.neurons import IF, LIF, Neuron, PredictiveIF, ReLU
from spikelet.layers.pools import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = [
    "IF",
    "LIF",
    "AdaptiveAvgPool2d",
    "Add",
    "Affine",
    "AvgPool2d",
    "Concat",
    "Conv2d",
    "Flatten",
    "Layer",
    "Linear",
    "MaxPool2d",
    "Neuron",
    "PredictiveIF",
    "ReLU",
    "Shape",
    "Upsample",
]
