"""Pool the parts of a concatenation instead of the whole, so that each pool gets the spikes of one layer of neurons."""

from __future__ import annotations

from spikelet import layers
from spikelet.conversion.activations import can_spike
from spikelet.conversion.passes import MutableGraph
from spikelet.layers.graph import Node

__all__ = ["MAX_POOLS", "pool_parts"]

MAX_POOLS = tuple(
    getattr(layers, f"{kind}{axes}d")
    for kind in ("MaxPool", "AdaptiveMaxPool")
    for axes in (1, 2, 3)
)


def pool_parts(work: MutableGraph) -> None:
    """Move each maximum pool of concatenated channels before the concatenation, exactly.

    Each part must be a neuron, and nothing else may use the parts or their concatenation. The concatenation takes the name
    of the pool, whose parts are called ``"name.0"``, ``"name.1"``, ...
    """
    uses = work.uses()

    def joins_neurons(name: str) -> bool:
        node = work.nodes.get(name)
        if node is None or not isinstance(node.layer, layers.Concat) or node.layer.axis:
            return False
        parts = [work.nodes[n].layer for n in node.inputs if n in work.nodes]
        alone = all(uses[n] == 1 for n in (name, *node.inputs))
        return alone and len(parts) == len(node.inputs) and all(map(can_spike, parts))

    pools = [node for node in work.nodes.values() if isinstance(node.layer, MAX_POOLS)]
    moved = {pool.inputs[0]: pool for pool in pools if joins_neurons(pool.inputs[0])}
    nodes: list[Node] = []
    for node in work.nodes.values():
        if node.name in moved:
            pool = moved[node.name]
            parts = [Node(f"{pool.name}.{k}", pool.layer, (p,)) for k, p in enumerate(node.inputs)]
            nodes += [*parts, Node(pool.name, node.layer, tuple(part.name for part in parts))]
        elif node not in moved.values():
            nodes.append(node)
    work.update(nodes)
