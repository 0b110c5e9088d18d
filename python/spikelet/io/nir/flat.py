"""A graph without nesting: nodes by their path, edges between them, and the shape of each signal."""

from __future__ import annotations

import difflib
import graphlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet.io.nir.fields import GRAPH, NEURONS, check, known_kind, values_of
from spikelet.io.nir.node_layers import layers_of, output_shape, own_shapes
from spikelet.layers import Layer, Shape

__all__ = ["FlatGraph", "FlatNode", "flatten"]

MAX_DEPTH = 32  # of nested graphs


@dataclass(frozen=True, eq=False)
class FlatNode:
    """A node of a flat graph.

    Attributes
    ----------
    name : str
        Its path: ``"lif"``, ``"block/lif"`` in a nested graph.
    kind : str
        The primitive.
    values : mapping
        Its fields, checked: numbers as float64, whole numbers as int64.
    sources : tuple of str
        The nodes whose outputs are summed, in the order of the edges.
    takes, sends : tuple of int
        Shapes of its input and output.
    metadata : mapping
    """

    name: str
    kind: str
    values: Mapping[str, Any]
    sources: tuple[str, ...]
    takes: Shape
    sends: Shape
    metadata: Mapping[str, Any]

    @property
    def remembers(self) -> bool:
        """True if it has a state."""
        return self.kind in NEURONS or self.kind == "Delay"

    @property
    def layers(self) -> list[Layer]:
        """The layers that compute a node without a state."""
        return layers_of(self.kind, self.values, self.takes)


