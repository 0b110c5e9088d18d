"""Pooling: means and maxima over windows of sequences, images and volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from spikelet._util.checks import choice, fail, integer
from spikelet.layers.base import (
    MAX_LENGTH,
    Shape,
    Spatial,
    count_windows,
    sides,
    sizes,
    volume_shape,
)

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
    "MeanPool",
    "Pool",
    "Windows",
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


class Windows(NamedTuple):
    """Windows along one axis: window i sees ``begin[i], begin[i] + step, ...`` below ``end[i]``."""

    begin: list[int]
    end: list[int]
    step: int = 1


@dataclass(frozen=True, eq=False, repr=False)
class Pool(Spatial):
    """Base class of all pools."""

    @property
    def waits(self) -> bool:
        """Whether it counts the spikes of all steps so far."""
        return getattr(self, "of", "steps") == "counts"

    def windows(self, shape: Shape, where: str = "pool") -> list[Windows]:
        """Return the windows along each spatial axis of an input of this shape."""
        raise NotImplementedError

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        shape = volume_shape(where, shapes[0], self.axes)
        return (shape[0], *(len(w.begin) for w in self.windows(shape, where)))


@dataclass(frozen=True, eq=False, repr=False)
class _Sliding(Pool):
    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        where = self._name()
        self._set("kernel_size", sizes(where, "kernel_size", self.kernel_size, self.axes, 1))
        stride = self.kernel_size if self.stride is None else self.stride
        self._set("stride", sizes(where, "stride", stride, self.axes, 1))
        self._set("dilation", sizes(where, "dilation", self._gaps(), self.axes, 1))
        padding = sides(where, "padding", self.padding, self.axes)
        for i, (k, d) in enumerate(zip(self.kernel_size, self._gaps(), strict=True)):
            span = d * (k - 1) + 1
            if max(padding[2 * i : 2 * i + 2]) >= span and any(padding[2 * i : 2 * i + 2]):
                rule = f"must be less than the {span} values that a window spans"
                fail(where, "padding", self.padding, rule)
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


@dataclass(frozen=True, eq=False, repr=False)
class MeanPool(_Sliding):
    """Base class of `AvgPool1d`, `AvgPool2d` and `AvgPool3d`."""

    _PARAMETERS = _MEAN

    count_include_pad: bool = True
    dilation: Any = 1
    divisor_override: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.divisor_override is not None:
            given = integer(self._name(), "divisor_override", self.divisor_override, 1, MAX_LENGTH)
            self._set("divisor_override", given)

    def divisors(self, shape: Shape) -> list[list[int]]:
        """Return the divisors of the sums along each axis; a window is divided by their product."""
        if self.divisor_override is not None:
            counts = [len(w.begin) for w in self.windows(shape)]
            return [
                [self.divisor_override if k == 0 else 1] * count for k, count in enumerate(counts)
            ]
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


@dataclass(frozen=True, eq=False, repr=False)
class _MaxPool(_Sliding):
    _PARAMETERS = _MAXIMUM

    of: Of = "counts"
    dilation: Any = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        choice(self._name(), "of", self.of, "counts", "steps")


class MaxPool1d(_MaxPool, axes=1):
    """The maximum of each window of a sequence."""


class MaxPool2d(_MaxPool, axes=2):
    """The maximum of each window of an image."""


class MaxPool3d(_MaxPool, axes=3):
    """The maximum of each window of a volume."""


@dataclass(frozen=True, eq=False, repr=False)
class _Adaptive(Pool):
    output_size: Any

    def __post_init__(self) -> None:
        where = self._name()
        given = self.output_size
        if isinstance(given, (tuple, list)) and None in given:
            known = sizes(
                where, "output_size", [1 if n is None else n for n in given], self.axes, 1
            )
            given = tuple(None if n is None else size for n, size in zip(given, known, strict=True))
        else:
            given = sizes(where, "output_size", given, self.axes, 1)
        self._set("output_size", given)

    def windows(self, shape: Shape, where: str = "pool") -> list[Windows]:  # noqa: ARG002
        """Return the windows along each spatial axis of an input of this shape."""
        result = []
        for n, given in zip(shape[1:], self.output_size, strict=True):
            out = n if given is None else given
            begin = [i * n // out for i in range(out)]
            result.append(Windows(begin, [-(-(i + 1) * n // out) for i in range(out)]))
        return result


@dataclass(frozen=True, eq=False, repr=False)
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


@dataclass(frozen=True, eq=False, repr=False)
class _AdaptiveMaximum(_Adaptive):
    _PARAMETERS = _GREATEST

    of: Of = "counts"

    def __post_init__(self) -> None:
        super().__post_init__()
        choice(self._name(), "of", self.of, "counts", "steps")


class AdaptiveMaxPool1d(_AdaptiveMaximum, axes=1):
    """The maximum of each of a given number of windows, whose sizes are as equal as possible."""


class AdaptiveMaxPool2d(_AdaptiveMaximum, axes=2):
    """The maximum of each of a given number of windows, whose sizes are as equal as possible."""


class AdaptiveMaxPool3d(_AdaptiveMaximum, axes=3):
    """The maximum of each of a given number of windows, whose sizes are as equal as possible."""
