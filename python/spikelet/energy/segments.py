"""How a hybrid network runs: what is constant, what changes from step to step, and when each is known.

A `ReLU` behind spikes waits for all their steps; a neuron behind a constant gets it as a current. So a network is cut
into segments of spiking layers that run one after the other, T steps each.
"""

from __future__ import annotations

from dataclasses import dataclass

from spikelet.layers import Neuron, ReLU
from spikelet.layers.graph import INPUT, Graph, Node

__all__ = ["Timing", "computed_once", "current_once", "receivers", "segments", "timings"]


@dataclass(frozen=True)
class Timing:
    """When a layer's output is there, in runs of T steps.

    Parameters
    ----------
    spiking : bool
        Whether it changes from step to step.
    since : int
        After how many runs its first step can come.
    known : int
        After how many runs its mean over all steps is known.
    """

    spiking: bool
    since: int
    known: int


def timings(graph: Graph, *, sequence: bool) -> dict[str, Timing]:
    """Return a Timing for each layer and for the input, which spikes (or changes) if it is a sequence."""
    result = {INPUT: Timing(sequence, 0, int(sequence))}
    for node in graph:
        given = [result[name] for name in node.inputs]
        # Neurons behind a sum of several have to wait for the first steps of all, the mean of a sum for all means.
        since, known = max(t.since for t in given), max(t.known for t in given)
        if isinstance(node.layer, ReLU):
            result[node.name] = Timing(False, known, known)
        elif isinstance(node.layer, Neuron):
            result[node.name] = Timing(True, since, since + 1)
        else:
            result[node.name] = Timing(any(t.spiking for t in given), since, known)
    return result


def segments(graph: Graph, *, sequence: bool) -> int:
    """Return how many runs of T steps follow each other until the output is known."""
    return timings(graph, sequence=sequence)[graph.output.name].known


def receivers(graph: Graph, name: str) -> list[Node]:
    """Return the neurons and ReLUs that a layer's output reaches first, and the output if it does."""
    found: dict[str, Node] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current == graph.output.name:
            found[current] = graph.output
        for node in graph.consumers(current):
            if isinstance(node.layer, (Neuron, ReLU)):
                found[node.name] = node
            else:
                waiting.append(node.name)
    return list(found.values())


def computed_once(graph: Graph, name: str, when: dict[str, Timing]) -> bool:
    """Whether a layer belongs to the ANN: its input is constant, and no spiking neuron gets its output."""
    constant = not any(when[source].spiking for source in graph[name].inputs)
    return constant and not any(isinstance(n.layer, Neuron) for n in receivers(graph, name))


def current_once(graph: Graph, name: str, when: dict[str, Timing]) -> bool:
    """Whether a layer turns a constant into the current of spiking neurons."""
    constant = not any(when[source].spiking for source in graph[name].inputs)
    return constant and not computed_once(graph, name, when)
