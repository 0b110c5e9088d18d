"""The order in which a network is converted: where a method is called, and which values are stored for later layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from spikelet.conversion.layerwise.pools import MAX_POOLS
from spikelet.layers import Add, Foreign, Graded, Linear, Reduce, ReLU
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.graph import Graph

__all__ = ["Kind", "Stages", "linear_parts", "plan"]

_WEIGHTED = (Linear, Convolution, TransposedConvolution)
_WAITING = (ReLU, Foreign)  # they wait for all steps of their inputs, and are constant from then on

Kind: TypeAlias = Literal["neuron", "output", "graded"]


@dataclass(frozen=True)
class Stages:
    """A plan to convert a network.

    Parameters
    ----------
    sites : mapping of str to str
        What is decided at a node, by its name, in topological order: "neuron", "output" or "graded".
    stored : mapping of str to str
        Nodes whose values are stored, by the node after which this is done: an input, a neuron that stays analog, or a
        spiking one, whose own values are stored or those of the pool behind it.
    sources : mapping of str to frozenset of str
        The stored nodes from which the input of a site, or a stored node, is computed.
    until : mapping of str to str
        The last node, in topological order, for which a stored node is needed.
    constant : frozenset of str
        Nodes that do not change from step to step in the spiking network.
    exact : frozenset of str
        Nodes with the same values in both networks.
    depths : mapping of str to int
        Number of spiking layers before a site on the longest path.
    entries : mapping of str to str
        The node whose output a site is about: the one before a neuron or graded layer; an output itself.
    """

    sites: Mapping[str, Kind]
    stored: Mapping[str, str]
    sources: Mapping[str, frozenset[str]]
    until: Mapping[str, str]
    constant: frozenset[str]
    exact: frozenset[str]
    depths: Mapping[str, int]
    entries: Mapping[str, str]


def plan(graph: Graph, spiking: frozenset[str], coded: frozenset[str]) -> Stages:
    """Return the plan for a network whose neurons `spiking` become spiking, and whose inputs `coded` are spikes."""
    constant = {name for name in graph.inputs if name not in coded}
    exact, waiting = set(constant), set()
    behind = dict.fromkeys(graph.inputs, 0)
    sites: dict[str, Kind] = {}
    depths: dict[str, int] = {}
    entries: dict[str, str] = {}
    for node in graph:
        depth = max((behind[i] for i in node.inputs), default=0)
        behind[node.name] = depth + (node.name in spiking)
        if node.name in spiking:
            sites[node.name], depths[node.name] = "neuron", depth
            entries[node.name] = node.inputs[0]
            continue
        same = all(i in exact for i in node.inputs)
        if same:
            exact.add(node.name)
        if isinstance(node.layer, _WAITING) and not same:
            waiting.add(node.name)
        if isinstance(node.layer, _WAITING) or all(i in constant for i in node.inputs):
            constant.add(node.name)
        graded = len(node.inputs) == 1 and isinstance(node.layer, (Graded, *_WAITING))
        graded = graded and not isinstance(node.layer, Reduce)
        if not same and (graded or node.name in graph.outputs):
            sites[node.name] = "output" if node.name in graph.outputs else "graded"
            depths[node.name] = depth
            entries[node.name] = node.inputs[0] if graded else node.name
    stored = {name: name for name in (*graph.inputs, *waiting)}
    stored.update({name: _stored_for(graph, name) for name in spiking})
    kept = set(stored.values())
    sources, until = {}, {}
    for node in graph:
        if node.name in sites or node.name in stored:
            name = stored.get(node.name, node.name)
            sources[node.name] = _sources(graph, name, kept)
            until.update(dict.fromkeys(sources[node.name], node.name))
    return Stages(
        sites,
        stored,
        sources,
        until,
        frozenset(constant),
        frozenset(exact),
        depths,
        entries,
    )


def _stored_for(graph: Graph, name: str) -> str:
    """Return the node whose values stand for those of a neuron: a pool that alone uses them."""
    after = graph.consumers(name)
    alone = name not in graph.outputs and len(after) == 1
    return after[0].name if alone and isinstance(after[0].layer, MAX_POOLS) else name


def _sources(graph: Graph, name: str, stored: set[str]) -> frozenset[str]:
    found: set[str] = set()
    seen, left = {name}, list(graph[name].inputs)
    while left:
        at = left.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in stored:
            found.add(at)
        else:
            left.extend(graph[at].inputs)
    return frozenset(found)


def linear_parts(graph: Graph, source: str) -> tuple[str, ...]:
    """Return the names of the layers with weights whose sum is the output of `source`, and that feed nothing else."""
    if source in graph.inputs or len(graph.consumers(source)) + (source in graph.outputs) > 1:
        return ()
    node = graph[source]
    if isinstance(node.layer, Add):
        return tuple(name for part in node.inputs for name in linear_parts(graph, part))
    return (source,) if isinstance(node.layer, _WEIGHTED) else ()
