"""Pooling: means and maxima over windows of sequences, images and volumes."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail, integer
from spikelet.layers.base import (
    AXES,
    Spatial,
    checked,
    count_windows,
    sides,
    sizes,
    volume_shape,
)
from spikelet.layers.views import MAX_LENGTH, Extent, Floats, Shape, View, Views, extent_of

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]

Of: TypeAlias = Literal["counts", "steps"]

_WINDOWS = """

    Parameters
    ----------
    kernel_size : int, or one for each axis
    stride : int, or one for each axis, optional
        Distance between windows; by default the kernel size.
    padding : int, one for each axis, or one for each side (before and after each axis, in turn)
    ceil_mode : bool
        Keep a last window that lies partly outside the input.
"""
_MEAN = (
    _WINDOWS
    + """    count_include_pad : bool
        Include the zeros of the padding in the mean.
    dilation : int, or one for each axis
        Distance between the values of a window.
    divisor_override : int, optional
        Divide each sum by this number.
"""
)
_OF = """    of : "counts" or "steps"
        "counts" as described above; "steps" takes the maximum of each step by itself, as max_pool2d of a raster does.
"""
_MAXIMUM = (
    """

    For spikes, it is the maximum of the *counts so far*: a window has spiked as often as its most active neuron, not as
    often as all of them together, which would fire too much. It sends at most one spike per step, and its mean over time
    is exactly the maximum of the means."""
    + _WINDOWS
    + _OF
    + """    dilation : int, or one for each axis
        Distance between the values of a window.
"""
)
_ADAPTIVE = """

    Parameters
    ----------
    output_size : int, or one for each axis
        None, as one of several entries, keeps the size of that axis.
