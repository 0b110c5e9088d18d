"""Relays: neurons that send the values of graded units on as spikes.

A layer with weights behind a layer norm, a product or a softmax multiplies at each step, because its input is values. A relay
between the two is an activation that changes nothing, and becomes pairs of neurons as other activations do: the layer then adds
weights for spikes.
"""

from __future__ import annotations

from spikelet.conversion.activations import can_spike
from spikelet.layers import Activation, Graded, Linear
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.graph import Graph, Node
from spikelet.layers.movement import Movement

__all__ = ["with_relays"]


def with_relays(graph: Graph) -> Graph:
    """Return the graph with a relay before each layer with weights whose input is the values of a graded unit."""
    nodes: list[Node] = []
    made: dict[str, str] = {}
    for node in graph:
        first, *others = node.inputs or ("",)
        weighs = isinstance(node.layer, Linear | Convolution | TransposedConvolution)
        if weighs and _is_graded(graph, first):
            if first not in made:
                made[first] = f"{first}.relay"
                nodes.append(Node(made[first], Activation("clip"), (first,)))
            node = Node(node.name, node.layer, (made[first], *others))  # noqa: PLW2901
        nodes.append(node)
    return Graph(nodes, inputs=graph.inputs, outputs=graph.outputs)


def _is_graded(graph: Graph, name: str) -> bool:
    """Return whether values come from a graded unit, moved perhaps."""
    while name not in graph.inputs and isinstance(graph[name].layer, Movement):
        name = graph[name].inputs[0]
    if name in graph.inputs:
        return False
    return isinstance(graph[name].layer, Graded) and not can_spike(graph[name].layer)
