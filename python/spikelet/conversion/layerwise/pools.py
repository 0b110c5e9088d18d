"""Pool the parts of a concatenation instead of the whole, so that pools get the spikes of one layer of neurons each."""

from __future__ import annotations

from spikelet.conversion.activations import can_spike
from spikelet.layers import (
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    Concat,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from spikelet.layers.graph import Graph, Node

__all__ = ["MAX_POOLS", "pool_parts"]

MAX_POOLS = (
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
)


def pool_parts(graph: Graph) -> Graph:
    """Return the graph with each maximum pool of concatenated channels moved before the concatenation, exactly.

    Each part must be a neuron, and nothing else may use the parts or their concatenation. The concatenation takes the name
    of the pool, whose parts are called ``"name.0"``, ``"name.1"``, ...
    """
    moved = {
        node.inputs[0]: node
        for node in graph
        if isinstance(node.layer, MAX_POOLS) and _parts(graph, node.inputs[0])
    }
    nodes: list[Node] = []
    for node in graph:
        if node.name in moved:
            pool = moved[node.name]
            names = tuple(f"{pool.name}.{k}" for k in range(len(node.inputs)))
            nodes += [
                Node(name, pool.layer, (part,))
                for name, part in zip(names, node.inputs, strict=True)
            ]
            nodes.append(Node(pool.name, node.layer, names))
        elif node not in moved.values():
            nodes.append(node)
    return Graph(nodes, inputs=graph.inputs, outputs=graph.outputs) if moved else graph


def _parts(graph: Graph, name: str) -> bool:
    """Return whether a node concatenates the channels of neurons, and all serve this purpose alone."""
    if name not in graph or not isinstance(layer := graph[name].layer, Concat) or layer.axis:
        return False
    return all(_alone(graph, n) for n in (name, *graph[name].inputs)) and all(
        n in graph and can_spike(graph[n].layer) for n in graph[name].inputs
    )


def _alone(graph: Graph, name: str) -> bool:
    return name not in graph.outputs and len(graph.consumers(name)) == 1
