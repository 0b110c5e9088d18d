"""Remove movements of values that undo each other, and put functions in front of those that remain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet.layers import Activation, Affine, Layer, Movement, Permute, ReLU, Shape
from spikelet.layers.graph import Graph, Node, Shapes

__all__ = ["simplify"]


def simplify(graph: Graph, input_shape: Shapes) -> Graph:
    """Simplify the movements of a graph.

    Readers translate each operator by itself: a linear layer of tokens, for one, is a convolution between two `Permute`.
    Here, functions of single values change places with a reordering before them (the function keeps its name, and then
    acts on what the convolution sends, channel by channel), and chains of movements that leave all values where they were
    are dropped.

    Parameters
    ----------
    graph : Graph
        The graph to simplify; it is not modified.
    input_shape : tuple of int, or several
        As for `Graph.shapes`.

    Returns
    -------
    Graph
        A graph with the same outputs. Outputs and layers that are not movements keep their names.

    Raises
    ------
    TypeError
        If the graph is not a `Graph`.
    ValueError
        If a layer cannot take its inputs.
    """
    if not isinstance(graph, Graph):
        fail("simplify", "graph", type(graph).__name__, "must be a Graph", error=TypeError)
    work = _Work(graph, graph.shapes(input_shape))
    while work.swap_one():
        pass
    work.drop()
    return work.graph()


class _Work:
    """The nodes of a graph while they change."""

    def __init__(self, graph: Graph, shapes: dict[str, Shape]) -> None:
        self.before = graph
        self.shapes = dict(shapes)
        self.nodes = {node.name: node for node in graph}

    def swap_one(self) -> bool:
        """Swap one function with the reordering before it; return whether there was one."""
        uses = self._uses()
        for node in self.nodes.values():
            if len(node.inputs) != 1 or node.name in self.before.outputs:
                continue
            move = self.nodes.get(node.inputs[0])
            if move is None or uses[move.name] != 1 or move.name in self.before.outputs:
                continue
            layer = node.layer if _single(node.layer) else _before_permute(move.layer, node.layer)
            if layer is None or not self._reorders(move):
                continue
            self._swap(move, Node(node.name, layer, node.inputs))
            return True
        return False

    def _swap(self, move: Node, node: Node) -> None:
        """Let the function take what the movement took, and the movement the function's result."""
        changed: dict[str, Node] = {}
        for name, other in self.nodes.items():
            if name == move.name:
                changed[node.name] = Node(node.name, node.layer, move.inputs)
                changed[move.name] = Node(move.name, move.layer, (node.name,))
            elif name != node.name:
                inputs = tuple(move.name if k == node.name else k for k in other.inputs)
                changed[name] = Node(name, other.layer, inputs)
        self.nodes = changed
        self.shapes[node.name] = self.shapes[move.inputs[0]]

    def drop(self) -> None:
        """Drop chains of movements whose values end where they began."""
        instead: dict[str, str] = {}
        for name, node in list(self.nodes.items()):
            inputs = tuple(instead.get(k, k) for k in node.inputs)
            self.nodes[name] = Node(name, node.layer, inputs)
            if name not in self.before.outputs and isinstance(node.layer, Movement):
                origin = self._origin(name)
                if origin is not None:
                    instead[name] = origin

    def graph(self) -> Graph:
        """Return the nodes that an output needs."""
        needed = set(self.before.outputs)
        for node in reversed(self.nodes.values()):
            if node.name in needed:
                needed.update(node.inputs)
        kept = [node for node in self.nodes.values() if node.name in needed]
        return Graph(kept, "simplify", self.before.inputs, self.before.outputs)

    def _origin(self, name: str) -> str | None:
        """Return the farthest node before a chain of movements that gives the same values in the same shape."""
        chain, found = [], None
        while name in self.nodes and isinstance(self.nodes[name].layer, Movement):
            chain.append(self.nodes[name].layer)
            name = self.nodes[name].inputs[0]
            if self.shapes[name] == self.shapes_after(chain, name) and _keeps(
                chain, self.shapes[name]
            ):
                found = name
        return found

    def shapes_after(self, chain: list[Layer], name: str) -> Shape:
        """Return the shape after a chain, given from its end to its begin."""
        shape = self.shapes[name]
        for layer in reversed(chain):
            shape = layer.output_shape([shape])
        return shape

    def _reorders(self, node: Node) -> bool:
        """Return whether a layer is a movement that keeps every value, once."""
        if not isinstance(node.layer, Movement):
            return False
        before, after = self.shapes[node.inputs[0]], self.shapes[node.name]
        size = int(np.prod(before))
        if size != int(np.prod(after)):
            return False
        index = _moved([node.layer], before)
        seen = np.zeros(size, bool)
        seen[index[index >= 0]] = True
        return bool(seen.all())

    def _uses(self) -> dict[str, int]:
        uses = dict.fromkeys([*self.before.inputs, *self.nodes], 0)
        for node in self.nodes.values():
            for name in node.inputs:
                uses[name] += 1
        return uses


def _moved(chain: list[Any], shape: Shape) -> Any:
    """Return where the values of a chain, given from its end to its begin, come from."""
    index = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    for layer in reversed(chain):
        index = layer.moved(index, -1)
    return index.ravel()


def _keeps(chain: list[Any], shape: Shape) -> bool:
    index = _moved(chain, shape)
    return bool(np.array_equal(index, np.arange(np.prod(shape))))


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
