"""Values in translations of networks that fire once: maps of the core, and potentials that are not computed yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet.layers.first_spike import FirstSpike
from spikelet.layers.graded import Activation
from spikelet.layers.views import Shape, extent_of

LARGEST = 1 << 30  # of biases, and of thresholds: with sums of 29 bits, all stay within 32

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Map:
    """A map of the core: spikes, or potentials. A value is ``coefficient / T`` times the integer, plus a bias.

    Parameters
    ----------
    number : int
    shape : tuple of int
        As the graph has it; the core's is `extent`.
    extent : (int, int, int)
    form : "bytes", "words" or "sums"
    coefficient : array, [channels of the extent]
    most : array, [channels of the extent]
        Largest magnitude of the integers.
    bias : array, [channels of the extent]
    spikes : bool
        True if each value is the spike of a neuron, not a sum of several or an input.
    signed : bool
        True if spikes of OFF neurons are among them.
    """

    number: int
    shape: Shape
    extent: tuple[int, int, int]
    form: str
    coefficient: Floats
    most: Floats
    zero: NDArray[np.uint8]
    bias: Floats
    spikes: bool = False
    signed: bool = False


@dataclass(frozen=True)
class Kernel:
    """Weights of a map, to be added to a potential."""

    name: str  # of its layer
    map: Map
    weight: Floats  # [out, in of a group, height, width], times the coefficients of the map
    stride: tuple[int, int]
    dilation: tuple[int, int]
    before: tuple[int, int]
    groups: int
    holes: tuple[
        NDArray[np.bool_], ...
    ]  # along both axes: zeros that a transposed convolution put in


@dataclass(frozen=True)
class Sum:
    """A potential that is not computed yet: kernels, maps that are added, and a bias."""

    shape: Shape
    extent: tuple[int, int, int]
    kernels: tuple[Kernel, ...] = ()
    maps: tuple[tuple[Map, Floats], ...] = ()  # with the value of one unit of the map, times T
    bias: Any = 0.0

    @property
    def is_scaled(self) -> bool:
        """Return whether it is a single map, scaled."""
        return len(self.maps) == 1 and not self.kernels


class Taken(NamedTuple):
    """A movement that takes some rows and columns."""

    places: list[NDArray[np.int64]]

    def moved(self, values: NDArray[Any], _beyond: int) -> NDArray[Any]:
        """Return what is taken of values [C, height, width]."""
        return values[np.ix_(np.arange(len(values)), *self.places)]


Value: TypeAlias = "Map | Sum"


class NeedsSpikes(ValueError):
    """Refuses sums, which would become spikes behind the layers of these names."""

    def __init__(self, message: str, names: Sequence[str]) -> None:
        super().__init__(message)
        self.names = tuple(names)


def by_channel(maps: Sequence[Map], index: NDArray[np.int64]) -> dict[str, Floats]:
    """Return what a map of values of others, [height, width, channels], has by channel; nothing if values of one differ."""
    kept = {}
    rows = index.reshape(-1, index.shape[2])
    inside = rows >= 0
    for what in ("coefficient", "most", "bias", *(["zero"] if maps[0].form == "bytes" else [])):
        values = np.concatenate([
            np.broadcast_to(getattr(m, what)[None, None], (*m.extent[1:], m.extent[0])).ravel()
            for m in maps
        ])  # fmt: skip
        each = values[rows].astype(float)
        kept[what] = np.where(inside, each, -np.inf).max(0)
        kept[what][~inside.any(0)] = 0.0
        apart = inside & (np.abs(each - kept[what]) > 1e-9 * abs(kept[what]))
        if what != "most" and apart.any():
            return {}
    return kept


def core_extent(shape: Shape) -> tuple[int, int, int]:
    """Return a shape as the core has it: channels, height, width."""
    if len(shape) <= 3:
        c, *rest = shape
        return (c, *([1] * (2 - len(rest))), *rest)  # type: ignore[return-value]
    return extent_of(shape)


def is_relay(function: Activation) -> bool:
    """Return whether a function gives its input."""
    return function.function == "clip" and not np.isfinite([function.alpha, function.beta]).any()


def spike_span(layer: FirstSpike, n: int) -> tuple[Floats, Floats]:
    """Return where the spikes of neurons begin and cease to depend on their input, [n] each."""
    x = np.broadcast_to(layer.limit, (n,))[:, None] * np.linspace(-1, 1, 4097)
    k = layer.times(x[None])[0]
    first = np.argmax(k != k[:, :1], 1)
    last = k.shape[1] - 1 - np.argmax(k[:, ::-1] != k[:, -1:], 1)
    first, last = np.maximum(first - 1, 0), np.where(first == 0, k.shape[1] - 1, last + 1)
    each = np.arange(n)
    return x[each, first], x[each, np.minimum(last, k.shape[1] - 1)]


def int32(values: Any) -> NDArray[np.int32]:
    """Return values as integers, within the bounds of biases."""
    return np.asarray(np.clip(values, -LARGEST, LARGEST), np.int32)
