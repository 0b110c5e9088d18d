"""Pooling: means and maxima over windows of an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from spikelet._util.checks import choice, fail
from spikelet.layers.base import Layer, Shape, count_windows, image_shape, pair

__all__ = ["AdaptiveAvgPool2d", "AvgPool2d", "MaxPool2d"]


@dataclass(frozen=True, eq=False, repr=False)
class _Pool2d(Layer):
    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        where = self._name()
        self._set("kernel_size", pair(where, "kernel_size", self.kernel_size, 1))
        stride = self.kernel_size if self.stride is None else self.stride
        self._set("stride", pair(where, "stride", stride, 1))
        self._set("padding", pair(where, "padding", self.padding, 0))
        for k, p in zip(self.kernel_size, self.padding, strict=True):
            if 2 * p > k:
                fail(where, "padding", self.padding, f"must be at most half of {self.kernel_size}")

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, h, w = image_shape(where, shapes[0])
        rows, columns = (len(b) for b, _ in self.windows((c, h, w), where))
        return (c, rows, columns)

    def windows(
        self, shape: Shape, where: str = "pool"
    ) -> tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]]:
        """Return where windows begin and end within the image: rows, then columns."""
        result = []
        for n, k, s, p in zip(shape[1:], self.kernel_size, self.stride, self.padding, strict=True):
            count = count_windows(where, n, k, s, (p, p))
            # As in PyTorch, a last partial window must still begin within the image or its left padding.
            if self.ceil_mode and (n + 2 * p - k) % s and count * s < n + p:
                count += 1
            begin = [i * s - p for i in range(count)]
            result.append(([max(b, 0) for b in begin], [min(b + k, n) for b in begin]))
        return result[0], result[1]


@dataclass(frozen=True, eq=False, repr=False)
class AvgPool2d(_Pool2d):
    """The mean of each window.

    Parameters
    ----------
    kernel_size : int or (vertical, horizontal)
    stride : int or (vertical, horizontal), optional
        Distance between windows; by default the kernel size.
    padding : int or (vertical, horizontal)
    ceil_mode : bool
        Keep a last window that lies partly outside the image.
    count_include_pad : bool
        Include the zeros of the padding in the mean.
    """

    count_include_pad: bool = True

    def divisors(self, shape: Shape) -> tuple[list[int], list[int]]:
        """Return the divisors of the sums, vertical and horizontal; a window is divided by their product."""
        result = []
        for n, k, s, p, (begin, end) in zip(
            shape[1:],
            self.kernel_size,
            self.stride,
            self.padding,
            self.windows(shape),
            strict=True,
        ):
            sizes = []
            for i, (b, e) in enumerate(zip(begin, end, strict=True)):
                start = i * s - p
                sizes.append(min(start + k, n + p) - start if self.count_include_pad else e - b)
            result.append(sizes)
        return result[0], result[1]


@dataclass(frozen=True, eq=False, repr=False)
class MaxPool2d(_Pool2d):
    """The maximum of each window.

    For spikes, it is the maximum of the *counts so far*: a window has spiked as often as its most active neuron, not as
    often as all of them together, which would fire too much. It sends at most one spike per step, and its mean over time
    is exactly the maximum of the means.

    Parameters
    ----------
    kernel_size : int or (vertical, horizontal)
    stride : int or (vertical, horizontal), optional
        Distance between windows; by default the kernel size.
    padding : int or (vertical, horizontal)
    ceil_mode : bool
        Keep a last window that lies partly outside the image.
    of : "counts" or "steps"
        "counts" as described above; "steps" takes the maximum of each step by itself, as max_pool2d of a raster does.
    """

    of: Literal["counts", "steps"] = "counts"

    def __post_init__(self) -> None:
        super().__post_init__()
        choice(self._name(), "of", self.of, "counts", "steps")


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveAvgPool2d(Layer):
    """The mean of each of a given number of windows, whose sizes are as equal as possible.

    Parameters
    ----------
    output_size : int or (height, width)
    """

    output_size: Any

    def __post_init__(self) -> None:
        self._set("output_size", pair(self._name(), "output_size", self.output_size, 1))

    def windows(
        self, shape: Shape
    ) -> tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]]:
        """Return where windows begin and end: rows, then columns."""
        result = []
        for n, out in zip(shape[1:], self.output_size, strict=True):
            begin = [i * n // out for i in range(out)]
            result.append((begin, [-(-(i + 1) * n // out) for i in range(out)]))
        return result[0], result[1]

    def divisors(self, shape: Shape) -> tuple[list[int], list[int]]:
        """Return the sizes of the windows, vertical and horizontal."""
        rows, columns = self.windows(shape)
        return (
            [e - b for b, e in zip(*rows, strict=True)],
            [e - b for b, e in zip(*columns, strict=True)],
        )

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, _, _ = image_shape(where, shapes[0])
        return (c, *self.output_size)
