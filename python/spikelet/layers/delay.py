"""Fully connected layers whose synapses have delays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet._util.checks import fail, numbers, require
from spikelet._util.tensors import detached
from spikelet.layers.base import Layer, Shape, bias_of, finite_array

__all__ = ["Delay"]

_LONGEST = (1 << 31) - 1


@dataclass(frozen=True, eq=False, repr=False)
class Delay(Layer):
    """A fully connected layer whose inputs arrive later: ``y[t, o] = b[o] + sum over i of W[o, i] x[t - delay[o, i], i]``.

    Before its first step, x is 0. A spike costs one addition for each output, however long its delays are.

    Parameters
    ----------
    weight : array-like, [out, in]
    delay : int or array-like of int, [out, in]
        Delays of the synapses in steps, >= 0.
    bias : array-like, [out], optional
        Added at every step.

    Raises
    ------
    TypeError, ValueError
        If an argument breaks its rule: weights and biases are finite, and delays are whole steps >= 0.

    Examples
    --------
    >>> import numpy as np, spikelet as sl
    >>> layer = sl.layers.Delay([[1.0, 1.0]], [[0, 2]])
    >>> model = sl.SpikingModel([layer, sl.layers.IF(2.0, "zero")])
    >>> x = np.zeros((4, 1, 2)); x[0, 0, 1] = x[2, 0, 0] = 1  # both arrive at step 2
    >>> model.run(x).spikes[:, 0, 0]
    array([0, 0, 1, 0], dtype=int8)
    """

    weight: Any
    delay: Any
    bias: Any = None

    def __post_init__(self) -> None:
        where = self._name()
        self._set("weight", finite_array(where, "weight", self.weight, 2))
        given = numbers(where, "delay", detached(where, "delay", self.delay), "", dimensions=2)
        require(where, "delay", given.ravel(), ">= 0")
        if not (np.isfinite(given) & (given == np.floor(given))).all():
            bad = given[~(np.isfinite(given) & (given == np.floor(given)))].ravel()[0]
            rule = "must be whole steps; round the delays, as st.Delay.rounded() does"
            fail(where, "delay", float(bad), rule)
        if given.max(initial=0) > _LONGEST:
            fail(where, "delay", float(given.max()), f"must be at most {_LONGEST} steps")
        if given.ndim and given.shape != self.weight.shape:
            rule = f"must be a number or have the shape of weight, {self.weight.shape}"
            fail(where, "delay", given.shape, rule, got="shape")
        self._set("delay", np.broadcast_to(given, self.weight.shape).astype(np.int64))
        self._set("bias", bias_of(where, self.bias, len(self.weight)))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if shapes[0] != (self.weight.shape[1],):
            fail(where, "input shape", shapes[0], f"must be ({self.weight.shape[1]},)")
        return (len(self.weight),)
