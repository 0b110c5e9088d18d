"""Relays: neurons that send the values of graded units on as spikes.

A layer with weights behind a layer norm, a product or a softmax multiplies at each step, because its input is values. A relay
between the two is an activation that changes nothing, and becomes pairs of neurons as other activations do: the layer then adds
weights for spikes.
"""

from __future__ import annotations

from collections.abc import Mapping

from spikelet.conversion.activations import can_spike
from spikelet.conversion.passes import MutableGraph
from spikelet.layers import Activation, Graded, Linear
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.graph import Node
from spikelet.layers.movement import Movement

__all__ = ["add_relays"]


def add_relays(work: MutableGraph) -> None:
    """Add a relay before each layer with weights whose input is the values of a graded unit."""
    nodes: list[Node] = []
    made: dict[str, str] = {}
    for node in work.nodes.values():
        first, *others = node.inputs or ("",)
        weighs = isinstance(node.layer, Linear | Convolution | TransposedConvolution)
        if weighs and _is_graded(work.nodes, first):
            if first not in made:
                made[first] = f"{first}.relay"
                nodes.append(Node(made[first], Activation("clip"), (first,)))
            node = Node(node.name, node.layer, (made[first], *others))  # noqa: PLW2901
        nodes.append(node)
    work.update(nodes)


def _is_graded(nodes: Mapping[str, Node], name: str) -> bool:
    """Return whether values come from a graded unit, moved perhaps."""
    while name in nodes and isinstance(nodes[name].layer, Movement):
        name = nodes[name].inputs[0]
    layer = nodes[name].layer if name in nodes else None
    return isinstance(layer, Graded) and not can_spike(layer)
