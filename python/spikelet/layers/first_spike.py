"""Neurons that fire at most once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, integer
from spikelet.layers.base import Layer, checked, per_channel
from spikelet.layers.graded import Activation
from spikelet.layers.views import Shape, View, Views

__all__ = ["FirstSpike"]

_REACH = 8.0  # thresholds


def _activation(where: str, argument: str, value: Any) -> Activation:
    if not isinstance(value, Activation):
        fail(where, argument, value, "must be a layers.Activation", error=TypeError)
    return value


class FirstSpike(Layer):
    """Neurons that fire at most once, earlier for a larger input.

    In its window of T steps, a neuron fires at step T - k for ``k = round(T x / threshold)``, at most T, and stays silent if
    k < 1. Its output is ``k threshold / T``.

    With a function f, ``k = round(T f(x) / threshold)`` may be negative. Two neurons stand for it, ON and OFF, of which one
    fires, at step T - abs(k); the output is ``k threshold / T`` again.

    Parameters
    ----------
    threshold : float or [channels]
        Output of a neuron that fires at the first step of its window; > 0.
    steps : int
        Length of the window T, from 2 to 256.
    function : Activation, optional
        By default ``max(0, x)``. ``Activation("clip")`` without limits relays signed inputs.
    reach : float or [channels], optional
        Inputs beyond +-reach count as +-reach for the function; 8 thresholds by default.

    Notes
    -----
    In integers, a neuron tells 16 T inputs apart, in the part of the reach in which its function changes. With weights of 8
    bits, k of signed functions is at most 127.

    References
    ----------
    Stanojevic et al., "High-performance deep spiking neural networks with 0.3 spikes per neuron", Nature Communications 2024.
    """

    threshold: Any = checked(per_channel, "finite and > 0")
    steps: int = checked(integer, 2, 256, default=64)
    function: Any = checked(_activation, default=None)
    reach: Any = checked(per_channel, "finite and > 0", default=None)

    @property
    def waits(self) -> bool:
        """True: its window begins when that of its input has ended."""
        return True

    @property
    def limit(self) -> Any:
        """The largest magnitude of an input that the function gets, a number or [channels]."""
        return _REACH * np.asarray(self.threshold) if self.reach is None else self.reach

    def times(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return k for inputs [N, channels, ...]: steps before the end of the window, negative if the OFF neuron fires."""
        theta, limit = (
            np.reshape(v, (-1, *[1] * (x.ndim - 2))).astype(x.dtype)
            for v in (self.threshold, self.limit)
        )
        if self.function is not None:
            x = self.function.of(np.clip(x, -limit, limit))
        low = 0 if self.function is None else -self.steps
        return np.asarray(
            np.clip(np.floor(x / theta * self.steps + x.dtype.type(0.5)), low, self.steps)
        )

    def of(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the outputs for inputs [N, channels, ...]."""
        theta = np.reshape(self.threshold, (-1, *[1] * (x.ndim - 2))).astype(x.dtype)
        return np.asarray(self.times(x) / self.steps * theta)

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        upper, steps = np.ravel(self.threshold), self.steps
        if self.function is not None:  # moved by the threshold, so that nothing is below 0
            limit = np.asarray(self.limit)
            view = Activation("clip", -limit, limit).add_to(views, shape, view)
            view = self.function.add_to(views, shape, view)
            theta = upper.reshape(-1, *[1] * (len(shape) - 1))
            view = views.scaled(view, np.ones_like(theta), theta)
            upper, steps = 2 * upper, 2 * steps
        from_, extent, index = views.each(view, by_channel=len(upper) > 1)
        found = views.add(views.core.relu(from_, extent, upper, steps), extent, shape, index)
        return found if self.function is None else views.scaled(found, np.ones_like(theta), -theta)
