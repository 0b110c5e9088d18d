"""Layers whose outputs are weighted sums of their inputs, of the same step or of earlier ones."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, integer
from spikelet.layers.base import (
    MAX_RANK,
    Layer,
    axis_of,
    broadcast,
    check_bias,
    checked,
    finite_array,
    per_value,
)
from spikelet.layers.views import NONE, Floats, Shape, View, Views, extent_of

__all__ = ["Add", "Affine", "Concat", "Constant", "Delay", "DelayedLinear", "Linear"]

_LONGEST = (1 << 31) - 1
_MOST_COLUMNS = 4  # of a moved input, for each that a linear layer reads


class Linear(Layer):
    """A fully connected layer: ``y = W x + b``.

    Parameters
    ----------
    weight : array-like, [out, in]
    bias : array-like, [out], optional
        Added at every step.
    """

    weight: Any = checked(finite_array, 2)
    bias: Any = checked(finite_array, 1, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bias(self._name(), self.bias, len(self.weight))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if math.prod(shapes[0]) != self.weight.shape[1] or len(shapes[0]) != 1:
            fail(where, "input shape", shapes[0], f"must be ({self.weight.shape[1]},)")
        return (len(self.weight),)

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        """Add a convolution whose kernel covers its input. It reads a moved input where it lies."""
        weight, uses = self.weight, None
        if view.index is not None and len(view.parts) == 1:
            size = math.prod(views.extents[view.parts[0]])
            if size <= _MOST_COLUMNS * view.index.size:
                moved = np.zeros((len(weight), size))
                there = view.index.ravel() >= 0
                read = view.index.ravel()[there]
                np.add.at(moved.T, read, weight.T[there])
                # A zero column is no operation, and the sum of two columns is two.
                counts = np.bincount(read, minlength=size).astype(np.uint32)
                uses = None if (counts == 1).all() else counts
                weight, view = moved, View((size,), view.parts)
        from_, (c, h, w) = views.in_order(view)
        weight, bias = weight.reshape(-1, c, 1, h, w), NONE if self.bias is None else self.bias
        one, extent = (1, 1, 1), extent_of(shape)
        number = views.core.conv(
            from_, extent, weight, bias, (1, h, w), one, (0, 0, 0), 1, uses=uses
        )
        return views.add(number, extent, shape)


class Affine(Layer):
    """An affine map of each value, ``y = scale x + shift``: BatchNorm that could not be folded, scales of layers.

    Parameters
    ----------
    scale : float, array-like of [channels], or of the shape of a sample
        An array of the shape of a sample may have size 1 along some axes.
    shift : float or array-like, optional
        Of the same shapes. Added at every step.
    """

    scale: Any = checked(finite_array)
    shift: Any = checked(finite_array, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if np.ndim(self.shift) == self.scale.ndim == 1 and len(self.scale) != len(self.shift):
            rule = f"must have one value for each of {len(self.scale)} channels"
            fail(self._name(), "shift", self.shift.shape, rule, got="shape")

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        shape = shapes[0]
        for argument in ("scale", "shift"):
            value = getattr(self, argument)
            if value is None:
                continue
            if value.ndim == 1 and len(value) != shape[0]:
                fail(where, "input channels", shape[0], f"must be {len(value)}")
            if value.ndim > 1 and (
                value.ndim != len(shape)
                or any(n not in (1, m) for n, m in zip(value.shape, shape, strict=True))
            ):
                rule = f"must be one number, or have the shape ({shape[0]},) or {shape}"
                fail(where, argument, value.shape, rule, got="shape")
        return shape

    def over(self, shape: Shape) -> tuple[Floats, Floats | None]:
        """Return scale and shift in a shape that broadcasts to samples of this shape."""

        def shaped(value: Floats) -> Floats:
            return value.reshape(-1, *[1] * (len(shape) - 1)) if value.ndim == 1 else value

        return shaped(self.scale), None if self.shift is None else shaped(self.shift)

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        return views.scaled(view, *self.over(shape))


class Add(Layer):
    """The sum of two or more inputs, as at the shortcuts of a ResNet.

    Shapes are equal, or broadcast as in numpy: an input may have size 1 along axes where others are larger.
    """

    inputs: ClassVar[int | None] = None

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        return broadcast(where, shapes)

    def _add(self, views: Views, shape: Shape, *inputs: View) -> View:
        parts = [view.parts[0] for view in inputs if len(view.parts) == 1]
        index = views.order(inputs[0])
        if index is not None and all(
            view.shape == shape
            and len(view.parts) == 1
            and view.index is not None
            and views.extents[view.parts[0]] == views.extents[parts[0]]
            and np.array_equal(view.index, index)
            for view in inputs
        ):
            extent = views.extents[parts[0]]
            return views.add(views.core.add(parts, extent), extent, shape, index)
        wide = [views.broadcast(view, shape) for view in inputs]
        extents = {None if view.node is None else views.extents[view.node] for view in wide}
        common = next(iter(extents))
        extent = common if len(extents) == 1 and common is not None else extent_of(shape)
        from_ = [views.shaped(view, extent) for view in wide]
        return views.add(views.core.add(from_, extent), extent, shape)


class Concat(Layer):
    """Concatenate two or more inputs along an axis.

    Parameters
    ----------
    axis : int
        Axis of a sample; 0 are the channels.
    """

    inputs: ClassVar[int | None] = None

    axis: int = checked(integer, -MAX_RANK, MAX_RANK - 1, default=0)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        axis = axis_of(where, "axis", self.axis, len(shapes[0]))
        if len({(len(s), s[:axis], s[axis + 1 :]) for s in shapes}) > 1:
            what = f"axis {axis}" if axis else "the channels"
            fail(where, "input shapes", tuple(shapes), f"must be equal except for {what}")
        total = sum(s[axis] for s in shapes)
        return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])

    def _add(self, views: Views, shape: Shape, *inputs: View) -> View:
        return views.joined(inputs, self.axis % len(shape), shape)


class Constant(Layer):
    """Values that do not depend on the input: class tokens, position embeddings. It has no inputs.

    In a list of layers it has to be given as ``(name, Constant(value), ())``.

    Parameters
    ----------
    value : array-like
        Values of one sample.
    """

    inputs: ClassVar[int | None] = 0

    value: Any = checked(finite_array)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("value", self.value.reshape(self.value.shape or (1,)))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:  # noqa: ARG002
        shape: Shape = self.value.shape
        return shape

    def _add(self, _views: Views, shape: Shape) -> View:
        return View(shape, value=self.value)


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

    steps: Any = checked(per_value, ">= 0", default=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        steps = _whole_steps(self._name(), "steps", np.asarray(self.steps))
        self._set("steps", steps if steps.ndim else int(steps))

    @property
    def breaks_cycles(self) -> bool:
        """True if no value arrives within its step, so that a cycle of layers may go through this one."""
        return bool(np.min(self.steps) >= 1)

    def _add(self, views: Views, shape: Shape, *inputs: View) -> View:
        """Add a delay; one in a cycle has no input yet."""
        sources, extent, index = [], extent_of(shape), None
        if inputs and np.ndim(self.steps):
            sources = [views.shaped(inputs[0], extent)]
        elif inputs:
            source, extent, index = views.alike(inputs[0])
            sources = [source]
        steps = np.ravel(self.steps).astype(np.uint32)
        return views.add(views.core.delay(sources, extent, steps), extent, shape, index)


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

    weight: Any = checked(finite_array, 2)
    delay: Any = checked(per_value, ">= 0", 2)
    bias: Any = checked(finite_array, 1, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        steps = _whole_steps(where, "delay", np.asarray(self.delay))
        if steps.ndim and steps.shape != self.weight.shape:
            rule = f"must be a number or have the shape of weight, {self.weight.shape}"
            fail(where, "delay", steps.shape, rule, got="shape")
        self._set("delay", np.array(np.broadcast_to(steps, self.weight.shape)))
        check_bias(where, self.bias, len(self.weight))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if shapes[0] != (self.weight.shape[1],):
            fail(where, "input shape", shapes[0], f"must be ({self.weight.shape[1]},)")
        return (len(self.weight),)

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        from_, extent = views.in_order(view)[0], extent_of(shape)
        delay, bias = self.delay.astype(np.uint32), NONE if self.bias is None else self.bias
        return views.add(views.core.delayed(from_, extent, self.weight, delay, bias), extent, shape)


def _whole_steps(where: str, argument: str, given: Floats) -> NDArray[np.int64]:
    """Return numbers of steps as integers."""
    broken = given != np.floor(given)
    if broken.any():
        rule = "must be whole steps; round the delays, as st.Delay.rounded() does"
        fail(where, argument, float(given[broken].ravel()[0]), rule)
    if given.max(initial=0) > _LONGEST:
        fail(where, argument, float(given.max()), f"must be at most {_LONGEST} steps")
    return given.astype(np.int64)
