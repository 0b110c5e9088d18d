"""Pool the parts of a concatenation instead of the whole, so that each pool gets the spikes of one layer of neurons."""

from __future__ import annotations

from spikelet import layers
from spikelet.conversion.activations import can_spike
from spikelet.layers.graph import Graph, Node

__all__ = ["MAX_POOLS", "pool_parts"]

MAX_POOLS = tuple(
    getattr(layers, f"{kind}{axes}d")
    for kind in ("MaxPool", "AdaptiveMaxPool")
    for axes in (1, 2, 3)
)


def pool_parts(graph: Graph) -> Graph:
    """Return the graph with each maximum pool of concatenated channels moved before the concatenation, exactly.

    Each part must be a neuron, and nothing else may use the parts or their concatenation. The concatenation takes the name
    of the pool, whose parts are called ``"name.0"``, ``"name.1"``, ...
    """
    moved = {
        node.inputs[0]: node
        for node in graph
        if isinstance(node.layer, MAX_POOLS) and _joins_neurons(graph, node.inputs[0])
    }
    nodes: list[Node] = []
    for node in graph:
        if node.name in moved:
            pool = moved[node.name]
            parts = [Node(f"{pool.name}.{k}", pool.layer, (p,)) for k, p in enumerate(node.inputs)]
            nodes += [*parts, Node(pool.name, node.layer, tuple(part.name for part in parts))]
        elif node not in moved.values():
            nodes.append(node)
    return Graph(nodes, inputs=graph.inputs, outputs=graph.outputs) if moved else graph


def _joins_neurons(graph: Graph, name: str) -> bool:
    """Return whether a node concatenates the channels of neurons, and nothing else uses them or it."""
    layer = graph[name].layer if name in graph else None
    if not isinstance(layer, layers.Concat) or layer.axis:
        return False
    parts = graph[name].inputs
    return all(n in graph and can_spike(graph[n].layer) for n in parts) and all(
        n not in graph.outputs and len(graph.consumers(n)) == 1 for n in (name, *parts)
    )
