"""Convolutions and their transposes, of sequences, images and volumes, with the arguments of PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikelet._util.checks import fail, integer
from spikelet.layers.base import (
    Floats,
    Shape,
    Spatial,
    bias_of,
    count_windows,
    finite_array,
    sides,
    sizes,
    volume_shape,
)

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Convolution",
    "TransposedConvolution",
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


@dataclass(frozen=True, eq=False, repr=False)
class Convolution(Spatial):
    """Base class of `Conv1d`, `Conv2d` and `Conv3d`."""

    _PARAMETERS = _CONVOLUTION

    weight: Any
    bias: Any = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    def __post_init__(self) -> None:
        where = self._name()
        self._set("weight", finite_array(where, "weight", self.weight, self.axes + 2))
        self._set("bias", bias_of(where, self.bias, len(self.weight)))
        self._set("stride", sizes(where, "stride", self.stride, self.axes, 1))
        self._set("dilation", sizes(where, "dilation", self.dilation, self.axes, 1))
        self._set("padding", sides(where, "padding", self.padding, self.axes))
        self._set("groups", integer(where, "groups", self.groups, 1))
        if len(self.weight) % self.groups:
            fail(where, "groups", self.groups, f"must divide the {len(self.weight)} outputs")

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


class Conv1d(Convolution, axes=1):
    """A convolution of a sequence that is padded with zeros."""


class Conv2d(Convolution, axes=2):
    """A convolution as in PyTorch: kernels slide over an image that is padded with zeros."""


class Conv3d(Convolution, axes=3):
    """A convolution of a volume that is padded with zeros."""


@dataclass(frozen=True, eq=False, repr=False)
class TransposedConvolution(Spatial):
    """Base class of `ConvTranspose1d`, `ConvTranspose2d` and `ConvTranspose3d`."""

    _PARAMETERS = _TRANSPOSE

    weight: Any
    bias: Any = None
    stride: Any = 1
    padding: Any = 0
    output_padding: Any = 0
    groups: int = 1
    dilation: Any = 1

    def __post_init__(self) -> None:
        where = self._name()
        self._set("weight", finite_array(where, "weight", self.weight, self.axes + 2))
        self._set("groups", integer(where, "groups", self.groups, 1))
        if len(self.weight) % self.groups:
            fail(where, "groups", self.groups, f"must divide the {len(self.weight)} inputs")
        self._set("bias", bias_of(where, self.bias, self.weight.shape[1] * self.groups))
        self._set("stride", sizes(where, "stride", self.stride, self.axes, 1))
        self._set("dilation", sizes(where, "dilation", self.dilation, self.axes, 1))
        self._set("padding", sides(where, "padding", self.padding, self.axes))
        extra = sizes(where, "output_padding", self.output_padding, self.axes, 0)
        self._set("output_padding", extra)
        for e, s, d in zip(extra, self.stride, self.dilation, strict=True):
            if e >= max(s, d):
                rule = "must be less than the stride or the dilation"
                fail(where, "output_padding", extra, rule)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, *lengths = volume_shape(where, shapes[0], self.axes)
        if c != len(self.weight):
            fail(where, "input channels", c, f"must be {len(self.weight)}")
        out = [
            (n - 1) * s + d * (k - 1) + 1 + e - sum(self.padding[2 * i : 2 * i + 2])
            for i, (n, k, s, d, e) in enumerate(
                zip(
                    lengths,
                    self.weight.shape[2:],
                    self.stride,
                    self.dilation,
                    self.output_padding,
                    strict=True,
                )
            )
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


class ConvTranspose1d(TransposedConvolution, axes=1):
    """A transposed convolution of a sequence."""


class ConvTranspose2d(TransposedConvolution, axes=2):
    """A transposed convolution of an image."""


class ConvTranspose3d(TransposedConvolution, axes=3):
    """A transposed convolution of a volume."""