"""
_GREATEST = "\n\n    Spikes are pooled as by `MaxPool2d`.\n" + _ADAPTIVE[1:] + _OF


_SCALE, _CLOSE = 256, 1e-6  # of weights in integers


class Windows(NamedTuple):
    """Windows along one axis: window i sees ``begin[i], begin[i] + step, ...`` below ``end[i]``."""

    begin: list[int]
    end: list[int]
    step: int = 1


class Pool(Spatial):
    """Base class of all pools."""

    @property
    def waits(self) -> bool:
        """True if it counts the spikes of all steps so far."""
        return getattr(self, "of", "steps") == "counts"

    def windows(self, shape: Shape, where: str = "pool") -> list[Windows]:
        """Return the windows along each spatial axis of an input of this shape."""
        raise NotImplementedError

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        shape = volume_shape(where, shapes[0], self.axes)
        return (shape[0], *(len(w.begin) for w in self.windows(shape, where)))

    def divisors(self, shape: Shape) -> list[list[int]]:  # noqa: ARG002  # means use it
        """Return the divisors of the sums along each axis of an input of this shape; of a maximum, none."""
        return [[] for _ in range(self.axes)]

    def maps(self, shape: Shape) -> list[tuple[NDArray[np.int64], Floats]]:
        """Return, for each spatial axis, the inputs of each mean and their weights, [out, taps] each."""
        pairs = zip(window_places(self, shape, beyond=-1), self.divisors(shape), strict=True)
        return [(places, (places >= 0) / np.reshape(d, (-1, 1))) for places, d in pairs]

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        """Add a pool. One of a volume has two nodes: over (y, x), and then over z, whose rows are H apart."""
        extent, lead = extent_of(shape), 3 - self.axes
        depths, rows, columns = [Windows([0], [1])] * lead + self.windows(view.shape)
        by_z, by_y, by_x = [[1]] * lead + self.divisors(view.shape)

        def add(from_: int, to: Extent, *windows: Any) -> int:
            if by_x:
                return int(views.core.average(from_, to, *windows))
            return int(views.core.maximum(from_, to, *windows, of_counts=self.waits))

        number = views.shaped(view)
        if self.axes < 3:
            return views.add(add(number, extent, (*rows, by_y), (*columns, by_x)), extent, shape)
        depth, height, width, high = *view.shape[1:3], shape[3], shape[2]
        begin, end = ([z * height + k for z in range(depth) for k in ks] for ks in rows[:2])
        between = (shape[0], depth * high, width)
        planes = (begin, end, rows.step, by_y * depth)
        number = add(number, between, planes, (*columns, by_x))
        views.add(number, between, between)
        begin = [b * high + y for b in depths.begin for y in range(high)]
        end = [(e - 1) * high + y + 1 for e in depths.end for y in range(high)]
        planes = (begin, end, depths.step * high, [d for d in by_z for _ in range(high)])
        kept = (list(range(width)), list(range(1, width + 1)), 1, [1] * width if by_x else [])
        return views.add(add(number, extent, planes, kept), extent, shape)


class _Sliding(Pool):
    kernel_size: Any = checked(sizes, AXES, 1)
    stride: Any = checked(sizes, AXES, 1, default=None)
    padding: Any = checked(sides, AXES, default=0)
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        padding = self.padding
        self._set("stride", self.kernel_size if self.stride is None else self.stride)
        for i, (k, d) in enumerate(zip(self.kernel_size, self._gaps(), strict=True)):
            span = d * (k - 1) + 1
            if max(padding[2 * i : 2 * i + 2]) >= span and any(padding[2 * i : 2 * i + 2]):
                rule = f"must be less than the {span} values that a window spans"
                fail(self._name(), "padding", self.padding, rule)
        # Equal sides are kept as one number an axis.
        equal = padding[::2] == padding[1::2]
        self._set("padding", padding[::2] if equal else padding)

    def _gaps(self) -> Any:
        return getattr(self, "dilation", 1)  # the last field of the subclasses

    @property
    def sides(self) -> tuple[tuple[int, int], ...]:
        """Padding before and after each axis."""
        if len(self.padding) == self.axes:
            return tuple((p, p) for p in self.padding)
        return tuple(zip(self.padding[::2], self.padding[1::2], strict=True))

    def _starts(self, shape: Shape, where: str) -> list[list[int]]:
        """Return where windows begin along each axis, before the padding is cut off."""
        starts = []
        for n, k, s, (before, after), d in zip(
            shape[1:], self.kernel_size, self.stride, self.sides, self._gaps(), strict=True
        ):
            count = count_windows(where, n, k, s, (before, after), d)
            # As in PyTorch, a last partial window must still begin within the input or its left padding.
            more = (n + before + after - d * (k - 1) - 1) % s
            if self.ceil_mode and more and count * s < n + before:
                count += 1
            starts.append([i * s - before for i in range(count)])
        return starts

    def windows(self, shape: Shape, where: str = "pool") -> list[Windows]:
        """Return the windows along each spatial axis of an input of this shape."""
        result = []
        for n, k, d, starts in zip(
            shape[1:], self.kernel_size, self._gaps(), self._starts(shape, where), strict=True
        ):
            begin = [b if b >= 0 else b % d for b in starts]
            end = [min(b + d * (k - 1) + 1, n) for b in starts]
            for b, e in zip(begin, end, strict=True):
                if b >= e:
                    rule = "must leave at least one value of the input in each window"
                    fail(where, "padding and dilation", (self.padding, self._gaps()), rule)
            result.append(Windows(begin, end, d))
        return result


class MeanPool(_Sliding):
    """Base class of `AvgPool1d`, `AvgPool2d` and `AvgPool3d`."""

    _PARAMETERS = _MEAN

    count_include_pad: bool = True
    dilation: Any = checked(sizes, AXES, 1, default=1)
    divisor_override: int | None = checked(integer, 1, MAX_LENGTH, default=None)

    def divisors(self, shape: Shape) -> list[list[int]]:
        """Return the divisors of the sums along each axis; a window is divided by their product."""
        if self.divisor_override is not None:
            factors = (self.divisor_override, 1, 1)
            return [[f] * len(w.begin) for f, w in zip(factors, self.windows(shape), strict=False)]
        result = []
        for n, k, (_, after), d, starts, windows in zip(
            shape[1:],
            self.kernel_size,
            self.sides,
            self._gaps(),
            self._starts(shape, "pool"),
            self.windows(shape),
            strict=True,
        ):
            if self.count_include_pad:
                ends = (min(start + d * (k - 1) + 1, n + after) for start in starts)
                counts = [-(-(e - b) // d) for b, e in zip(starts, ends, strict=True)]
            else:
                counts = [-(-(e - b) // d) for b, e in zip(*windows[:2], strict=True)]
            result.append(counts)
        return result


class AvgPool1d(MeanPool, axes=1):
    """The mean of each window of a sequence."""


class AvgPool2d(MeanPool, axes=2):
    """The mean of each window of an image."""


class AvgPool3d(MeanPool, axes=3):
    """The mean of each window of a volume."""


class _MaxPool(_Sliding):
    _PARAMETERS = _MAXIMUM

    of: Of = checked(choice, "counts", "steps", default="counts")
    dilation: Any = checked(sizes, AXES, 1, default=1)


class MaxPool1d(_MaxPool, axes=1):
    """The maximum of each window of a sequence."""


class MaxPool2d(_MaxPool, axes=2):
    """The maximum of each window of an image."""


class MaxPool3d(_MaxPool, axes=3):
    """The maximum of each window of a volume."""


def _output_sizes(where: str, argument: str, value: Any, axes: int) -> tuple[int | None, ...]:
    """Return the number of windows along each axis; None may stand for the size of an axis."""
    if not isinstance(value, (tuple, list)) or None not in value:
        return sizes(where, argument, value, axes, 1)
    known = sizes(where, argument, [1 if n is None else n for n in value], axes, 1)
    return tuple(None if n is None else size for n, size in zip(value, known, strict=True))


class _Adaptive(Pool):
    output_size: Any = checked(_output_sizes, AXES)

    def windows(self, shape: Shape, where: str = "pool") -> list[Windows]:  # noqa: ARG002
        """Return the windows along each spatial axis of an input of this shape."""
        result = []
        for n, given in zip(shape[1:], self.output_size, strict=True):
            out = n if given is None else given
            begin = [i * n // out for i in range(out)]
            result.append(Windows(begin, [-(-(i + 1) * n // out) for i in range(out)]))
        return result


class _AdaptiveMean(_Adaptive):
    _PARAMETERS = _ADAPTIVE

    def divisors(self, shape: Shape) -> list[list[int]]:
        """Return the sizes of the windows along each axis."""
        return [[e - b for b, e in zip(w.begin, w.end, strict=True)] for w in self.windows(shape)]


class AdaptiveAvgPool1d(_AdaptiveMean, axes=1):
    """The mean of each of a given number of windows, whose sizes are as equal as possible."""


class AdaptiveAvgPool2d(_AdaptiveMean, axes=2):
    """The mean of each of a given number of windows, whose sizes are as equal as possible."""


class AdaptiveAvgPool3d(_AdaptiveMean, axes=3):
    """The mean of each of a given number of windows, whose sizes are as equal as possible."""


class _AdaptiveMaximum(_Adaptive):
    _PARAMETERS = _GREATEST

    of: Of = checked(choice, "counts", "steps", default="counts")


class AdaptiveMaxPool1d(_AdaptiveMaximum, axes=1):
    """The maximum of each of a given number of windows, whose sizes are as equal as possible."""


class AdaptiveMaxPool2d(_AdaptiveMaximum, axes=2):
    """The maximum of each of a given number of windows, whose sizes are as equal as possible."""


class AdaptiveMaxPool3d(_AdaptiveMaximum, axes=3):
    """The maximum of each of a given number of windows, whose sizes are as equal as possible."""


def axis_matrices(layer: Any, shape: Shape) -> list[Floats]:
    """Return the matrix [out, in] of each spatial axis of a mean pool or `Resize`, for an input of this shape."""
    matrices = []
    for n, (taps, weights) in zip(shape[1:], layer.maps(shape), strict=True):
        matrix = np.zeros((len(taps), n))
        np.add.at(matrix, (np.arange(len(taps))[:, None], taps), weights)
        matrices.append(matrix)
    return matrices


def whole_maps(layer: Any, shape: Shape) -> list[tuple[NDArray[np.int64], NDArray[np.int64], int]]:
    """Return places and weights of a mean pool or `Resize` along each spatial axis, in integers.

    Returns
    -------
    list of (places, weights, scale), [out, taps] each
        Weights are the integers by the scale: exactly if a scale of up to 256 allows, else rounded so that each row keeps its
        sum.
    """
    found = []
    for places, weights in layer.maps(shape):
        scale = 1
        while scale < _SCALE and np.abs(scale * weights - np.rint(scale * weights)).max() > _CLOSE:
            scale += 1
        whole = np.diff(np.rint(np.cumsum(scale * weights, 1)), prepend=0).astype(np.int64)
        found.append((np.maximum(places, 0), whole, scale))
    return found


def window_places(layer: Any, shape: Shape, beyond: int | None = None) -> list[NDArray[np.int64]]:
    """Return the places of the values in each window of a pool along each axis, [windows, values].

    Where a window has fewer values than others, its last value stands for those that it lacks, or `beyond` does.
    """
    tables = []
    for windows in layer.windows(shape):
        places = [range(b, e, windows.step) for b, e in zip(*windows[:2], strict=True)]
        most = max(map(len, places))
        rows = [[*p, *[p[-1] if beyond is None else beyond] * (most - len(p))] for p in places]
        tables.append(np.array(rows, np.int64))
    return tables
