"""How far pairs of neurons reach beyond the greatest activation, chosen for each channel.

A neuron spikes while its input is still an estimate. What was wrong has to be taken back by the sizes that are left, and these do
not suffice where a layer amplifies what the neurons before it have not sent yet: a depthwise convolution whose weights
cancel, for example. Larger amplitudes do, without waiting. They cost precision: of the last steps, and of the estimates of the
layers behind. So each channel gets the amplitude with the least squared error of its mean output, plus a small price.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from spikelet.conversion.layerwise.calibration import Floats
from spikelet.layers import Neuron
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["chosen_reach", "response"]

_FACTORS = tuple(1.5**k for k in range(6))
# Price of a reach e times as far, relative to the mean square of the layer's output, by steps: sizes of long runs are small enough.
_PRICES = ((16, 2e-4), (32, 2e-5))
_EACH = 4  # of so many samples, one is enough to choose


def response(currents: Floats, threads: int) -> Callable[[Neuron], Floats]:
    """Return a function that computes the mean output, [n, C, P], of neurons with these inputs, [T, n, C, P]."""

    def run(neuron: Neuron) -> Floats:
        return np.asarray(SpikingModel([neuron], threads=threads).run(currents).output)

    return run


def chosen_reach(
    make: Callable[[Floats], Neuron],
    currents: Floats,
    target: Floats,
    threads: int,
) -> Floats:
    """Return by which factor the neurons of each channel should reach further than they must, [C].

    Parameters
    ----------
    make : callable
        Makes neurons that reach further by given factors, [C].
    currents : array, [T, n, C, P]
        Inputs of the neurons at each step.
    target : array, [n, C, P]
        Mean outputs in the ANN.
    threads : int
        Results do not depend on it.
    """
    channels = target.shape[1]
    run, target = response(currents[:, ::_EACH], threads), target[::_EACH]
    scale = float(np.square(target).mean(dtype=np.float64))
    steps, prices = zip(*_PRICES, strict=True)
    price = math.exp(np.interp(len(currents), steps, np.log(prices)))
    best, least = np.ones(channels), np.full(channels, np.inf)
    for factor in _FACTORS:
        given = run(make(np.full(channels, factor)))
        error = np.square(given - target).mean((0, 2), dtype=np.float64)
        error += price * scale * math.log(factor)
        best[error < least] = factor
        least = np.minimum(error, least)
    return best
