"""Passes over a graph: each changes its nodes in place, and the graph is made once, behind the last one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from spikelet._util.checks import fail
from spikelet.layers import Shape
from spikelet.layers.graph import Graph, Node


class MutableGraph:
    """The nodes of a graph while passes change them.

    Parameters
    ----------
    graph : Graph
    shapes : mapping of str to tuple of int, optional
        Shape of each input and node, for the passes that need them.

    Attributes
    ----------
    nodes : dict of str to Node
        By name, in the order in which they run.
    """

    def __init__(self, graph: Graph, shapes: Mapping[str, Shape] | None = None) -> None:
        self.inputs, self.outputs = graph.inputs, graph.outputs
        self.nodes = {node.name: node for node in graph}
        self.shapes = dict(shapes or {})

    def uses(self) -> Counter[str]:
        """Return how many nodes take each node or input; an output counts as one."""
        uses = Counter(name for node in self.nodes.values() for name in set(node.inputs))
        uses.update(self.outputs)
        return uses

    def update(self, nodes: Iterable[Node], instead: Mapping[str, str] | None = None) -> None:
        """Replace the nodes, and drop those that lead to no output.

        Parameters
        ----------
        nodes : iterable of Node
        instead : mapping of str to str, optional
            Nodes that others take instead of some; it may name nodes that are replaced themselves.
        """

        def origin(name: str) -> str:
            return origin(instead[name]) if instead and name in instead else name

        made = {n.name: Node(n.name, n.layer, tuple(map(origin, n.inputs))) for n in nodes}
        needed = dict.fromkeys(self.outputs)
        for name in (queue := list(needed)):
            new = [i for i in made[name].inputs if i in made and i not in needed]
            needed.update(dict.fromkeys(new))
            queue += dict.fromkeys(new)
        self.nodes = {name: node for name, node in made.items() if name in needed}
        for name, node in self.nodes.items():
            if self.shapes and name not in self.shapes:
                inputs = [self.shapes[i] for i in node.inputs]
                self.shapes[name] = node.layer.output_shape(inputs, name)


Pass: TypeAlias = Callable[[MutableGraph], None]


def run_passes(
    where: str, graph: Graph, *passes: Pass, shapes: Mapping[str, Shape] | None = None
) -> Graph:
    """Return what passes make of a graph, which is not modified; the graph itself if they change nothing."""
    if not isinstance(graph, Graph):
        fail(where, "graph", type(graph).__name__, "must be a Graph", error=TypeError)
    work = MutableGraph(graph, shapes)
    for change in passes:
        change(work)
    nodes = tuple(work.nodes.values())
    return graph if nodes == graph.nodes else Graph(nodes, where, graph.inputs, graph.outputs)
