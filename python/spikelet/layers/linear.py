"""Layers without memory: each output is a weighted sum of the inputs of the same step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from spikelet._util.checks import fail, integer
from spikelet.layers.base import (
    MAX_SIZE,
    Layer,
    Shape,
    bias_of,
    count_windows,
    finite_array,
    image_shape,
    pair,
)

__all__ = ["Add", "Affine", "Concat", "Conv2d", "Flatten", "Linear", "Upsample"]


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
class Conv2d(Layer):
    """A convolution as in PyTorch: kernels slide over an image that is padded with zeros.

    Parameters
    ----------
    weight : array-like, [out, in / groups, kernel height, kernel width]
    bias : array-like, [out], optional
    stride, dilation : int or (vertical, horizontal)
    padding : int, (vertical, horizontal) or (top, bottom, left, right)
    groups : int
        Number of groups; the outputs of a group see only the inputs of that group.
    """

    weight: Any
    bias: Any = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    def __post_init__(self) -> None:
        where = self._name()
        self._set("weight", finite_array(where, "weight", self.weight, 4))
        self._set("bias", bias_of(where, self.bias, len(self.weight)))
        self._set("stride", pair(where, "stride", self.stride, 1))
        self._set("dilation", pair(where, "dilation", self.dilation, 1))
        if isinstance(self.padding, (tuple, list)) and len(self.padding) == 4:
            sides = tuple(integer(where, "padding", p, 0, MAX_SIZE) for p in self.padding)
        else:
            v, h = pair(where, "padding", self.padding, 0)
            sides = (v, v, h, h)
        self._set("padding", sides)
        self._set("groups", integer(where, "groups", self.groups, 1))
        if len(self.weight) % self.groups:
            fail(where, "groups", self.groups, f"must divide the {len(self.weight)} outputs")

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, h, w = image_shape(where, shapes[0])
        out, per_group, kh, kw = self.weight.shape
        if c != per_group * self.groups:
            fail(where, "input channels", c, f"must be {per_group * self.groups}")
        top, bottom, left, right = self.padding
        return (
            out,
            count_windows(where, h, kh, self.stride[0], (top, bottom), self.dilation[0]),
            count_windows(where, w, kw, self.stride[1], (left, right), self.dilation[1]),
        )


@dataclass(frozen=True, eq=False, repr=False)
class Affine(Layer):
    """An affine map of each channel, ``y = scale x + shift``: BatchNorm that could not be folded.

    Parameters
    ----------
    scale : array-like, [channels]
    shift : array-like, [channels], optional
    """

    scale: Any
    shift: Any = None

    def __post_init__(self) -> None:
        self._set("scale", finite_array(self._name(), "scale", self.scale, 1))
        self._set("shift", bias_of(self._name(), self.shift, len(self.scale), "shift"))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if shapes[0][0] != len(self.scale):
            fail(where, "input channels", shapes[0][0], f"must be {len(self.scale)}")
        return shapes[0]


@dataclass(frozen=True, eq=False, repr=False)
class Flatten(Layer):
    """Flatten an image to a vector, channel by channel and row by row (PyTorch's order)."""

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:  # noqa: ARG002
        return (math.prod(shapes[0]),)


@dataclass(frozen=True, eq=False, repr=False)
class Add(Layer):
    """The sum of two or more inputs of the same shape, as at the shortcuts of a ResNet."""

    inputs: ClassVar[int | None] = None

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if len(set(shapes)) > 1:
            fail(where, "input shapes", tuple(shapes), "must be equal")
        return shapes[0]


@dataclass(frozen=True, eq=False, repr=False)
class Concat(Layer):
    """Concatenate two or more inputs along the channels."""

    inputs: ClassVar[int | None] = None

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if len({s[1:] for s in shapes}) > 1 or len({len(s) for s in shapes}) > 1:
            fail(where, "input shapes", tuple(shapes), "must be equal except for the channels")
        return (sum(s[0] for s in shapes), *shapes[0][1:])


@dataclass(frozen=True, eq=False, repr=False)
class Upsample(Layer):
    """Repeat each pixel as a rectangle of equal pixels (nearest-neighbour upsampling).

    Parameters
    ----------
    scale_factor : int or (vertical, horizontal)
    """

    scale_factor: Any

    def __post_init__(self) -> None:
        self._set("scale_factor", pair(self._name(), "scale_factor", self.scale_factor, 1))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, h, w = image_shape(where, shapes[0])
        return (c, h * self.scale_factor[0], w * self.scale_factor[1])
