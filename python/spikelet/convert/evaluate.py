"""The activations of an ANN given as a `Graph`, in NumPy and float64: what readers check themselves with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet._checks import fail
from spikelet.graph import INPUT, Graph
from spikelet.layers import (
    AdaptiveAvgPool2d,
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Upsample,
)

__all__ = ["activations"]

Floats = NDArray[np.float64]


def activations(graph: Graph, x: Floats) -> dict[str, Floats]:
    """Return what every layer gives for a batch.

    Parameters
    ----------
    graph : Graph
        Without spiking neurons.
    x : array, [batch, ...]

    Returns
    -------
    dict of arrays, [batch, ...]
        By name; the batch itself as ``"input"``.

    Raises
    ------
    ValueError
        If a layer cannot take its input, or is a spiking neuron.
    """
    graph.shapes(x.shape[1:])
    values: dict[str, Floats] = {INPUT: np.asarray(x, dtype=np.float64)}
    for node in graph:
        values[node.name] = _apply(node.name, node.layer, [values[n] for n in node.inputs])
    return values


def _apply(name: str, layer: Layer, xs: Sequence[Floats]) -> Any:
    x = xs[0]
    match layer:
        case Linear():
            return _shifted(x @ layer.weight.T, layer.bias)
        case Conv2d():
            return _conv2d(layer, x)
        case Affine():
            return _shifted(x * _channels(layer.scale, x), layer.shift)
        case ReLU():
            return np.maximum(x, 0.0)
        case MaxPool2d():
            return _pool(x, layer.windows(x.shape[1:]), np.max)
        case AvgPool2d() | AdaptiveAvgPool2d():
            rows, columns = layer.divisors(x.shape[1:])
            return _pool(x, layer.windows(x.shape[1:]), np.sum) / np.outer(rows, columns)
        case Flatten():
            return x.reshape(len(x), math.prod(x.shape[1:]))
        case Add():
            return np.sum(xs, axis=0)
        case Concat():
            return np.concatenate(xs, axis=1)
    if not isinstance(layer, Upsample):
        fail("activations", f"layer '{name}'", layer, "must be analog")
    return x.repeat(layer.scale_factor[0], axis=2).repeat(layer.scale_factor[1], axis=3)


def _channels(values: Floats, x: Floats) -> Floats:
    return values.reshape(-1, *[1] * (x.ndim - 2))


def _shifted(x: Floats, shift: Floats | None) -> Floats:
    return x if shift is None else x + _channels(shift, x)


def _conv2d(layer: Conv2d, x: Floats) -> Floats:
    top, bottom, left, right = layer.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    out, h, w = layer.output_shape([x.shape[1:]])
    batch, g = len(x), layer.groups
    weight = layer.weight.reshape(g, out // g, *layer.weight.shape[1:])
    y = np.zeros((batch, g, out // g, h * w))
    for i in range(weight.shape[3]):
        for j in range(weight.shape[4]):
            (di, dj), (si, sj) = layer.dilation, layer.stride
            seen = padded[
                :,
                :,
                i * di : i * di + (h - 1) * si + 1 : si,
                j * dj : j * dj + (w - 1) * sj + 1 : sj,
            ]
            y += weight[..., i, j] @ seen.reshape(batch, g, -1, h * w)
    return _shifted(y.reshape(batch, out, h, w), layer.bias)


def _pool(
    x: Floats,
    windows: tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]],
    reduce: Callable[..., Any],
) -> Floats:
    # Windows are products of intervals: rows first, then columns of what is left.
    for axis, (begin, end) in zip((2, 3), windows, strict=True):
        parts = [
            reduce(x.take(range(b, e), axis=axis), axis=axis)
            for b, e in zip(begin, end, strict=True)
        ]
        x = np.stack(parts, axis=axis)
    return x
