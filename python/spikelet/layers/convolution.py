"""Convolutions and their transposes, of sequences, images and volumes, with the arguments of PyTorch."""

from __future__ import annotations

import math
from typing import Any

from spikelet._util.checks import fail, integer
from spikelet.layers.base import (
    AXES,
    Spatial,
    check_bias,
    checked,
    count_windows,
    finite_array,
    kernels,
    sides,
    sizes,
    volume_shape,
)
from spikelet.layers.movement import Movement, Slice, Spread
from spikelet.layers.views import NONE, Floats, Shape, View, Views, extent_of

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

_CONVOLUTION = """

    Parameters
    ----------
    weight : array-like, [out, in / groups, {kernel}]
    bias : array-like, [out], optional
    stride, dilation : int or {axes}
    padding : int, {axes} or {sides}
    groups : int
        Number of groups; the outputs of a group see only the inputs of that group.
"""
_TRANSPOSE = """

    It is the adjoint of a convolution: each input value adds the kernel, times that value, to the output. It is computed as
    a convolution of the input with ``stride - 1`` zeros between its values; spikes cost work only where they are.

    Parameters
    ----------
    weight : array-like, [in, out / groups, {kernel}]
    bias : array-like, [out], optional
    stride : int or {axes}
    padding : int, {axes} or {sides}
        Number of values to cut off at each side of the output.
    output_padding : int or {axes}
        Additional values at the end of each axis; less than the stride or the dilation.
    groups : int
        Number of groups; the outputs of a group see only the inputs of that group.
    dilation : int or {axes}
"""


class Convolution(Spatial):
    """Base class of `Conv1d`, `Conv2d` and `Conv3d`."""

    _PARAMETERS = _CONVOLUTION

    weight: Any = checked(kernels, AXES)
    bias: Any = checked(finite_array, 1, default=None)
    stride: Any = checked(sizes, AXES, 1, default=1)
    padding: Any = checked(sides, AXES, default=0)
    dilation: Any = checked(sizes, AXES, 1, default=1)
    groups: int = checked(integer, 1, default=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bias(self._name(), self.bias, len(self.weight))
        if len(self.weight) % self.groups:
            rule = f"must divide the {len(self.weight)} outputs"
            fail(self._name(), "groups", self.groups, rule)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, *lengths = volume_shape(where, shapes[0], self.axes)
        out, per_group, *kernel = self.weight.shape
        if c != per_group * self.groups:
            fail(where, "input channels", c, f"must be {per_group * self.groups}")
        return (
            out,
            *(
                count_windows(where, n, k, s, self.padding[2 * i : 2 * i + 2], d)
                for i, (n, k, s, d) in enumerate(
                    zip(lengths, kernel, self.stride, self.dilation, strict=True)
                )
            ),
        )

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        """Add a convolution; one that sees single pixels takes them in any arrangement."""
        lead = (1,) * (3 - self.axes)
        single = (
            math.prod(self.weight.shape[2:]) == 1
            and set(self.stride) == {1}
            and not any(self.padding)
        )
        if single:
            from_, given = views.by_channel(view)
            extent, depths = (shape[0], *given[1:]), (1, 1)
        else:
            from_, extent = views.shaped(view), extent_of(shape)
            depths = (view.shape[1], shape[1]) if self.axes == 3 else (1, 1)
        out, per_group, *kernel = self.weight.shape
        number = views.core.conv(
            from_,
            extent,
            self.weight.reshape(out, per_group, *lead, *kernel),
            NONE if self.bias is None else self.bias,
            (*lead, *self.stride),
            (*lead, *self.dilation),
            (*(0,) * len(lead), *self.padding[::2]),
            self.groups,
            *depths,
        )
        return views.add(number, extent, shape)


class Conv1d(Convolution, axes=1):
    """A convolution of a sequence that is padded with zeros."""


class Conv2d(Convolution, axes=2):
    """A convolution as in PyTorch: kernels slide over an image that is padded with zeros."""


class Conv3d(Convolution, axes=3):
    """A convolution of a volume that is padded with zeros."""


class TransposedConvolution(Spatial):
    """Base class of `ConvTranspose1d`, `ConvTranspose2d` and `ConvTranspose3d`."""

    _PARAMETERS = _TRANSPOSE

    weight: Any = checked(kernels, AXES)
    bias: Any = checked(finite_array, 1, default=None)
    stride: Any = checked(sizes, AXES, 1, default=1)
    padding: Any = checked(sides, AXES, default=0)
    output_padding: Any = checked(sizes, AXES, 0, default=0)
    groups: int = checked(integer, 1, default=1)
    dilation: Any = checked(sizes, AXES, 1, default=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        if len(self.weight) % self.groups:
            fail(where, "groups", self.groups, f"must divide the {len(self.weight)} inputs")
        check_bias(where, self.bias, self.weight.shape[1] * self.groups)
        for extra, s, d in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if extra >= max(s, d):
                rule = "must be less than the stride or the dilation"
                fail(where, "output_padding", self.output_padding, rule)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, *lengths = volume_shape(where, shapes[0], self.axes)
        if c != len(self.weight):
            fail(where, "input channels", c, f"must be {len(self.weight)}")
        each = zip(lengths, self.weight.shape[2:], self.stride, self.dilation, strict=True)
        out = [
            (n - 1) * s + d * (k - 1) + 1 + self.output_padding[i] - sum(self.padding[2 * i :][:2])
            for i, (n, k, s, d) in enumerate(each)
        ]
        if min(out) < 1:
            rule = "must leave at least one output along each axis"
            fail(where, "padding", self.padding, rule)
        return (self.weight.shape[1] * self.groups, *out)

    def kernel(self) -> Floats:
        """Return the weights of the convolution that it is, [out, in / groups, ...]."""
        per_in, per_out = len(self.weight) // self.groups, self.weight.shape[1]
        kernel = self.weight.shape[2:]
        grouped = self.weight.reshape(self.groups, per_in, per_out, *kernel).swapaxes(1, 2)
        flipped = grouped.reshape(self.groups * per_out, per_in, *kernel)
        turned: Floats = flipped[(..., *(slice(None, None, -1),) * self.axes)]
        return turned

    def parts(self, shape: Shape) -> tuple[list[Movement], Convolution]:
        """Return the movements that put zeros between the values of an input, and the convolution of what they make."""
        moves: list[Movement] = [Spread((1, *self.stride))]
        padding, starts, stops = [], [], []
        for axis in range(self.axes):
            length = (shape[1 + axis] - 1) * self.stride[axis] + 1
            reach = self.dilation[axis] * (self.weight.shape[2 + axis] - 1)
            before, after = (reach - p for p in self.padding[2 * axis : 2 * axis + 2])
            after += self.output_padding[axis]
            padding += [max(before, 0), max(after, 0)]
            starts.append(max(-before, 0))
            stops.append(length - max(-after, 0))
        moves.append(Slice((None, *starts), (None, *stops)))
        kind = {1: Conv1d, 2: Conv2d, 3: Conv3d}[self.axes]
        return moves, kind(self.kernel(), self.bias, 1, tuple(padding), self.dilation, self.groups)

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        moves, convolution = self.parts(view.shape)
        for move in moves:
            view = views.moved(view, move.moved)
        return convolution.add_to(views, shape, view)


class ConvTranspose1d(TransposedConvolution, axes=1):
    """A transposed convolution of a sequence."""


class ConvTranspose2d(TransposedConvolution, axes=2):
    """A transposed convolution of an image."""


class ConvTranspose3d(TransposedConvolution, axes=3):
    """A transposed convolution of a volume."""
