"""Interpolation: each pixel of the output is a weighted sum of pixels of the input, equal for all channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from spikelet._util.checks import choice, fail, scalar
from spikelet.layers.base import Floats, Layer, Shape, sizes

__all__ = ["Resize"]

Coordinates: TypeAlias = Literal[
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"
]
Rounding: TypeAlias = Literal["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]


@dataclass(frozen=True, eq=False, repr=False)
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

    size: Any
    mode: Literal["nearest", "linear", "cubic"] = "nearest"
    coordinates: Coordinates = "half_pixel"
    rounding: Rounding = "floor"
    cubic: float = -0.75
    exclude_outside: bool = False
    scale: Any = None

    def __post_init__(self) -> None:
        where = self._name()
        if isinstance(self.size, (tuple, list)):
            axes = max(1, min(3, len(self.size)))
            size: Any = sizes(where, "size", self.size, axes, 1)
        else:
            (size,) = sizes(where, "size", self.size, 1, 1)
        self._set("size", size)
        choice(where, "mode", self.mode, "nearest", "linear", "cubic")
        choice(where, "coordinates", self.coordinates, *get_args(Coordinates))
        choice(where, "rounding", self.rounding, *get_args(Rounding))
        self._set("cubic", scalar(where, "cubic", self.cubic, "finite"))
        if self.scale is not None:
            given = self.scale
            if isinstance(given, (tuple, list)):
                scales: Any = tuple(scalar(where, "scale", s, "finite and > 0") for s in given)
                if isinstance(size, tuple) and len(scales) != len(size):
                    fail(where, "scale", scales, f"must be one number or {len(size)}")
            else:
                scales = scalar(where, "scale", given, "finite and > 0")
            self._set("scale", scales)

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
