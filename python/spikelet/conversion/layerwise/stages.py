"""The order in which a network is converted: where a method is called, and which values are stored for later layers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from spikelet.conversion.layerwise.pools import MAX_POOLS
from spikelet.layers import Foreign, Graded, Reduce, ReLU
from spikelet.layers.graph import Graph

__all__ = ["Stages", "plan", "sources_of"]

_WAITING = (ReLU, Foreign)  # they wait for all steps of their inputs, and are constant from then on


@dataclass(frozen=True)
class Stages:
    """A plan to convert a network.

    Parameters
    ----------
    depths : mapping of str to int
        The neurons that become spiking, in topological order, with the number of spiking layers before each on the
        longest path.
    seeds : mapping of str to int
        A number for each of these neurons, with which positions are drawn.
    stored : mapping of str to str
        Nodes whose values are stored, by the node after which this is done: an input, a neuron that stays analog, or a
        spiking one, for which the pool behind it may be stored instead.
    until : mapping of str to str
        The last node, in topological order, for which a stored node is needed.
    constant : frozenset of str
        Nodes that do not change from step to step in the spiking network.
    exact : frozenset of str
        Nodes with the same values in both networks.
    """

    depths: Mapping[str, int]
    seeds: Mapping[str, int]
    stored: Mapping[str, str]
    until: Mapping[str, str]
    constant: frozenset[str]
    exact: frozenset[str]


def plan(graph: Graph, spiking: frozenset[str], coded: frozenset[str]) -> Stages:
    """Return the plan for a network whose neurons `spiking` become spiking, and whose inputs `coded` are spikes."""
    constant = {name for name in graph.inputs if name not in coded}
    exact = set(constant)
    stored = {name: name for name in graph.inputs}
    behind = dict.fromkeys(graph.inputs, 0)
    depths: dict[str, int] = {}
    seeds: dict[str, int] = {}
    others = 0  # inexact outputs and graded layers, which count in the seeds
    for node in graph:
        name, layer = node.name, node.layer
        depth = max((behind[i] for i in node.inputs), default=0)
        behind[name] = depth + (name in spiking)
        if name in spiking:
            seeds[name] = len(depths) + others
            depths[name] = depth
            stored[name] = _stored_for(graph, name)
            continue
        if all(i in exact for i in node.inputs):
            exact.add(name)
        else:
            graded = len(node.inputs) == 1 and isinstance(layer, (Graded, *_WAITING))
            others += name in graph.outputs or (graded and not isinstance(layer, Reduce))
            if isinstance(layer, _WAITING):
                stored[name] = name
        if isinstance(layer, _WAITING) or all(i in constant for i in node.inputs):
            constant.add(name)
    kept = set(stored.values())
    until: dict[str, str] = {}
    for node in graph:
        if node.name in stored:
            until.update(dict.fromkeys(sources_of(graph, stored[node.name], kept), node.name))
    return Stages(depths, seeds, stored, until, frozenset(constant), frozenset(exact))


def _stored_for(graph: Graph, name: str) -> str:
    """Return the node whose values are stored for a neuron: the pool behind it, if nothing else uses the neuron."""
    after = graph.consumers(name)
    alone = name not in graph.outputs and len(after) == 1
    return after[0].name if alone and isinstance(after[0].layer, MAX_POOLS) else name


def sources_of(graph: Graph, name: str, stored: Collection[str]) -> list[str]:
    """Return the stored nodes from which a node is computed."""
    found: list[str] = []
    seen, left = {name}, list(graph[name].inputs)
    while left:
        at = left.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in stored:
            found.append(at)
        else:
            left.extend(graph[at].inputs)
    return found
