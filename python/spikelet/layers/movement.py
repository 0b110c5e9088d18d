"""Layers that only move values: each output is one value of the input, or zero. Spikes stay spikes.

The engine gets one table of indices for a whole chain of them, and none where the order of the values stays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail, integer
from spikelet.layers.base import (
    MAX_RANK,
    Layer,
    axis_of,
    checked,
    integers,
    sizes,
    volume_shape,
)
from spikelet.layers.views import MAX_LENGTH, Shape, View, Views, extent_of

__all__ = [
    "Expand",
    "Flatten",
    "Movement",
    "Pad",
    "Permute",
    "Reshape",
    "Roll",
    "Slice",
    "Take",
    "Tile",
    "Upsample",
]

T = TypeVar("T", bound=np.generic)


class Movement(Layer):
    """Base class of layers that only move values."""

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:
        """Return the moved values of one sample; outputs without an input are `blank`."""
        raise NotImplementedError

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        self._check(where, shapes[0])
        # One byte stands for all values.
        return self.moved(np.broadcast_to(np.int8(0), shapes[0])).shape

    def _add(self, views: Views, _shape: Shape, view: View) -> View:
        return views.moved(view, self.moved)

    by_axis: ClassVar[str | None] = None  # a parameter with an entry for each axis of a sample

    def _check(self, where: str, shape: Shape) -> None:
        """Check that the layer can take samples of this shape."""
        if self.by_axis and len(shape) != len(getattr(self, self.by_axis)):
            rule = f"must have {len(getattr(self, self.by_axis))} axes"
            fail(where, "input shape", shape, rule)


class _InOrder(Movement):
    """Base class of movements that keep the order of the values."""

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        return views.reshaped(view, shape)


class Flatten(_InOrder):
    """Flatten a sample to a vector, channel by channel and row by row (PyTorch's order)."""

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:  # noqa: ARG002
        """Return the values as a vector."""
        return array.reshape(-1)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:  # noqa: ARG002
        return (math.prod(shapes[0]),)


class Reshape(_InOrder):
    """Give a sample another shape, with its values in the same order.

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample; one entry may be -1, and follows from the others.
    """

    shape: Any = checked(integers, -1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.shape or self.shape.count(-1) > 1 or 0 in self.shape:
            rule = "must hold sizes of at least 1, of which one may be -1"
            fail(self._name(), "shape", self.shape, rule)

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:  # noqa: ARG002
        """Return the values in the new shape."""
        return array.reshape(self.shape)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        size, known = math.prod(shapes[0]), math.prod(n for n in self.shape if n > 0)
        if size % known if -1 in self.shape else size != known:
            rule = f"must hold as many values as the shape {self.shape}"
            fail(where, "input shape", shapes[0], rule)
        return tuple(size // known if n == -1 else n for n in self.shape)


class Permute(Movement):
    """Reorder the axes of a sample.

    Parameters
    ----------
    axes : sequence of int
        For each axis of the output, the axis of the input; 0 is the first axis of a sample.
    """

    by_axis: ClassVar[str | None] = "axes"

    axes: Any = checked(integers, -MAX_RANK, MAX_RANK)

    def __post_init__(self) -> None:
        super().__post_init__()
        axes, n = self.axes, len(self.axes)
        if not axes or sorted(a % n if -n <= a < n else n for a in axes) != list(range(n)):
            fail(self._name(), "axes", axes, "must name each axis once")
        self._set("axes", tuple(a % n for a in axes))

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:  # noqa: ARG002
        """Return the values with reordered axes."""
        return array.transpose(self.axes)


def _bounds(where: str, argument: str, value: Any) -> tuple[int | None, ...]:
    """Return integers or None, one entry for each axis."""
    if not isinstance(value, (Sequence, np.ndarray)) or isinstance(value, str):
        rule = "must be a sequence of integers or None"
        fail(where, argument, value, rule, error=TypeError)
    if len(value) > MAX_RANK:
        fail(where, argument, len(value), f"must have at most {MAX_RANK} entries", got="length")
    # Other frameworks write the end of an axis as a very large number.
    most = np.iinfo(np.int64).max
    return tuple(None if v is None else integer(where, argument, v, -most - 1, most) for v in value)


class Slice(Movement):
    """A part of a sample, as by slices of Python.

    Parameters
    ----------
    starts, stops, steps : sequence of (int or None)
        One entry for each axis of a sample, with the meaning of ``start:stop:step``; missing axes are kept whole.
    """

    starts: Any = checked(_bounds)
    stops: Any = checked(_bounds)
    steps: Any = checked(_bounds, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("steps", (None,) * len(self.starts) if self.steps is None else self.steps)
        lengths = (len(self.starts), len(self.stops), len(self.steps))
        if len(set(lengths)) > 1:
            rule = "must be equally long"
            fail(self._name(), "starts, stops and steps", lengths, rule, got="lengths")
        if 0 in self.steps:
            fail(self._name(), "steps", self.steps, "must not be 0")

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:  # noqa: ARG002
        """Return the part."""
        return array[tuple(map(slice, self.starts, self.stops, self.steps))]

    def _check(self, where: str, shape: Shape) -> None:
        if len(self.starts) > len(shape):
            fail(where, "input shape", shape, f"must have at least {len(self.starts)} axes")
        for n, *entry in zip(shape, self.starts, self.stops, self.steps, strict=False):
            if not range(*slice(*entry).indices(n)):
                fail(where, "slice", tuple(entry), f"must not be empty for an axis of {n}")


class Pad(Movement):
    """Extend a sample at its borders.

    Parameters
    ----------
    before, after : sequence of int
        Number of values to add at each side, one entry for each axis of a sample.
    mode : "constant", "edge", "reflect" or "wrap"
        With zeros; with the value at the border; with the values mirrored at the border, which is not repeated; or with
        the values of the other side.
    """

    by_axis: ClassVar[str | None] = "before"

    before: Any = checked(integers, 0, MAX_LENGTH)
    after: Any = checked(integers, 0, MAX_LENGTH)
    mode: Literal["constant", "edge", "reflect", "wrap"] = checked(
        choice, "constant", "edge", "reflect", "wrap", default="constant"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        lengths = (len(self.before), len(self.after))
        if lengths[0] != lengths[1]:
            rule = "must be equally long"
            fail(self._name(), "before and after", lengths, rule, got="lengths")

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:
        """Return the extended sample."""
        if self.mode == "constant":
            shape = [
                b + n + a for n, b, a in zip(array.shape, self.before, self.after, strict=True)
            ]
            out = np.full(shape, blank, array.dtype)
            inner = zip(array.shape, self.before, strict=True)
            out[tuple(slice(b, b + n) for n, b in inner)] = array
            return out
        return np.pad(array, list(zip(self.before, self.after, strict=True)), mode=self.mode)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        shape = shapes[0]
        self._check(where, shape)
        for n, b, a in zip(shape, self.before, self.after, strict=True):
            if self.mode == "reflect" and max(a, b) >= n:
                fail(where, "before and after", (b, a), f"must be less than the axis of {n}")
            if self.mode == "wrap" and max(a, b) > n:
                fail(where, "before and after", (b, a), f"must be at most the axis of {n}")
        return tuple(b + n + a for n, b, a in zip(shape, self.before, self.after, strict=True))


def _places(where: str, argument: str, value: Any) -> NDArray[np.int64]:
    array = np.asarray(value)
    if array.dtype.kind not in "iu" or array.ndim > MAX_RANK:
        fail(where, argument, value, "must be an array of integers", error=TypeError)
    if array.size == 0:
        fail(where, argument, array.shape, "must not be empty", got="shape")
    return np.array(array, np.int64)


class Take(Movement):
    """Values at given places of one axis.

    Parameters
    ----------
    indices : int or array-like of int
        Places; negative ones count from the end. The axis is replaced by those of `indices`; a single integer drops it.
    axis : int
        Axis of a sample.
    """

    indices: Any = checked(_places)
    axis: int = checked(integer, -MAX_RANK, MAX_RANK - 1, default=0)

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:  # noqa: ARG002
        """Return the values at the places."""
        taken: NDArray[T] = np.asarray(np.take(array, self.indices, axis=self.axis))
        return taken.reshape(taken.shape or (1,))

    def _check(self, where: str, shape: Shape) -> None:
        n = shape[axis_of(where, "axis", self.axis, len(shape))]
        if self.indices.min() < -n or self.indices.max() >= n:
            bad = self.indices[(self.indices < -n) | (self.indices >= n)].flat[0]
            fail(where, "indices", int(bad), f"must lie in {-n} .. {n - 1}")


class Roll(Movement):
    """Shift values along axes; values that leave at one end return at the other.

    Parameters
    ----------
    shifts : sequence of int
        One entry for each axis of a sample.
    """

    by_axis: ClassVar[str | None] = "shifts"

    shifts: Any = checked(integers, -MAX_LENGTH)

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:  # noqa: ARG002
        """Return the shifted values."""
        return np.roll(array, self.shifts, tuple(range(array.ndim)))


class Expand(Movement):
    """Repeat values along axes of size 1, and along new first axes, as numpy's `broadcast_to`.

    Parameters
    ----------
    shape : sequence of int
        Shape of one sample.
    """

    shape: Any = checked(integers, 1)

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:  # noqa: ARG002
        """Return the repeated values."""
        return np.broadcast_to(array, self.shape)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        given = shapes[0]
        last = self.shape[len(self.shape) - len(given) :]
        if len(given) > len(self.shape) or any(
            n not in (1, m) for n, m in zip(given, last, strict=True)
        ):
            fail(where, "input shape", given, f"must broadcast to {self.shape}")
        return tuple(self.shape)


class Tile(Movement):
    """Repeat a whole sample along its axes.

    Parameters
    ----------
    repeats : sequence of int
        One entry for each axis of a sample.
    """

    by_axis: ClassVar[str | None] = "repeats"

    repeats: Any = checked(integers, 1)

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:  # noqa: ARG002
        """Return the repeated sample."""
        return np.tile(array, self.repeats)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        self._check(where, shapes[0])
        return tuple(n * k for n, k in zip(shapes[0], self.repeats, strict=True))


def _factors(where: str, argument: str, value: Any) -> tuple[int, ...]:
    axes = max(1, min(3, len(value))) if isinstance(value, (tuple, list)) else 2
    return sizes(where, argument, value, axes, 1)


class Upsample(Movement):
    """Repeat each pixel as a rectangle of equal pixels (nearest-neighbour upsampling).

    Parameters
    ----------
    scale_factor : int or (vertical, horizontal); or (length,), or (depth, vertical, horizontal)
    """

    scale_factor: Any = checked(_factors)

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:  # noqa: ARG002
        """Return the repeated pixels."""
        for axis, factor in enumerate(self.scale_factor, 1):
            array = np.repeat(array, factor, axis)
        return array

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, *lengths = volume_shape(where, shapes[0], len(self.scale_factor))
        return (c, *(n * f for n, f in zip(lengths, self.scale_factor, strict=True)))

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        if len(shape) != 3 or view.value is not None:
            return super()._add(views, shape, view)
        number = views.core.upsample(views.shaped(view), extent_of(shape), *self.scale_factor)
        return views.add(number, extent_of(shape), shape)


class Spread(Movement):
    """Put zeros between values: the input of the convolution that a transposed convolution is.

    Parameters
    ----------
    strides : sequence of int
        Distance between values in the output, one entry for each axis of a sample.
    """

    by_axis: ClassVar[str | None] = "strides"

    strides: Any = checked(integers, 1)

    def moved(self, array: NDArray[T], blank: int = 0) -> NDArray[T]:
        """Return the values with zeros between them."""
        shape = [(n - 1) * s + 1 for n, s in zip(array.shape, self.strides, strict=True)]
        out = np.full(shape, blank, array.dtype)
        out[tuple(slice(None, None, s) for s in self.strides)] = array
        return out

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        self._check(where, shapes[0])
        return tuple((n - 1) * s + 1 for n, s in zip(shapes[0], self.strides, strict=True))
