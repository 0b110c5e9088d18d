"""Interpolation: each pixel of the output is a weighted sum of pixels of the input, equal for all channels."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail, scalar
from spikelet.layers.base import Layer, checked, sizes
from spikelet.layers.views import Floats, Shape, View, Views, extent_of

__all__ = ["Resize"]

Coordinates: TypeAlias = Literal[
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"
]
Rounding: TypeAlias = Literal["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]


def _size(where: str, argument: str, value: Any) -> int | tuple[int, ...]:
    """Return one size for each axis, or a single one for all."""
    if not isinstance(value, (tuple, list)):
        return sizes(where, argument, value, 1, 1)[0]
    return sizes(where, argument, value, max(1, min(3, len(value))), 1)


def _scale(where: str, argument: str, value: Any) -> float | tuple[float, ...]:
    """Return one scale for each axis, or a single one for all."""
    if not isinstance(value, (tuple, list)):
        return scalar(where, argument, value, "finite and > 0")
    return tuple(scalar(where, argument, v, "finite and > 0") for v in value)


class Resize(Layer):
    """Resize a sequence, an image or a volume by interpolation, as PyTorch's `interpolate` and ONNX's Resize.

    Nearest-neighbour interpolation moves values, so that spikes stay spikes.

    Parameters
    ----------
    size : int, or one for each spatial axis
        Size of the output.
    mode : "nearest", "linear" or "cubic"
        Linear and cubic interpolation act along each axis in turn (bilinear, bicubic ...).
    coordinates : str
        How the position x of an output follows from its index i, with `scale` outputs per input: "half_pixel" (x + 1/2
        = (i + 1/2) / scale), "align_corners" (the first and the last values lie on each other), "asymmetric" (x = i /
        scale), "pytorch_half_pixel" ("half_pixel", but 0 for an output of 1) or "half_pixel_symmetric" ("half_pixel",
        around the centre).
    rounding : str
        How "nearest" rounds places. PyTorch's "nearest" is "asymmetric" with "floor", its "nearest-exact" "half_pixel"
        with "round_prefer_ceil".
    cubic : float
        The coefficient a of cubic interpolation (Keys, IEEE ASSP 1981); -0.75 in PyTorch and ONNX.
    exclude_outside : bool
        Leave values outside the input out of cubic interpolation; otherwise those at the border are repeated.
    scale : float, or one for each spatial axis, optional
        Scale of the coordinates, if it is not the ratio of the sizes.
    """

    size: Any = checked(_size)
    mode: Literal["nearest", "linear", "cubic"] = checked(
        choice, "nearest", "linear", "cubic", default="nearest"
    )
    coordinates: Coordinates = checked(choice, *get_args(Coordinates), default="half_pixel")
    rounding: Rounding = checked(choice, *get_args(Rounding), default="floor")
    cubic: float = checked(scalar, "finite", default=-0.75)
    exclude_outside: bool = False
    scale: Any = checked(_scale, default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        size, scale = self.size, self.scale
        several = isinstance(size, tuple) and isinstance(scale, tuple)
        if several and len(scale) != len(size):
            fail(self._name(), "scale", scale, f"must be one number or {len(size)}")

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        axes = len(self.size) if isinstance(self.size, tuple) else len(shapes[0]) - 1
        scales = len(self.scale) if isinstance(self.scale, tuple) else axes
        if len(shapes[0]) != axes + 1 or scales != axes or axes not in (1, 2, 3):
            fail(where, "input shape", shapes[0], "must be channels and the axes to resize")
        return (shapes[0][0], *self._sizes(axes))

    def _sizes(self, axes: int) -> tuple[int, ...]:
        return self.size if isinstance(self.size, tuple) else (self.size,) * axes

    def maps(self, shape: Shape) -> list[tuple[np.ndarray[Any, Any], Floats]]:
        """Return, for each spatial axis, the inputs of each output and their weights, [out, taps] each."""
        axes = len(shape) - 1
        scales = self.scale if isinstance(self.scale, tuple) else (self.scale,) * axes
        return [
            self._map(n, out, out / n if scale is None else scale)
            for n, out, scale in zip(shape[1:], self._sizes(axes), scales, strict=True)
        ]

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        """Add an interpolation: a movement, or weights between pixels."""
        maps = self.maps(view.shape)
        if self.mode == "nearest":
            places = np.ix_(np.arange(shape[0]), *(index[:, 0] for index, _ in maps))
            return views.moved(view, lambda a, _: a[places])
        axes = len(maps)
        from_: NDArray[Any] = np.zeros((), np.int64)
        weight: NDArray[Any] = np.ones(())
        for axis, (index, factors) in enumerate(maps):
            # [outputs of each axis ..., taps of each axis ...]
            grid = [1] * (2 * axes)
            grid[axis], grid[axes + axis] = index.shape
            from_ = from_ * view.shape[1 + axis] + index.reshape(grid)
            weight = weight * factors.reshape(grid)
        pixels = math.prod(shape[1:])
        from_, weight = from_.reshape(pixels, -1), weight.reshape(pixels, -1)
        used = weight != 0
        begin = np.concatenate([[0], np.cumsum(used.sum(1))]).astype(np.uint32)
        from_, extent = from_[used].astype(np.uint32), extent_of(shape)
        number = views.core.mix(views.shaped(view), extent, begin, from_, weight[used])
        return views.add(number, extent, shape)

    def _map(self, n: int, out: int, scale: float) -> tuple[np.ndarray[Any, Any], Floats]:
        x = self._places(n, out, scale)
        if self.mode == "nearest":
            index = _ROUNDED[self.rounding](x)
            return np.clip(index, 0, n - 1).astype(np.int64)[:, None], np.ones((out, 1))
        if self.mode == "linear":
            x = np.clip(x, 0, n - 1)
            low = np.minimum(np.floor(x), max(n - 2, 0))
            taps = low[:, None] + np.arange(2)
            weights = np.stack([1 - (x - low), x - low], 1)
        else:
            low = np.floor(x)
            taps = low[:, None] + np.arange(-1, 3)
            weights = _keys(x[:, None] - taps, self.cubic)
            if self.exclude_outside:
                weights = np.where((taps >= 0) & (taps < n), weights, 0)
                weights = weights / weights.sum(1, keepdims=True)
        return np.clip(taps, 0, n - 1).astype(np.int64), weights

    def _places(self, n: int, out: int, scale: float) -> Floats:
        i = np.arange(out, dtype=np.float64)
        match self.coordinates:
            case "align_corners":
                # The size that the scale gives, which ONNX does not round.
                span = scale * n - 1
                return i * ((n - 1) / span) if span > 0 else i
            case "asymmetric":
                return i / scale
            case "half_pixel_symmetric":
                offset = n / 2 * (1 - out / (scale * n))
                return np.asarray(offset + (i + 0.5) / scale - 0.5)
            case "pytorch_half_pixel" if out == 1:
                return i
        return np.asarray((i + 0.5) / scale - 0.5)


_ROUNDED: dict[str, Any] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
}


def _keys(distance: Floats, a: float) -> Floats:
    """Return the weights of cubic convolution (Keys, IEEE ASSP 1981, equation 15)."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))
