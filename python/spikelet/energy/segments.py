"""The schedule of a hybrid network: which outputs are constant, which change from step to step, and when each is known.

A `ReLU` after spikes waits for all their steps; a neuron after a constant gets it as a current. A network is therefore
cut into segments of spiking layers that run one after the other, T steps each.
"""

from __future__ import annotations

from dataclasses import dataclass

from spikelet.layers import LI, Foreign, Graded, Neuron, ReLU
from spikelet.layers.graph import Graph, Node


@dataclass(frozen=True)
class Timing:
    """When the output of a layer is available, in runs of T steps.

    Parameters
    ----------
    spiking : bool
        Whether it changes from step to step.
    since : int
        Number of runs before its first step.
    known : int
        Number of runs before its mean over all steps is known.
    """

    spiking: bool
    since: int
    known: int


def timings(graph: Graph, *, sequence: bool) -> dict[str, Timing]:
    """Return the Timing of each layer and input; inputs change from step to step if they are sequences."""
    result = {name: Timing(sequence, 0, int(sequence)) for name in graph.inputs}
    back = Timing(True, 0, 0)  # what a delay sends from a later layer, in a cycle
    for node in graph:
        given = [result.get(name, back) for name in node.inputs]
        # Neurons after a sum wait for the first steps of all its terms; the mean of a sum needs all their means.
        since = max((t.since for t in given), default=0)
        known = max((t.known for t in given), default=0)
        if isinstance(node.layer, (Foreign, ReLU)):
            result[node.name] = Timing(False, known, known)
        elif isinstance(node.layer, (LI, Neuron)):
            result[node.name] = Timing(True, since, since + 1)
        else:
            result[node.name] = Timing(any(t.spiking for t in given), since, known)
    return result


def segments(graph: Graph, *, sequence: bool) -> int:
    """Return the number of consecutive runs of T steps until all outputs are known."""
    when = timings(graph, sequence=sequence)
    return max(when[name].known for name in graph.outputs)


def receivers(graph: Graph, name: str) -> list[Node]:
    """Return the neurons and ReLUs that the output of a layer reaches first, and the output layers that it reaches."""
    found: dict[str, Node] = {}
    waiting, seen = [name], set()
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if current in graph.outputs:
            found[current] = graph[current]
        for node in graph.consumers(current):
            if isinstance(node.layer, (LI, Neuron, ReLU)):
                found[node.name] = node
            else:
                waiting.append(node.name)
    return list(found.values())


def feeds_neurons(graph: Graph, name: str) -> bool:
    """Return whether neurons receive the output of a layer, which need it at each step."""
    return any(isinstance(node.layer, (LI, Neuron)) for node in receivers(graph, name))


def needed_as_mean(graph: Graph, name: str, when: dict[str, Timing]) -> bool:
    """Return whether a layer sums spikes, and only the mean of its output is needed: it ends a segment of the network.

    Layers behind graded units do not count as such: their inputs are numbers at every step.
    """
    changes = any(when[source].spiking for source in graph[name].inputs)
    if not changes or feeds_neurons(graph, name):
        return False
    waiting, seen = list(graph[name].inputs), set(graph.inputs)
    while waiting:
        source = waiting.pop()
        if source in seen or isinstance(graph[source].layer, (LI, Neuron, ReLU)):
            continue
        if isinstance(graph[source].layer, (Foreign, Graded)):
            return False
        seen.add(source)
        waiting += graph[source].inputs
    return True
