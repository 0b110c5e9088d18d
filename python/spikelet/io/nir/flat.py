"""A graph without nesting: nodes by their path, edges between them, and the shape of each signal."""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.spelling import suggestion
from spikelet.io.nir.fields import GRAPH, NEURONS, check, known_kind, values_of
from spikelet.io.nir.node_layers import output_shape, own_shapes
from spikelet.layers import Shape

MAX_DEPTH = 32  # of nested graphs


@dataclass(eq=False)
class FlatNode:
    """A node of a flat graph.

    Attributes
    ----------
    name : str
        Its path: ``"lif"``, ``"block/lif"`` in a nested graph.
    kind : str
        The primitive.
    where : str
        File or caller, and its name, for error messages.
    values : mapping
        Its fields, checked: numbers as float64, whole numbers as int64.
    metadata : mapping
    sources : tuple of str
        The nodes whose outputs are summed, in the order of the edges.
    takes, sends : tuple of int
        Shapes of its input and output.
    """

    name: str
    kind: str
    where: str
    values: Mapping[str, Any]
    metadata: Mapping[str, Any]
    sources: tuple[str, ...] = ()
    takes: Shape = ()
    sends: Shape = ()

    @property
    def remembers(self) -> bool:
        """True if it has a state."""
        return self.kind in NEURONS or self.kind == "Delay"


@dataclass(eq=False)
class FlatGraph:
    """Nodes by name, and which of them are inputs and outputs.

    Attributes
    ----------
    where : str
        File or caller, for error messages.
    nodes : mapping of str to FlatNode
    edges : list of (str, str)
        Those of one graph are in the order of its list.
    inputs, outputs : mapping of str to str
        Nodes by the names that users see.
    entries, exits : mapping of str to list of str
        The inputs and outputs of nested graphs, by the path of the graph.
    """

    where: str
    nodes: dict[str, FlatNode] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    entries: dict[str, list[str]] = field(default_factory=dict)
    exits: dict[str, list[str]] = field(default_factory=dict)

    @property
    def aliases(self) -> Mapping[str, str]:
        """The nodes that stand for the outputs of nested graphs."""
        return {name: exits[0] for name, exits in self.exits.items() if len(exits) == 1}

    def node(self, where: str, argument: str, name: str) -> FlatNode:
        """Return a node, or the output of a nested graph, by its name."""
        found = self.nodes.get(self.aliases.get(name, name))
        if found is None:
            hint = suggestion(str(name), [*self.nodes, *self.aliases])
            fail(where, argument, name, f"must name a node{hint}")
        return found


def flatten(graph: Any, where: str) -> FlatGraph:
    """Return a graph without nesting, after all checks that do not depend on the time step.

    Raises
    ------
    ValueError
        If it is not a graph of NIR's primitives; the message names the node or the edge, and the rule.
    """
    flat = FlatGraph(where)
    _collect(graph, "", flat)
    if not flat.nodes:
        fail(where, "nodes", [], "must hold at least one node")
    _find_ends(graph, flat)
    for before, after in flat.edges:
        flat.nodes[after].sources += (before,)
    _fill_shapes(flat)
    _require_memory(flat)
    return flat


def _collect(graph: Any, prefix: str, flat: FlatGraph) -> None:
    where = flat.where
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
            _collect(node, f"{path}/", flat)
            inner = [(f"{path}/{k}", type(n).__name__) for k, n in node.nodes.items()]
            flat.entries[path] = [k for k, t in inner if t == "Input"]
            flat.exits[path] = [k for k, t in inner if t == "Output"]
        else:
            values = check(here, kind, values_of(node))
            flat.nodes[path] = FlatNode(path, kind, here, values, node.metadata or {})
    seen = set()
    for edge in graph.edges:
        before, after = _edge(edge, graph, where, prefix)
        if (before, after) in seen:
            fail(where, "edge", f"{before} -> {after}", "must not be given twice")
        seen.add((before, after))
        begin, end = (
            _end(flat.exits, before, "Output", where),
            _end(flat.entries, after, "Input", where),
        )
        flat.edges.append((begin, end))


