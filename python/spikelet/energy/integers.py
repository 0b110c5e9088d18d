"""The ANN in 8-bit integers, the rival of a spiking network, simulated by rounding (Jacob et al., CVPR 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.layers import Layer, Linear, ReLU
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.inputs import Inputs
from spikelet.layers.spiking_model import SpikingModel

_LARGEST = 127  # of a weight
_LEVELS = 255  # of an activation, besides 0


def rounded(ann: SpikingModel, x: Inputs) -> SpikingModel:
    """Return the ANN with rounded weights and activations; sums and biases stay exact.

    Parameters
    ----------
    ann : SpikingModel
        All of whose neurons are `ReLU`. Weights get 255 values for each output channel, activations behind a ReLU 256 for
        each layer.
    x : array-like, [N, ...]
        Samples that set the range of the activations, up to the largest.
    """
    names = [n.name for n in ann.graph if isinstance(n.layer, ReLU)]
    means = ann.run(x, steps=1, record=[f"{name}.mean" for name in names])
    changes: dict[str, Layer] = {}
    for node in ann.graph:
        layer = node.layer
        if isinstance(layer, ReLU):
            most = float(means[f"{node.name}.mean"].max())
            if most > 0 and not layer.levels:
                changes[node.name] = ReLU(most, _LEVELS)
        elif isinstance(layer, Linear | Convolution):
            changes[node.name] = layer.replace(weight=_rounded(layer.weight, 0))
        elif isinstance(layer, TransposedConvolution):  # [in, out, ...]
            changes[node.name] = layer.replace(weight=_rounded(layer.weight, 1))
    return SpikingModel(ann.graph.replaced(changes), dtype=ann.dtype, threads=ann.threads)


def rounded_inputs(x: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return inputs with 256 values each, from the least to the largest, one of which is 0."""
    found = {}
    for name, values in x.items():
        span = float(max(values.max(), 0) - min(values.min(), 0))
        step = span / _LEVELS or 1.0
        found[name] = (np.rint(values / step) * step).astype(values.dtype)
    return found


def _rounded(weight: Any, axis: int) -> Any:
    others = tuple(k for k in range(weight.ndim) if k != axis)
    step = np.abs(weight).max(others, keepdims=True) / _LARGEST
    return np.rint(weight / np.where(step > 0, step, 1.0)) * step
