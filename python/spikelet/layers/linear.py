"""Layers without memory: each output is a weighted sum of the inputs of the same step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from spikelet._util.checks import fail, integer
from spikelet.layers.base import (
    MAX_RANK,
    Floats,
    Layer,
    Shape,
    any_array,
    axis_of,
    bias_of,
    broadcast,
    finite_array,
)

__all__ = ["Add", "Affine", "Concat", "Constant", "Linear"]


@dataclass(frozen=True, eq=False, repr=False)
class Linear(Layer):
    """A fully connected layer: ``y = W x + b``.

    Parameters
    ----------
    weight : array-like, [out, in]
    bias : array-like, [out], optional
        Added at every step.
    """

    weight: Any
    bias: Any = None

    def __post_init__(self) -> None:
        self._set("weight", finite_array(self._name(), "weight", self.weight, 2))
        self._set("bias", bias_of(self._name(), self.bias, len(self.weight)))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if math.prod(shapes[0]) != self.weight.shape[1] or len(shapes[0]) != 1:
            fail(where, "input shape", shapes[0], f"must be ({self.weight.shape[1]},)")
        return (len(self.weight),)


@dataclass(frozen=True, eq=False, repr=False)
class Affine(Layer):
    """An affine map of each value, ``y = scale x + shift``: BatchNorm that could not be folded, scales of layers.

    Parameters
    ----------
    scale : float, array-like of [channels], or of the shape of a sample
        An array of the shape of a sample may have size 1 along some axes.
    shift : float or array-like, optional
        Of the same shapes. Added at every step.
    """

    scale: Any
    shift: Any = None

    def __post_init__(self) -> None:
        where = self._name()
        self._set("scale", any_array(where, "scale", self.scale))
        if self.shift is not None:
            self._set("shift", any_array(where, "shift", self.shift))
            if self.scale.ndim == self.shift.ndim == 1 and len(self.scale) != len(self.shift):
                rule = f"must have one value for each of {len(self.scale)} channels"
                fail(where, "shift", self.shift.shape, rule, got="shape")

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


@dataclass(frozen=True, eq=False, repr=False)
class Add(Layer):
    """The sum of two or more inputs, as at the shortcuts of a ResNet.

    Shapes are equal, or broadcast as in numpy: an input may have size 1 along axes where others are larger.
    """

    inputs: ClassVar[int | None] = None

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        return broadcast(where, shapes)


@dataclass(frozen=True, eq=False, repr=False)
class Concat(Layer):
    """Concatenate two or more inputs along an axis.

    Parameters
    ----------
    axis : int
        Axis of a sample; 0 are the channels.
    """

    inputs: ClassVar[int | None] = None

    axis: int = 0

    def __post_init__(self) -> None:
        axis = integer(self._name(), "axis", self.axis, -MAX_RANK, MAX_RANK - 1)
        self._set("axis", axis)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        axis = axis_of(where, "axis", self.axis, len(shapes[0]))
        if len({(len(s), s[:axis], s[axis + 1 :]) for s in shapes}) > 1:
            what = f"axis {axis}" if axis else "the channels"
            fail(where, "input shapes", tuple(shapes), f"must be equal except for {what}")
        total = sum(s[axis] for s in shapes)
        return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])


@dataclass(frozen=True, eq=False, repr=False)
class Constant(Layer):
    """Values that do not depend on the input: class tokens, position embeddings. It has no inputs.

    In a list of layers it has to be given as ``(name, Constant(value), ())``.

    Parameters
    ----------
    value : array-like
        Values of one sample.
    """

    inputs: ClassVar[int | None] = 0

    value: Any

    def __post_init__(self) -> None:
        value = any_array(self._name(), "value", self.value)
        self._set("value", value.reshape(value.shape or (1,)))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:  # noqa: ARG002
        shape: Shape = self.value.shape
        return shape