def _edge(edge: Any, graph: Any, where: str, prefix: str) -> tuple[str, str]:
    if not isinstance(edge, (tuple, list, np.ndarray)) or len(edge) != 2:
        fail(where, "edges", edge, "must be pairs of names")
    ends = [name.decode() if isinstance(name, bytes) else name for name in edge]
    for name in ends:
        if name not in graph.nodes:
            hint = suggestion(str(name), graph.nodes)
            within = f" of '{prefix[:-1]}'" if prefix else ""
            text = " -> ".join(map(str, ends))
            fail(where, f"edge {text!r}{within}", name, f"must join two nodes of the graph{hint}")
    return f"{prefix}{ends[0]}", f"{prefix}{ends[1]}"


def _end(ends: Mapping[str, list[str]], name: str, kind: str, where: str) -> str:
    """Return the node at which an edge begins or ends: that of a nested graph is within it."""
    found = ends.get(name, [name])
    if len(found) != 1:
        rule = f"must have one {kind}, as edges do not say which they mean"
        fail(where, f"nested graph '{name}'", found, rule)
    return found[0]


def _find_ends(graph: Any, flat: FlatGraph) -> None:
    """Find inputs and outputs; like the standard, nodes without edges into or out of them are such, too."""
    targets, origins = {b for _, b in flat.edges}, {a for a, _ in flat.edges}
    for name in sorted(graph.nodes):
        kind = flat.nodes[name].kind if name in flat.nodes else GRAPH
        first, last = flat.entries.get(name, [name]), flat.exits.get(name, [name])
        if kind == "Input":
            flat.inputs[name] = name
        elif len(first) == 1 and first[0] not in targets:
            if kind == "Output":
                fail(flat.where, f"node '{name}' (Output)", [], "must have an edge into it")
            flat.inputs[f"input_{name}"] = first[0]
        if kind == "Output":
            flat.outputs[name] = name
        elif kind != "Input" and len(last) == 1 and last[0] not in origins:
            flat.outputs[f"output_{name}"] = last[0]


def _fill_shapes(flat: FlatGraph) -> None:
    """Fill in the shapes that reach and leave each node, from those that nodes fix and from the signals."""
    sends: dict[str, Shape] = {}
    for name, node in flat.nodes.items():
        takes, own = own_shapes(node.kind, node.values)
        if own is None and takes is not None and not node.sources:
            own = output_shape(node.where, node.kind, node.values, takes)
        if own is not None:
            sends[name] = own
    targets: dict[str, list[FlatNode]] = defaultdict(list)
    for before, after in flat.edges:
        targets[before].append(flat.nodes[after])
    waiting = list(sends)
    while waiting:
        before = waiting.pop()
        for node in targets[before]:
            if node.name not in sends:
                _require_size(node, before, sends[before])
                given = sends[before]
                sends[node.name] = output_shape(node.where, node.kind, node.values, given)
                waiting.append(node.name)
    for name, node in flat.nodes.items():
        if name not in sends:
            fail(node.where, "input shape", None, "cannot be inferred: connect it to an Input")
        node.sends, (fixed, _) = sends[name], own_shapes(node.kind, node.values)
        arriving = [sends[before] for before in node.sources]
        node.takes = next(iter(arriving), node.sends if fixed is None else fixed)
        wanted = node.takes if fixed is None else fixed
        for before, shape in zip(node.sources, arriving, strict=True):
            _require_size(node, before, shape)
            if shape != wanted:
                fail(node.where, f"input shape from '{before}'", shape, f"must be {wanted}")


def _require_size(node: FlatNode, before: str, shape: Shape) -> None:
    """Check what reaches an Output: it may declare another shape, of as many values, as old files do."""
    if node.kind == "Output":
        declared = tuple(node.values["shape"].tolist())
        if np.prod(declared, dtype=float) != np.prod(shape, dtype=float):
            fail(node.where, f"input shape from '{before}'", shape, f"must be {declared}")


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
