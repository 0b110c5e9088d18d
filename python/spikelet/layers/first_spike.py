"""Neurons that fire at most once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import integer
from spikelet.layers.base import Layer, checked, per_channel
from spikelet.layers.views import Shape, View, Views

__all__ = ["FirstSpike"]


class FirstSpike(Layer):
    """Neurons that fire at most once, earlier for a larger input.

    In its window of T steps, a neuron fires at step T - k for ``k = round(T x / threshold)``, at most T, and stays silent if
    k < 1. Its output is ``k threshold / T``.

    Parameters
    ----------
    threshold : float or [channels]
        Input for which a neuron fires at the first step of its window; > 0.
    steps : int
        Length of the window T, from 2 to 256.

    References
    ----------
    Stanojevic et al., "High-performance deep spiking neural networks with 0.3 spikes per neuron", Nature Communications 2024.
    """

    threshold: Any = checked(per_channel, "finite and > 0")
    steps: int = checked(integer, 2, 256, default=64)

    @property
    def waits(self) -> bool:
        """True: its window begins when that of its input has ended."""
        return True

    def of(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs for inputs [N, channels, ...]."""
        theta = np.reshape(self.threshold, (-1, *[1] * (x.ndim - 2))).astype(x.dtype)
        k = np.clip(np.floor(x / theta * self.steps + x.dtype.type(0.5)), 0, self.steps)
        return np.asarray(k / self.steps * theta)

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        upper = np.ravel(self.threshold)
        from_, extent, index = views.each(view, by_channel=len(upper) > 1)
        return views.add(views.core.relu(from_, extent, upper, self.steps), extent, shape, index)