@dataclass(frozen=True, eq=False)
class FlatGraph:
    """Nodes by name, and which of them are inputs and outputs.

    Attributes
    ----------
    where : str
        What it was read from, for error messages.
    nodes : mapping of str to FlatNode
    edges : tuple of (str, str)
        Those of one graph are in the order of its list.
    inputs, outputs : mapping of str to str
        Nodes by the names that users see.
    aliases : mapping of str to str
        The nodes that stand for the outputs of nested graphs.
    """

    where: str
    nodes: Mapping[str, FlatNode]
    edges: tuple[tuple[str, str], ...]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    aliases: Mapping[str, str]

    def node(self, where: str, argument: str, name: str) -> FlatNode:
        """Return a node, or the output of a nested graph, by its name."""
        found = self.nodes.get(self.aliases.get(name, name))
        if found is None:
            near = difflib.get_close_matches(str(name), [*self.nodes, *self.aliases], 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            fail(where, argument, name, f"must name a node{hint}")
        return found


@dataclass
class _Parts:
    kinds: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    metadata: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    entries: dict[str, list[str]] = field(default_factory=dict)  # of nested graphs
    exits: dict[str, list[str]] = field(default_factory=dict)


def flatten(graph: Any, where: str) -> FlatGraph:
    """Return a graph without nesting, after all checks that do not depend on the time step.

    Raises
    ------
    ValueError
        If it is not a graph of NIR's primitives; the message names the node or the edge, and the rule.
    """
    parts = _Parts()
    _collect(graph, where, "", parts)
    if not parts.kinds:
        fail(where, "nodes", [], "must hold at least one node")
    inputs, outputs = _ends(graph, parts, where)
    sources: dict[str, list[str]] = {name: [] for name in parts.kinds}
    for before, after in parts.edges:
        sources[after].append(before)
    takes, sends = _shapes(parts, sources, where)
    nodes = {
        name: FlatNode(
            name,
            kind,
            parts.values[name],
            tuple(sources[name]),
            takes[name],
            sends[name],
            parts.metadata[name],
        )
        for name, kind in parts.kinds.items()
    }
    aliases = {name: exits[0] for name, exits in parts.exits.items() if len(exits) == 1}
    flat = FlatGraph(where, nodes, tuple(parts.edges), inputs, outputs, aliases)
    _require_memory(flat)
    return flat


def _collect(graph: Any, where: str, prefix: str, parts: _Parts) -> None:
    if prefix.count("/") > MAX_DEPTH:
        fail(where, "nodes", prefix, f"must be nested at most {MAX_DEPTH} deep")
    if not isinstance(graph.nodes, Mapping):
        fail(where, "nodes", graph.nodes, "must be a dict of nodes", error=TypeError)
    for name, node in graph.nodes.items():
        if not isinstance(name, str) or not name or "/" in name or name in (".", ".."):
            rule = "must be a text without '/', which HDF5 takes as a path"
            fail(where, "name of a node", name, rule)
        path, kind = f"{prefix}{name}", type(node).__name__
        here = f"{where}: node '{path}' ({kind})"
        known_kind(here, kind)
        if kind == GRAPH:
            _collect(node, where, f"{path}/", parts)
            inner = [(k, type(n).__name__) for k, n in node.nodes.items()]
            parts.entries[path] = [f"{path}/{k}" for k, t in inner if t == "Input"]
            parts.exits[path] = [f"{path}/{k}" for k, t in inner if t == "Output"]
        else:
            parts.kinds[path] = kind
            parts.values[path] = check(here, kind, values_of(node))
            parts.metadata[path] = node.metadata or {}
    seen = set()
    for edge in graph.edges:
        before, after = _edge(edge, graph, where, prefix)
        if (before, after) in seen:
            fail(where, "edge", f"{before} -> {after}", "must not be given twice")
        seen.add((before, after))
        parts.edges.append(
            (_end(parts.exits, before, "Output", where), _end(parts.entries, after, "Input", where))
        )


def _edge(edge: Any, graph: Any, where: str, prefix: str) -> tuple[str, str]:
    if not isinstance(edge, (tuple, list, np.ndarray)) or len(edge) != 2:
        fail(where, "edges", edge, "must be pairs of names")
    ends = [name.decode() if isinstance(name, bytes) else name for name in edge]
    for name in ends:
        if name not in graph.nodes:
            near = difflib.get_close_matches(str(name), list(graph.nodes), 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            within = f" of '{prefix[:-1]}'" if prefix else ""
            text = " -> ".join(map(str, ends))
            fail(where, f"edge {text!r}{within}", name, f"must join two nodes of the graph{hint}")
    return f"{prefix}{ends[0]}", f"{prefix}{ends[1]}"


def _end(ends: Mapping[str, list[str]], name: str, kind: str, where: str) -> str:
    """Return the node at which an edge begins or ends: that of a nested graph is within it."""
    if name not in ends:
        return name
    if len(ends[name]) != 1:
        rule = f"must have one {kind}, as edges do not say which they mean"
        fail(where, f"nested graph '{name}'", ends[name], rule)
    return ends[name][0]


def _ends(graph: Any, parts: _Parts, where: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return inputs and outputs; like the standard, nodes without edges into or out of them are such, too."""
    targets, origins = {b for _, b in parts.edges}, {a for a, _ in parts.edges}
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    for name in sorted(graph.nodes):
        kind = parts.kinds.get(name, GRAPH)
        first = parts.entries.get(name, [name])
        last = parts.exits.get(name, [name])
        if kind == "Input":
            inputs[name] = name
        elif len(first) == 1 and first[0] not in targets:
            if kind == "Output":
                fail(where, f"node '{name}' (Output)", [], "must have an edge into it")
            inputs[f"input_{name}"] = first[0]
        if kind == "Output":
            outputs[name] = name
        elif kind != "Input" and len(last) == 1 and last[0] not in origins:
            outputs[f"output_{name}"] = last[0]
    return inputs, outputs


def _shapes(
    parts: _Parts, sources: Mapping[str, list[str]], where: str
) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Return the shapes that reach and leave each node, from those that nodes fix and from the signals."""
    takes: dict[str, Shape] = {}
    sends: dict[str, Shape] = {}
    targets: dict[str, list[str]] = defaultdict(list)
    for name, senders in sources.items():
        for sender in senders:
            targets[sender].append(name)
    for name, kind in parts.kinds.items():
        own = own_shapes(kind, parts.values[name])
        if own[1] is not None:
            sends[name] = own[1]
        elif own[0] is not None and not sources[name]:
            here = f"{where}: node '{name}' ({kind})"
            sends[name] = output_shape(here, kind, parts.values[name], own[0])
    waiting = list(sends)
    while waiting:
        before = waiting.pop()
        for name in targets[before]:
            if name not in sends:
                here = f"{where}: node '{name}' ({parts.kinds[name]})"
                shape = _arriving(here, parts, name, before, sends[before])
                sends[name] = output_shape(here, parts.kinds[name], parts.values[name], shape)
                waiting.append(name)
    for name, kind in parts.kinds.items():
        here = f"{where}: node '{name}' ({kind})"
        if name not in sends:
            fail(here, "input shape", None, "cannot be inferred: connect it to an Input")
        fixed = own_shapes(kind, parts.values[name])[0]
        arriving = {
            before: _arriving(here, parts, name, before, sends[before]) for before in sources[name]
        }
        takes[name] = next(iter(arriving.values()), fixed if fixed is not None else sends[name])
        for before, shape in arriving.items():
            if shape != takes[name] or (fixed is not None and shape != fixed):
                wanted = fixed if fixed is not None else takes[name]
                fail(here, f"input shape from '{before}'", shape, f"must be {wanted}")
    return takes, sends


def _arriving(here: str, parts: _Parts, name: str, before: str, shape: Shape) -> Shape:
    """Return the shape that reaches a node; an Output may declare another, of as many values, as old files do."""
    if parts.kinds[name] == "Output":
        declared = tuple(parts.values[name]["shape"].tolist())
        if np.prod(declared, dtype=float) != np.prod(shape, dtype=float):
            fail(here, f"input shape from '{before}'", shape, f"must be {declared}")
    return shape


def _require_memory(flat: FlatGraph) -> None:
    """Check that each cycle holds a node with a state: the others depend on themselves within a step."""
    plain = {
        name: [s for s in node.sources if not _holds(flat.nodes[s])]
        for name, node in flat.nodes.items()
        if not _holds(node)
    }
    try:
        graphlib.TopologicalSorter(plain).prepare()
    except graphlib.CycleError as error:
        cycle = " -> ".join(error.args[1])
        rule = "must hold a neuron, or a Delay of at least one step"
        fail(flat.where, "cycle", cycle, rule)


def _holds(node: FlatNode) -> bool:
    return node.kind in NEURONS or (node.kind == "Delay" and bool((node.values["delay"] > 0).all()))
