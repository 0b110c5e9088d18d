"""Layers in which values arrive later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, numbers, require
from spikelet._util.tensors import detached
from spikelet.layers.base import MAX_RANK, Layer, Shape, bias_of, finite_array

__all__ = ["Delay", "DelayedLinear"]

_LONGEST = (1 << 31) - 1


@dataclass(frozen=True, eq=False, repr=False)
class Delay(Layer):
    """The input of an earlier step: ``y[t] = x[t - steps]``, and 0 before x has arrived.

    A delay of at least one step may take the output of a later layer: it makes a network recurrent. Spikes stay spikes.

    Parameters
    ----------
    steps : int, or array-like of int: [channels] or one for each value
        Whole numbers >= 0.

    Raises
    ------
    TypeError, ValueError
        If `steps` breaks its rule.

    Examples
    --------
    Neurons that excite each other:

    >>> import numpy as np, spikelet as sl
    >>> L = sl.layers
    >>> nodes = [
    ...     ("back", L.Delay(1), ("lif",)),
    ...     ("recurrent", L.Linear([[0.0, 1.0], [1.0, 0.0]]), ("back",)),
    ...     ("sum", L.Add(), ("input", "recurrent")),
    ...     ("lif", L.LIF(1.0, decay=0.0, gain=1.0), ("sum",)),
    ... ]
    >>> x = np.zeros((4, 1, 2)); x[0, 0, 0] = 1
    >>> sl.SpikingModel(nodes).run(x).spikes[:, 0].tolist()
    [[1, 0], [0, 1], [1, 0], [0, 1]]
    """

    per_value: ClassVar[tuple[str, ...]] = ("steps",)

    steps: Any = 1

    def __post_init__(self) -> None:
        where = self._name()
        steps = _whole_steps(where, "steps", self.steps, MAX_RANK)
        self._set("steps", steps if steps.ndim else int(steps))

    @property
    def breaks_cycles(self) -> bool:
        """Whether no value arrives within its step, so that a cycle of layers may go through this one."""
        return bool(np.min(self.steps) >= 1)


@dataclass(frozen=True, eq=False, repr=False)
class DelayedLinear(Layer):
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
    >>> layer = sl.layers.DelayedLinear([[1.0, 1.0]], [[0, 2]])
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
        steps = _whole_steps(where, "delay", self.delay, 2)
        if steps.ndim and steps.shape != self.weight.shape:
            rule = f"must be a number or have the shape of weight, {self.weight.shape}"
            fail(where, "delay", steps.shape, rule, got="shape")
        self._set("delay", np.array(np.broadcast_to(steps, self.weight.shape)))
        self._set("bias", bias_of(where, self.bias, len(self.weight)))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if shapes[0] != (self.weight.shape[1],):
            fail(where, "input shape", shapes[0], f"must be ({self.weight.shape[1]},)")
        return (len(self.weight),)


def _whole_steps(where: str, argument: str, value: Any, dimensions: int) -> NDArray[np.int64]:
    """Return numbers of steps."""
    given = numbers(where, argument, detached(where, argument, value), "", dimensions=dimensions)
    require(where, argument, given.ravel(), ">= 0")
    broken = ~(np.isfinite(given) & (given == np.floor(given)))
    if broken.any():
        rule = "must be whole steps; round the delays, as st.Delay.rounded() does"
        fail(where, argument, float(given[broken].ravel()[0]), rule)
    if given.max(initial=0) > _LONGEST:
        fail(where, argument, float(given.max()), f"must be at most {_LONGEST} steps")
    return given.astype(np.int64)
