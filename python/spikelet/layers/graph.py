"""The graph of a layered model: named layers in topological order, each with the names of its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from spikelet._util.checks import fail, shown
from spikelet._util.sealed import Sealed
from spikelet.layers.base import Layer, Shape

__all__ = ["INPUT", "Graph", "LayerLike", "Node"]

INPUT = "input"  # the name of the model's input

LayerLike: TypeAlias = "Layer | Node | tuple[str, Layer, Iterable[str]]"


@dataclass(frozen=True)
class Node:
    """A layer in a graph.

    Parameters
    ----------
    name : str
        Name, unique in the graph.
    layer : Layer
    inputs : tuple of str
        Names of earlier nodes, or ``"input"``.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]


class Graph(Sealed):
    """Layers in topological order: each comes after its inputs.

    Parameters
    ----------
    layers : iterable of Layer, Node or (name, Layer, inputs)
        A bare layer takes the output of the layer before it, the first one the model's input. The last layer is
        the output.
    where : str
        What is being built, for error messages.

    Raises
    ------
    TypeError
        If an item is not a layer.
    ValueError
        If names are not unique, an input is unknown, or the output of a layer is not used.
    """

    nodes: tuple[Node, ...]

    _instead: ClassVar = {"": "make another graph, as with replaced()"}

    def __init__(self, layers: Iterable[LayerLike], where: str = "SpikingModel") -> None:
        nodes: list[Node] = []
        for k, item in enumerate(layers):
            before = nodes[-1].name if nodes else INPUT
            nodes.append(_node(where, k, item, before))
        if not nodes:
            fail(where, "layers", [], "must hold at least one layer")
        known = {INPUT}
        for node in nodes:
            if node.name in known:
                fail(where, "name", node.name, "must be unique")
            for name in node.inputs:
                if name not in known:
                    fail(
                        where,
                        f"inputs of '{node.name}'",
                        name,
                        "must be the name of an earlier layer",
                    )
            known.add(node.name)
        self.nodes = tuple(nodes)
        used = {name for node in nodes for name in node.inputs}
        for node in nodes[:-1]:
            if node.name not in used:
                fail(where, "layers", node.name, "must all lead to the last one", got="unused")
        if INPUT not in used:
            fail(where, "layers", [n.name for n in nodes], "must use the input")
        self._by_name = {node.name: node for node in nodes}

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @property
    def output(self) -> Node:
        """The last layer."""
        return self.nodes[-1]

    def shapes(self, input_shape: Shape) -> dict[str, Shape]:
        """Return the output shape of each layer for one sample, and the shape of the input.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of one sample.

        Raises
        ------
        ValueError
            If a layer cannot take its inputs; the message names the layer.
        """
        shapes: dict[str, Shape] = {INPUT: tuple(input_shape)}
        for node in self.nodes:
            shapes[node.name] = node.layer.output_shape(
                [shapes[name] for name in node.inputs], node.name
            )
        return shapes

    def upto(self, name: str) -> Graph:
        """Return the subgraph that ends in this layer, which becomes the output."""
        needed = {name}
        for node in reversed(self.nodes):
            if node.name in needed:
                needed.update(node.inputs)
        return Graph(node for node in self.nodes if node.name in needed)

    def replaced(self, changes: Mapping[str, Layer]) -> Graph:
        """Return a graph in which the layers of these names are replaced."""
        return Graph(
            Node(node.name, changes.get(node.name, node.layer), node.inputs) for node in self.nodes
        )

    def consumers(self, name: str) -> list[Node]:
        """Return the nodes that take the output of this one."""
        return [node for node in self.nodes if name in node.inputs]


def _node(where: str, k: int, item: LayerLike, before: str) -> Node:
    if isinstance(item, Node):
        return item
    if isinstance(item, Layer):
        return Node(f"{type(item).__name__.lower()}{k}", item, (before,))
    if (
        isinstance(item, tuple)
        and len(item) == 3
        and isinstance(item[0], str)
        and isinstance(item[1], Layer)
    ):
        inputs = (item[2],) if isinstance(item[2], str) else tuple(item[2])
        return Node(item[0], item[1], inputs)
    msg = f"{where}: layers[{k}] must be a layer of sl.layers or (name, layer, inputs), got {shown(item)}"
    raise TypeError(msg)
