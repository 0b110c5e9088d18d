"""The graph of a layered model: named layers in the order in which they run, each with the names of its inputs."""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NoReturn, TypeAlias

import numpy as np

from spikelet._util.checks import fail, shown
from spikelet._util.sealed import Sealed
from spikelet.layers.base import Layer
from spikelet.layers.linear import Add, Delay, DelayedLinear, Linear
from spikelet.layers.views import Shape

__all__ = ["Graph", "Node"]

INPUT = "input"  # the name of the input of a model that has one

LayerLike: TypeAlias = "Layer | Node | tuple[str, Layer, Iterable[str]]"
Shapes: TypeAlias = "Shape | Sequence[Shape] | Mapping[str, Shape]"


@dataclass(frozen=True)
class Node:
    """A layer in a graph.

    Parameters
    ----------
    name : str
        Name, unique in the graph.
    layer : Layer
    inputs : tuple of str
        Names of earlier nodes, or of inputs of the model. A `Delay` of at least one step may name a later node.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]


class Graph(Sealed):
    """Layers in the order in which a step runs them: each comes after its inputs.

    Only a `Delay` of at least one step may come before its input, which is then that of an earlier step: each cycle of a
    recurrent network goes through one.

    Parameters
    ----------
    layers : iterable of Layer, Node or (name, Layer, inputs)
        A bare layer takes the output of the layer before it, the first one the model's first input.
    where : str
        What is being built, for error messages.
    inputs : sequence of str
        Names of the model's inputs.
    outputs : sequence of str, optional
        Names of the layers whose outputs are the model's; by default the last layer. An output may also be the input of
        other layers.

    Raises
    ------
    TypeError
        If an item is not a layer.
    ValueError
        If names are not unique, an input or output is unknown, an input or the output of a layer is not used, or a cycle
        has no `Delay`.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    _instead: ClassVar = {"": "make another graph, as with replaced()"}

    def __init__(
        self,
        layers: Iterable[LayerLike],
        where: str = "SpikingModel",
        inputs: Sequence[str] = (INPUT,),
        outputs: Sequence[str] | None = None,
    ) -> None:
        self.inputs = _names(where, "inputs", inputs)
        nodes: list[Node] = []
        for k, item in enumerate(layers):
            before = nodes[-1].name if nodes else self.inputs[0]
            nodes.append(_node(where, k, item, before))
        if not nodes:
            fail(where, "layers", [], "must hold at least one layer")
        names = set(self.inputs)
        for node in nodes:
            if node.name in names:
                fail(where, "name", node.name, "must be unique")
            names.add(node.name)
        self.nodes = tuple(nodes)
        self._by_name = {node.name: node for node in nodes}
        known = set(self.inputs)
        for node in nodes:
            later = isinstance(node.layer, Delay) and node.layer.breaks_cycles
            for name in node.inputs:
                if name not in known and not (later and name in names):
                    self._refuse_order(where, node, name)
            known.add(node.name)
        self.outputs = (nodes[-1].name,) if outputs is None else _names(where, "outputs", outputs)
        for name in self.outputs:
            if name not in self._by_name:
                fail(where, "outputs", name, "must be names of layers")
        used = {name for node in nodes for name in node.inputs}.union(self.outputs)
        for node in nodes:
            if node.name not in used:
                fail(where, "layers", node.name, "must all lead to an output", got="unused")
        for name in self.inputs:
            if name not in used:
                what = "the input" if len(self.inputs) == 1 else f"the input '{name}'"
                fail(where, "layers", [n.name for n in nodes], f"must use {what}")

    def _refuse_order(self, where: str, node: Node, name: str) -> NoReturn:
        """Refuse an input that is not an earlier layer, and name the cycle if there is one."""
        before = self._search([name], lambda n: self._by_name[n].inputs if n in self else ())
        if node.name in before:
            cycle = [node.name]
            while cycle[-1] != name:
                cycle.append(before[cycle[-1]])
            rule = "must go through a Delay of at least one step"
            fail(where, "layers", cycle, rule, got="the cycle")
        fail(where, f"inputs of '{node.name}'", name, "must be the name of an earlier layer")

    def _search(
        self, begin: Iterable[str], following: Callable[[str], Iterable[str]]
    ) -> dict[str, str]:
        """Return all names that can be reached from some, each with the one from which it was reached first."""
        found = {name: name for name in begin}
        for name in (queue := list(found)):
            for other in following(name):
                if other not in found:
                    found[other] = name
                    queue.append(other)
        return found

    def _needed(self, wanted: Iterable[str], given: Collection[str] = ()) -> set[str]:
        """Return all layers and inputs on which some depend, but not those behind the given ones."""

        def inputs(name: str) -> tuple[str, ...]:
            return self._by_name[name].inputs if name in self and name not in given else ()

        return set(self._search(wanted, inputs))

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, name: str) -> Node:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    @property
    def output(self) -> Node:
        """The layer whose output is the model's: the first of several."""
        return self._by_name[self.outputs[0]]

    def shapes(self, input_shape: Shapes) -> dict[str, Shape]:
        """Return the shapes of all inputs, and of the output of each layer, for one sample.

        Parameters
        ----------
        input_shape : tuple of int; for several inputs a sequence of shapes, or a mapping by name
            Shape of one sample.

        Raises
        ------
        ValueError
            If there is not a shape for each input, or a layer cannot take its inputs; the message names the layer.
        """
        shapes = self._input_shapes(input_shape)
        guessed = self._guessed(shapes) if self.loops else shapes
        for node in self.nodes:
            inputs = [(shapes if name in shapes else guessed)[name] for name in node.inputs]
            shapes[node.name] = node.layer.output_shape(inputs, node.name)
        for delay, source in self.loops:
            if shapes[delay] != shapes[source]:
                rule = f"must have the shape of the output of '{delay}', {shapes[delay]}"
                fail("Graph.shapes", f"'{source}'", shapes[source], rule, got="shape")
        return shapes

    def _guessed(self, known: Mapping[str, Shape]) -> dict[str, Shape]:
        """Return shapes that follow without those of cycles: from weights, or from one input of a sum."""
        found = dict(known)
        while left := [node for node in self.nodes if node.name not in found]:
            for node in left:
                shapes = [found[name] for name in node.inputs if name in found]
                if isinstance(node.layer, (Linear, DelayedLinear)):
                    found[node.name] = (len(node.layer.weight),)
                elif shapes and (len(shapes) == len(node.inputs) or isinstance(node.layer, Add)):
                    shapes += shapes[:1] * (len(node.inputs) - len(shapes))
                    found[node.name] = node.layer.output_shape(shapes, node.name)
            if not any(node.name in found for node in left):
                cycle = [node.name for node in left]
                rule = "must have a weight matrix, or a sum with an input of known shape"
                fail("Graph.shapes", "layers", cycle, rule, got="the cycle")
        return found

    @property
    def loops(self) -> tuple[tuple[str, str], ...]:
        """Each `Delay` that comes before its input, with the name of that input."""
        place = {node.name: k for k, node in enumerate(self.nodes)}
        return tuple(
            (node.name, name)
            for k, node in enumerate(self.nodes)
            for name in node.inputs
            if place.get(name, -1) >= k
        )

    def _input_shapes(self, given: Shapes) -> dict[str, Shape]:
        if isinstance(given, Mapping):
            if set(given) != set(self.inputs):
                rule = f"must be of {', '.join(self.inputs)}"
                fail("Graph.shapes", "input_shape", sorted(given), rule)
            return {name: tuple(given[name]) for name in self.inputs}
        several = [given] if all(isinstance(n, (int, np.integer)) for n in given) else list(given)
        if len(several) != len(self.inputs):
            rule = f"must have a shape for each of {', '.join(self.inputs)}"
            fail("Graph.shapes", "input_shape", given, rule)
        return {
            name: tuple(shape)  # type: ignore[arg-type]  # all are shapes
            for name, shape in zip(self.inputs, several, strict=True)
        }

    def running_order(self) -> tuple[Node, ...]:
        """Return the nodes with those of each cycle side by side, and each cycle after what it depends on.

        Raises
        ------
        ValueError
            If a layer of a cycle waits for the mean of its input.
        """
        if not self.loops:
            return self.nodes
        unit = {name: name for name in (*self.inputs, *self._by_name)}
        for delay, _ in self.loops:
            after = self._search([delay], lambda name: [n.name for n in self.consumers(name)])
            unit |= dict.fromkeys(self._needed([delay]) & set(after), unit[delay])
        units: dict[str, list[Node]] = {}
        order: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
        for node in self.nodes:
            own = unit[node.name]
            units.setdefault(own, []).append(node)
            order.add(own, *({unit[name]: 0 for name in node.inputs if unit[name] != own}))
        for nodes in units.values():
            for node in nodes:
                if len(nodes) > 1 and node.layer.waits:
                    where = f"{type(node.layer).__name__} '{node.name}'"
                    rule = "must not be in a cycle: its output depends on the mean of its input over the steps"
                    fail(where, "layers", [n.name for n in nodes], rule, got="the cycle")
        return tuple(node for name in order.static_order() for node in units.get(name, ()))

    def upto(self, *names: str) -> Graph:
        """Return the subgraph that ends in these layers, which become the outputs."""
        needed = self._needed(names)
        return Graph(
            (node for node in self.nodes if node.name in needed),
            inputs=[name for name in self.inputs if name in needed],
            outputs=names,
        )

    def between(self, sources: Iterable[str], wanted: Sequence[str]) -> Graph:
        """Return the subgraph from some layers or inputs, which become its inputs, to others, which become its outputs.

        Raises
        ------
        ValueError
            If a requested layer also depends on an input that is not among the sources, or is itself a source.
        """
        given = set(sources)
        where = "Graph.between"
        for name in wanted:
            if name in given or name not in self:
                fail(where, "wanted", name, "must be names of layers that are not sources")
        needed = self._needed(wanted, given)
        for name in self.inputs:
            if name in needed and name not in given:
                rule = f"must include '{name}', on which {', '.join(wanted)} depend"
                fail(where, "sources", sorted(given), rule)
        order = (*self.inputs, *(node.name for node in self.nodes))
        return Graph(
            (node for node in self.nodes if node.name in needed and node.name not in given),
            inputs=[name for name in order if name in needed and name in given],
            outputs=wanted,
        )

    def replaced(self, changes: Mapping[str, Layer]) -> Graph:
        """Return a graph in which the layers of these names are replaced."""
        nodes = (
            Node(node.name, changes.get(node.name, node.layer), node.inputs) for node in self.nodes
        )
        return Graph(nodes, inputs=self.inputs, outputs=self.outputs)

    def consumers(self, name: str) -> list[Node]:
        """Return the nodes that take the output of this one."""
        return [node for node in self.nodes if name in node.inputs]


def _names(where: str, argument: str, given: Sequence[str]) -> tuple[str, ...]:
    """Return names, of which there must be at least one, and none twice."""
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if not isinstance(name, str):
            fail(where, argument, name, "must be names", error=TypeError)
    if not names or len(set(names)) < len(names):
        fail(where, argument, names, "must be at least one name, and unique")
    return names


def _node(where: str, k: int, item: LayerLike, before: str) -> Node:
    if isinstance(item, Node):
        return item
    if isinstance(item, Layer):
        return Node(f"{type(item).__name__.lower()}{k}", item, (before,))
    if (
        isinstance(item, tuple)
        and len(item) == 3
        and isinstance(item[0], str)
        and isinstance(item[1], Layer)
    ):
        inputs = (item[2],) if isinstance(item[2], str) else tuple(item[2])
        return Node(item[0], item[1], inputs)
    msg = f"{where}: layers[{k}] must be a layer of sl.layers or (name, layer, inputs), got {shown(item)}"
    raise TypeError(msg)
