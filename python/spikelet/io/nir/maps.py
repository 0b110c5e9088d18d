"""Nodes without a state: each output follows from the input of the same step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet.io.nir.fields import pair
from spikelet.io.nir.flat import FlatNode
def padded(values, dims):
    from spikelet.io.nir.node_layers import layers_of
    p = layers_of(f"Conv{dims}d", values, ())[0].padding
    return tuple(zip(p[::2], p[1::2]))


__all__ = ["Map", "map_of"]

Map = Callable[[NDArray[Any]], NDArray[Any]]

_WORK = 1 << 20  # products for each thread, below which waking it does not pay
_PLACES = 1 << 31  # the core's sparse layers count the places of weights in 32 bits


def map_of(
    node: FlatNode, dtype: np.dtype[Any], *, height: float, threads: int, stepped: bool
) -> Map:
    """Return the function of a node: [rows, *shape] of its input to [rows, *shape] of its output.

    Parameters
    ----------
    node : FlatNode
        A node without a state.
    dtype : dtype
    height : float
        Value of a spike, of a `Threshold`.
    threads : int
    stepped : bool
        Whether few rows come at a time: the core's layers pay for rearranging the weights at each call.
    """
    values, kind = node.values, node.kind
    if kind in ("Affine", "Linear"):
        return _linear(values["weight"], values.get("bias"), dtype, threads, stepped)
    if kind in ("Conv1d", "Conv2d"):
        return _conv(node, dtype, threads)
    if kind in ("SumPool2d", "AvgPool2d"):
        return _pool(node)
    if kind == "Scale":
        scale = values["scale"].astype(dtype)
        return lambda x: x * scale
    if kind == "Threshold":
        limit, high = values["threshold"].astype(dtype), dtype.type(height)
        return lambda x: np.where(x > limit, high, dtype.type(0))
    if kind == "Flatten":
        return lambda x: x.reshape(len(x), *node.sends)
    return lambda x: x


def _linear(
    weight: NDArray[Any], bias: Any, dtype: np.dtype[Any], threads: int, stepped: bool
) -> Map:
    weight = np.ascontiguousarray(weight, dtype)
    bias = None if bias is None else np.ascontiguousarray(bias, dtype)
    if weight.ndim > 2:
        batched = weight
        offset = 0 if bias is None else bias
        return lambda x: np.matmul(batched, x[..., None])[..., 0] + offset
    outputs, inputs = weight.shape
    if stepped or inputs * (outputs + 16) >= _PLACES:
        across = weight.T
        offset = 0 if bias is None else bias
        return lambda x: x @ across + offset

    def apply(x: NDArray[Any]) -> NDArray[Any]:
        y = np.empty((len(x), outputs), dtype)
        team = _team(len(x) * weight.size, threads)
        _core.sparse_linear(np.ascontiguousarray(x), weight, bias, y, team)
        return y

    return apply


def _conv(node: FlatNode, dtype: np.dtype[Any], threads: int) -> Map:
    values, flat = node.values, node.kind == "Conv1d"
    weight = np.ascontiguousarray(values["weight"], dtype)
    bias = np.ascontiguousarray(values["bias"], dtype)
    before = [side[0] for side in padded(values, 1 if flat else 2)]
    stride, dilation = (pair(values[name]) for name in ("stride", "dilation"))
    groups = int(values["groups"][0])
    takes, sends = node.takes, node.sends
    if flat:  # an image of one row
        weight = weight[:, :, None]
        before = [0, *before]
        stride, dilation = (1, stride[0]), (1, dilation[0])
        takes, sends = (takes[0], 1, takes[1]), (sends[0], 1, sends[1])

    def apply(x: NDArray[Any]) -> NDArray[Any]:
        y = np.empty((len(x), *sends[1:], sends[0]), dtype)
        image = np.ascontiguousarray(x).reshape(len(x), *takes)
        _core.sparse_conv(
            image, weight, bias, y, False, groups, stride, (before[0], before[1]), dilation,
            _team(y.size * weight[0].size, threads),
        )  # fmt: skip
        return np.ascontiguousarray(y.transpose(0, 3, 1, 2)).reshape(len(x), *node.sends)

    return apply


def _team(products: int, threads: int) -> int:
    return min(threads, 1 + products // _WORK)


def _pool(node: FlatNode) -> Map:
    values = node.values
    kernel, stride, padding = (pair(values[name]) for name in ("kernel_size", "stride", "padding"))
    mean = node.kind == "AvgPool2d"
    rows, columns = node.sends[1:]

    def apply(x: NDArray[Any]) -> NDArray[Any]:
        x = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))
        total = np.zeros((len(x), *node.sends), x.dtype)
        for i in range(kernel[0]):
            for j in range(kernel[1]):
                total += x[
                    :,
                    :,
                    i : i + (rows - 1) * stride[0] + 1 : stride[0],
                    j : j + (columns - 1) * stride[1] + 1 : stride[1],
                ]
        return total / x.dtype.type(math.prod(kernel)) if mean else total

    return apply
