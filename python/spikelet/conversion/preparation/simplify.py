"""Remove movements of values that undo each other, and put functions in front of those that remain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spikelet.conversion.passes import MutableGraph
from spikelet.layers import Activation, Affine, Layer, Movement, Permute, ReLU, Shape
from spikelet.layers.graph import Node

__all__ = ["simplify"]


def simplify(work: MutableGraph) -> None:
    """Simplify the movements of a graph, whose shapes must be known.

    Readers translate each operator by itself: a linear layer of tokens, for one, is a convolution between two `Permute`.
    Here, functions of single values change places with a reordering before them (the function keeps its name, and then
    acts on what the convolution sends, channel by channel), and chains of movements that leave all values where they were
    are dropped. Outputs and layers that are not movements keep their names.
    """
    while _swap_one(work):
        pass
    nodes = work.nodes
    instead: dict[str, str] = {}
    for name, node in nodes.items():
        nodes[name] = Node(name, node.layer, tuple(instead.get(i, i) for i in node.inputs))
        if name not in work.outputs:
            instead[name] = _origin(work, name)
    work.update(nodes.values())


def _swap_one(work: MutableGraph) -> bool:
    """Swap one function with the reordering before it; return whether there was one."""
    uses = work.uses()
    for node in work.nodes.values():
        if len(node.inputs) != 1 or node.name in work.outputs:
            continue
        move = work.nodes.get(node.inputs[0])
        if move is None or uses[move.name] != 1 or not isinstance(move.layer, Movement):
            continue
        layer = node.layer if _single(node.layer) else _before_permute(move.layer, node.layer)
        before = work.shapes[move.inputs[0]]
        if layer is None or not _reorders(move.layer, before, work.shapes[move.name]):
            continue
        # The function takes what the movement took, and the movement the function's result.
        swapped = (Node(node.name, layer, move.inputs), Node(move.name, move.layer, (node.name,)))
        nodes: list[Node] = []
        for other in work.nodes.values():
            if other is move:
                nodes += swapped
            elif other is not node:
                inputs = tuple(move.name if i == node.name else i for i in other.inputs)
                nodes.append(Node(other.name, other.layer, inputs))
        work.shapes[node.name] = before
        work.update(nodes)
        return True
    return False


def _origin(work: MutableGraph, name: str) -> str:
    """Return the farthest node before a chain of movements that gives the same values in the same shape."""
    after, chain, found = work.shapes[name], list[Movement](), name
    while name in work.nodes and isinstance(layer := work.nodes[name].layer, Movement):
        chain.append(layer)
        name = work.nodes[name].inputs[0]
        shape = work.shapes[name]
        if shape == after and np.array_equal(_moved(chain, shape), np.arange(np.prod(shape))):
            found = name
    return found


def _reorders(layer: Movement, before: Shape, after: Shape) -> bool:
    """Return whether a movement keeps every value, once."""
    size = int(np.prod(before))
    return size == np.prod(after) and set(_moved([layer], before)) >= set(range(size))


def _moved(chain: list[Movement], shape: Shape) -> Any:
    """Return where the values of a chain, given from its end to its begin, come from."""
    index = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    for layer in reversed(chain):
        index = layer.moved(index, -1)
    return index.ravel()


def _single(layer: Layer) -> bool:
    """Return whether a layer is one function for all values."""
    test = _SINGLE.get(type(layer))
    return test is not None and test(layer)


def _before_permute(move: Layer, layer: Layer) -> Layer | None:
    """Return an affine map that acts on the input of a reordering of axes, if one does the same."""
    if not isinstance(move, Permute) or not isinstance(layer, Affine):
        return None
    back = np.argsort(move.axes)

    def moved(values: Any) -> Any:
        if values is None:
            return None
        if values.size == 1:  # one number for all, not for one channel
            return values.reshape(())
        values = values.reshape(-1, *[1] * (len(back) - 1)) if values.ndim == 1 else values
        values = values.transpose(back)
        return values.ravel() if values.size == len(values) else values

    return Affine(moved(layer.scale), moved(layer.shift))


_SINGLE: dict[type[Layer], Callable[[Any], bool]] = {
    Activation: lambda layer: max(map(len, layer.parameters())) <= 1,
    Affine: lambda layer: layer.scale.ndim == 0 and (layer.shift is None or layer.shift.ndim == 0),
    ReLU: lambda layer: np.ndim(layer.upper) == 0,
}
