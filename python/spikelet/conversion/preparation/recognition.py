"""Recognise activations that an ANN writes as several operators, such as ``x * sigmoid(x)``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.layers import (
    Activation,
    Add,
    Affine,
    Divide,
    Layer,
    Maximum,
    Minimum,
    Multiply,
    ReLU,
)
from spikelet.layers.graph import Graph, Node

__all__ = ["recognise"]

_KNOWN = (
    Activation("silu"),
    Activation("hardswish"),
    Activation("gelu"),
    Activation("gelu_tanh"),
    Activation("mish"),
    Activation("silu", 1.702),  # the approximation of GELU by a sigmoid
)
# Where the functions bend, and far away, where bounds may lie that an ANN has beside them.
_NEAR, _FAR = 12.0, np.geomspace(12.5, 1e4, 200)
_GRID = np.concatenate([-_FAR[::-1], np.linspace(-_NEAR, _NEAR, 1201), _FAR])[None, None]
# Relative to the values, at least those near 0; ONNX holds constants in single precision.
_TOLERANCE = 1e-6
_FARTHEST = 8  # operators from the first to the last one


def recognise(graph: Graph) -> Graph:
    """Return the graph with each product, quotient or extreme of functions of one value that is a known activation as that one.

    ONNX has no operator for SiLU, Mish or (below opset 20) GELU, and many networks in PyTorch spell them out. Their products
    would be graded, whereas neurons follow an activation. A part of the graph that computes the same function of one node
    is found by its values.
    """
    nodes = {node.name: node for node in graph}
    for node in graph:
        bends = isinstance(node.layer, Maximum | Minimum)
        if bends or isinstance(node.layer, Multiply | Divide):
            for last in reversed([node.name, *_scales_behind(graph, node.name)]):
                found = _activation(nodes, last, bends=bends)
                if found is not None:
                    nodes[last] = found
                    break
    if all(nodes[node.name] is node for node in graph):
        return graph
    needed = set(graph.outputs)
    for node in reversed(nodes.values()):
        if node.name in needed:
            needed.update(node.inputs)
    kept = [node for node in nodes.values() if node.name in needed]
    return Graph(kept, inputs=graph.inputs, outputs=graph.outputs)


def _scales_behind(graph: Graph, name: str) -> Iterator[str]:
    """Yield the scales that a product alone passes through."""
    while name not in graph.outputs and len(graph.consumers(name)) == 1:
        after = graph.consumers(name)[0]
        if not isinstance(after.layer, Affine) or not _is_single(after.layer):
            return
        yield after.name
        name = after.name


def _activation(nodes: dict[str, Node], last: str, *, bends: bool) -> Node | None:
    """Return the activation that a node computes from one before it, if there is one."""
    for first in _before(nodes, last):
        values = _values(nodes, last, first, _FARTHEST)
        if values is None:
            continue
        for known in (*_KNOWN, *(_leaky(values) if bends else ())):
            wanted = known.of(_GRID)
            bound = _TOLERANCE * np.maximum(np.abs(wanted), _NEAR)
            # Far away, a formula may overflow where the function does not.
            if (
                np.isnan(values) & (np.abs(_GRID) > _NEAR) | (np.abs(values - wanted) <= bound)
            ).all():
                return Node(last, known, (first,))
    return None


def _leaky(values: NDArray[Any]) -> Iterator[Activation]:
    """Yield the leaky ReLU with the slope of these values: ``maximum(x, 0.1 x)``."""
    slope = float(values.flat[0] / _GRID.flat[0])
    if np.isfinite(slope) and abs(slope - 1) > _TOLERANCE:
        yield Activation("leaky_relu", slope)


def _before(nodes: dict[str, Node], last: str) -> Iterator[str]:
    """Yield the names of the nodes before one, the nearest first."""
    seen, level = {last}, [last]
    for _ in range(_FARTHEST):
        level = [i for n in level if n in nodes for i in nodes[n].inputs if i not in seen]
        yield from dict.fromkeys(level)
        seen.update(level)


def _values(nodes: dict[str, Node], last: str, first: str, left: int) -> NDArray[Any] | None:
    """Return a node's values where another one's are those of the grid; None if it depends on more than that node."""
    if last == first:
        return _GRID
    node = nodes.get(last)
    if node is None or not left or not node.inputs or not _is_single(node.layer):
        return None
    given = [_values(nodes, name, first, left - 1) for name in node.inputs]
    if any(values is None for values in given):
        return None
    arrays: list[Any] = given
    with np.errstate(all="ignore"):  # the grid reaches far
        match node.layer:
            case Add():
                return np.asarray(sum(arrays))
            case Multiply():
                return np.asarray(arrays[0] * arrays[1])
            case Maximum():
                return np.asarray(np.maximum(*arrays)) if len(arrays) == 2 else None
            case Minimum():
                return np.asarray(np.minimum(*arrays)) if len(arrays) == 2 else None
            case Divide():
                return np.asarray(arrays[0] / arrays[1])
            case Affine(scale=scale, shift=shift):
                offset = 0 if shift is None else shift.flat[0]
                return np.asarray(arrays[0] * scale.flat[0] + offset)
            case ReLU() | Activation():
                return node.layer.of(arrays[0])
    return None


def _is_single(layer: Layer) -> bool:
    """Return whether a layer is one function for all values."""
    match layer:
        case Add() | Multiply() | Divide() | Maximum() | Minimum():
            return True
        case Affine(scale=scale, shift=shift):
            return all(a is None or bool((a == a.flat[0]).all()) for a in (scale, shift))
        case ReLU(upper=upper):
            return np.ndim(upper) == 0
        case Activation():
            return max(map(len, layer.parameters())) <= 1
    return False
