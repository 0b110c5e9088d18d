"""Layers as nodes and edges of a NIR graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import representable
from spikelet._util.extras import extra
from spikelet.conversion.building import refuse
from spikelet.io.nir.factors import Term, aligned, by_channel, product, same
from spikelet.io.nir.writing_neurons import Cell, Neurons, full
from spikelet.layers import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    Add,
    Affine,
    AvgPool2d,
    Concat,
    Conv2d,
    Delay,
    Flatten,
    Layer,
    Linear,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    Movement,
    Neuron,
    ReLU,
    Reshape,
    Shape,
    Upsample,
)
from spikelet.layers.graph import Graph, Node, Shapes

__all__ = ["Writer"]

Array = NDArray[Any]

_KNOWN = (Neuron, Add, Concat, Flatten, AvgPool2d, AdaptiveAvgPool2d, Linear, Conv2d, Affine)
_MAXIMA = (MaxPool1d, MaxPool2d, MaxPool3d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d)
_IN_PARTS = (
    "write the parts before and behind it as graphs of their own, and apply the layer between them"
)
_HINTS: dict[type[Layer], tuple[str, str]] = {
    **dict.fromkeys(
        _MAXIMA, ("is max pooling, which NIR does not have", "train with average pooling")
    ),
    Delay: ("is a layer of delays, which is not written", _IN_PARTS),
    Upsample: (
        "is an upsampling, which NIR does not have",
        "if it is the first layer, pass upsampled samples; otherwise " + _IN_PARTS,
    ),
    ReLU: (
        "is an analog activation over all steps, which NIR does not have",
        "convert it to spiking neurons",
    ),
}


class Writer:
    """Collects the nodes and edges of a graph.

    Parameters
    ----------
    neurons : Neurons
        Makes the nodes of populations.
    real : dtype
        Precision of weights.
    where : str
        The caller, for error messages.
    one_dimensional : bool
        Images of width 1 stand for sequences [channels, length], and convolutions over them for Conv1d.
    """

    def __init__(
        self, neurons: Neurons, real: type[Any], where: str, *, one_dimensional: bool = False
    ) -> None:
        self.nir = extra("nir", where, "nir")
        self.neurons, self.real, self.where = neurons, real, where
        self.reader = neurons.reader
        self.one_dimensional = one_dimensional
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self._factors: list[tuple[str, Array]] = []  # of the inputs of populations

    # --- the graph -------------------------------------------------------------------------------

    def add(self, name: str, node: Any, terms: list[Term], shape: Shape, before: Shape) -> str:
        """Add a node that receives these terms, whose factors must be 1, and return its key."""
        key = self.unique(name)
        if self.reader.nodes is not None and type(node).__name__ not in (
            *self.reader.nodes,
            "Input",
            "Output",
        ):
            what = f"needs a nir.{type(node).__name__}, which {self.reader.title}'s reader does not have"
            refuse(self.at(name), what, 'write it with convention="nir"')
        node.input_type = {"input": np.array(before)}
        node.output_type = {"output": np.array(shape)}
        self.nodes[key] = node
        self.edges += [(term.key, key) for term in terms]
        return key

    def unique(self, name: str) -> str:
        """Return an unused key: readers in PyTorch make modules of the keys, whose names have no dots."""
        plain = "".join(c if c.isalnum() or c in "_-" else "_" for c in name) or "node"
        k, key = 0, plain
        while key in self.nodes or key == "output":
            k += 1
            key = f"{plain}_{k}"
        return key

    def at(self, name: str) -> str:
        """Name a layer in an error message."""
        return f"{self.where}: layer '{name}'"

    def input(self, shape: Shape, name: str = "input") -> list[Term]:
        """Add an input."""
        key = self.unique(name)
        self.nodes[key] = self.nir.Input(input_type=np.array(shape))
        return [Term(key)]

    def output(self, terms: list[Term], shape: Shape, name: str = "output") -> None:
        """Add an output."""
        terms = self.plain(terms, shape)
        key = name if name == "output" else self.unique(name)
        self.nodes[key] = self.nir.Output(output_type=np.array(shape))
        self.edges += [(term.key, key) for term in terms]

    def graph(self, metadata: dict[str, Any]) -> Any:
        """Return the graph, whose nodes have the order in which a file gives them back."""
        nodes = dict(sorted(self.nodes.items()))
        return self.nir.NIRGraph(nodes=nodes, edges=self.edges, metadata=metadata, type_check=False)

    # --- terms -----------------------------------------------------------------------------------

    def common(self, terms: list[Term], shape: Shape) -> tuple[list[Term], Array | None]:
        """Return terms without factors, and the factor that all of them have; scale those that differ."""
        first = terms[0].factor
        if all(same(term.factor, first) for term in terms):
            return [Term(term.key) for term in terms], first
        return self.plain(terms, shape), None

    def of_channels(self, terms: list[Term], shape: Shape) -> tuple[list[Term], Array | None]:
        """Return what `common` does, with a factor of channels at most: nodes multiply pixels by theirs."""
        pixels = [t.factor is not None and np.ndim(t.factor) > 1 for t in terms]
        each = zip(terms, pixels, strict=True)
        return self.common([self.plain([t], shape)[0] if p else t for t, p in each], shape)

    def plain(self, terms: list[Term], shape: Shape) -> list[Term]:
        """Return terms without factors: nodes multiply by them."""
        result = []
        for term in terms:
            if term.factor is None:
                result.append(term)
                continue
            seen = self.seen(shape)
            scale = self._cast("amplitude", full(term.factor, shape).reshape(seen))
            node = self.nir.Scale(scale=scale)
            source = [Term(term.key)]
            result.append(Term(self.add(f"{term.key}_scale", node, source, seen, seen)))
        return result

    # --- layers ----------------------------------------------------------------------------------

    def layers(
        self,
        graph: Graph,
        shape: Shapes,
        cell_of: Callable[[Node, Shape], tuple[Cell, Array | None]],
    ) -> None:
        """Add all layers, inputs and outputs.

        Parameters
        ----------
        graph : Graph
        shape : tuple of int, or several
            Shape of one sample; see `Graph.shapes`.
        cell_of : callable
            Returns the cell of a layer of neurons of a shape, and the factors of its spikes.
        """
        for node in graph:
            # Images of width 1 do not fit other layers over sequences.
            if self.one_dimensional and not isinstance(node.layer, _KNOWN):
                self._refuse(node)
        shapes = graph.shapes(shape)
        names = ["input"] if len(graph.inputs) == 1 else graph.inputs
        wires = {
            source: self.input(self.seen(shapes[source]), name)
            for source, name in zip(graph.inputs, names, strict=True)
        }
        for node in graph:
            sources = [wires[name] for name in node.inputs]
            before = [shapes[name] for name in node.inputs]
            after = shapes[node.name]
            if isinstance(node.layer, Neuron):
                cell, factor = cell_of(node, self.seen(after))
                wires[node.name] = self.population(node.name, cell, factor, sources[0], after)
            else:
                wires[node.name] = self.layer(node, sources, before, after)
        for name in graph.outputs:
            key = "output" if len(graph.outputs) == 1 else f"{name}_output"
            self.output(wires[name], self.seen(shapes[name]), key)
        for key, of_input in self._factors:
            self._multiply(key, of_input)
        if not self.reader.branches:
            self._require_chain()

    def _refuse(self, node: Node) -> NoReturn:
        kind = type(node.layer)
        what, hint = _HINTS.get(kind, ("has no node in NIR", _IN_PARTS))
        if isinstance(node.layer, Movement) and kind not in _HINTS:
            what += ", and the layers behind it need its order of values"
            hint = (
                "if it is the first layer, pass samples that are moved already; otherwise " + hint
            )
        refuse(self.at(node.name), f"({kind.__name__}) {what}", hint)

    def _multiply(self, key: str, factor: Array) -> None:
        """Multiply the input of a population: the weights of the layers before it."""
        for source in (a for a, b in self.edges if b == key):
            node, shape = self.nodes[source], factor.shape
            rows = factor.reshape(shape[0], -1)
            alone = all(b == key for a, b in self.edges if a == source)
            if not hasattr(node, "weight") or not alone or (rows != rows[:, :1]).any():
                what = f"has a threshold for each neuron, and {self.reader.title} reads one for all"
                hint = "only weights that go to these neurons alone, one by one or channel by channel, can take it up"
                refuse(self.at(key), what, hint)
            each = rows[:, 0].astype(self.real)
            node.weight = node.weight * each.reshape(-1, *[1] * (node.weight.ndim - 1))
            if hasattr(node, "bias"):
                node.bias = node.bias * each

    def _require_chain(self) -> None:
        loops = {a for a, b in self.edges if (b, a) in self.edges}
        for key in self.nodes:
            after = [b for a, b in self.edges if a == key and b not in loops]
            if len(after) > 1:
                what = f"goes to several layers ({', '.join(after)})"
                hint = f'{self.reader.title} runs branches in a wrong order: write it with convention="nir"'
                refuse(self.at(key), what, hint)

    def seen(self, shape: Shape) -> Shape:
        """Return a shape as the graph has it."""
        return shape[:2] if self.one_dimensional and len(shape) == 3 else shape

    def population(
        self, name: str, cell: Cell, factor: Array | None, terms: list[Term], shape: Shape
    ) -> list[Term]:
        """Add neurons, with their recurrent weights."""
        terms, shape = self.plain(terms, shape), self.seen(shape)
        cell, of_input = self.neurons.input_factor(cell)
        made = self.neurons.nodes(cell, shape, self.at(name))
        key = first = self.add(name, made[0], terms, shape, shape)
        for node in made[1:]:
            key = self.add(f"{name}_spikes", node, [Term(key)], shape, shape)
        if cell.recurrent is not None:
            node = self._dense(cell.recurrent, None)
            back = self.add(f"{name}_recurrent", node, [Term(key)], shape, shape)
            self.edges.append((back, first))
        if of_input is not None:
            self._factors.append((first, of_input))
        return [Term(key, factor)]

    def layer(
        self, node: Node, sources: list[list[Term]], before: list[Shape], after: Shape
    ) -> list[Term]:
        """Add a layer without memory, and return its output."""
        name, layer, terms, shape = node.name, node.layer, sources[0], before[0]
        if isinstance(layer, Add):
            return self._sum(sources, shape)
        if isinstance(layer, Concat):
            if layer.axis not in (0, -len(shape)):
                what = f"concatenates along axis {layer.axis}, and NIR has no such node"
                refuse(self.at(name), what, "concatenate channels, axis 0")
            return self._placed(name, sources, before, after)
        if isinstance(layer, Reshape) and after == shape:
            return terms
        if isinstance(layer, Flatten) or (isinstance(layer, Reshape) and len(after) == 1):
            return self._flat(name, terms, shape, after)
        if isinstance(layer, (AvgPool2d, AdaptiveAvgPool2d)):
            return self._mean(name, layer, terms, shape, after)
        if isinstance(layer, Linear):
            terms, factor = self.common(terms, shape)
            made = self._dense(layer.weight, layer.bias, factor)
        elif isinstance(layer, Conv2d):
            terms, factor = self.of_channels(terms, shape)
            made = self._conv(name, layer, factor, shape, after)
        elif isinstance(layer, Affine):
            scale = by_channel(layer.scale, shape)
            scale = full(layer.scale, shape) if scale is None else scale
            terms = [Term(t.key, product(t.factor, scale, shape)) for t in terms]
            if layer.shift is None:
                return terms
            terms, factor = self.of_channels(terms, shape)
            shift = by_channel(layer.shift, shape)
            if shift is None:
                what = (
                    "shifts each pixel by its own number, and biases of NIR are those of channels"
                )
                refuse(self.at(name), what, "give it one shift for each channel")
            scale = np.broadcast_to(1.0 if factor is None else factor, shape[:1])
            if len(shape) == 1:
                made = self._dense(np.diag(scale), shift)
            else:
                conv = Conv2d(np.diag(scale)[..., None, None], shift)  # nir misreads groups
                made = self._conv(name, conv, None, shape, after)
        else:
            self._refuse(node)
        return [Term(self.add(name, made, terms, self.seen(after), self.seen(shape)))]

    def _dense(self, weight: Array, bias: Array | None, factor: Array | None = None) -> Any:
        weight = self._cast("weight", weight)
        if factor is not None:
            weight = self._cast("weight", weight * self._cast("amplitude", factor))
        if bias is None and (self.reader.nodes is None or "Linear" in self.reader.nodes):
            return self.nir.Linear(weight=weight)
        return self.nir.Affine(weight=weight, bias=self._bias(bias, len(weight)))

    def _bias(self, bias: Array | None, n: int) -> Array:
        return np.zeros(n, self.real) if bias is None else self._cast("bias", bias)

    def _cast(self, what: str, values: Array) -> Array:
        """Return values in the precision of the graph, in which they must stay finite."""
        array = np.asarray(values)
        representable(self.where, what, array, np.dtype(self.real))
        return array.astype(self.real)

    def _conv(
        self, name: str, layer: Conv2d, factor: Array | None, before: Shape, after: Shape
    ) -> Any:
        weight, groups = self._cast("weight", layer.weight), layer.groups
        out, per_group = weight.shape[:2]
        if factor is not None:
            channel = np.arange(out)[:, None] // (out // groups) * per_group + np.arange(per_group)
            each = np.broadcast_to(self._cast("amplitude", factor), (before[0],))
            weight = self._cast("weight", weight * each[channel][..., None, None])
        if self.reader.nodes is not None and groups > 1:  # none of the libraries reads groups
            weight, groups = _ungrouped(weight, groups), 1
        weight, padding = _symmetric(weight, layer.padding, layer.dilation, self.at(name))
        bias = self._bias(layer.bias, out)
        if self.one_dimensional and before[2] == 1 and weight.shape[3] == 1:
            node = self.nir.Conv1d(
                input_shape=before[1],
                weight=weight[..., 0],
                stride=layer.stride[0],
                padding=padding[0],
                dilation=layer.dilation[0],
                groups=groups,
                bias=bias,
            )
            return self._typed(name, node, before[:2], after[:2])
        node = self.nir.Conv2d(  # arrays, as they come from a file
            input_shape=np.array(before[1:]),
            weight=weight,
            stride=np.array(layer.stride),
            padding=np.array(padding),
            dilation=np.array(layer.dilation),
            groups=groups,
            bias=bias,
        )
        return self._typed(name, node, before, after)

    def _typed(self, name: str, node: Any, before: Shape, after: Shape) -> Any:
        """Return a convolution, with a note if nir computes another shape for it."""
        types = (tuple(node.input_type["input"]), tuple(node.output_type["output"]))
        if types != (tuple(before), tuple(after)):
            what = "groups" if node.groups > 1 else "a kernel that is not square"
            self.notes.append(
                f"layer '{name}' is a convolution with {what}, whose shape the nir library takes for "
                "another one: read the file with read_nir or nir.read(path, type_check=False)"
            )
        return node

    def _flat(self, name: str, terms: list[Term], shape: Shape, after: Shape) -> list[Term]:
        seen = self.seen(shape)
        if len(seen) == 1:
            return terms
        terms, factor = self.common(terms, shape)
        node = self.nir.Flatten(input_type={"input": np.array(seen)}, start_dim=0, end_dim=-1)
        key = self.add(name, node, terms, after, seen)
        if factor is not None and np.ndim(factor):
            factor = full(factor, shape).ravel()
        return [Term(key, factor)]

    def _mean(
        self,
        name: str,
        layer: AvgPool2d | AdaptiveAvgPool2d,
        terms: list[Term],
        shape: Shape,
        after: Shape,
    ) -> list[Term]:
        pool = _pool(layer, shape, after, self.at(name))
        terms, factor = self.of_channels(terms, shape)
        kernel, stride, padding = (
            np.array(v) for v in (pool.kernel_size, pool.stride, pool.padding)
        )
        size = math.prod(pool.kernel_size)
        nodes = self.reader.nodes
        if self.one_dimensional or (
            nodes is not None and "AvgPool2d" not in nodes and padding.any()
        ):
            weight = np.full((shape[0], 1, *pool.kernel_size), 1 / size)
            conv = Conv2d(weight, None, pool.stride, pool.padding, 1, shape[0])
            made = self._conv(name, conv, None, shape, after)
        elif nodes is None or "AvgPool2d" in nodes:
            made = self.nir.AvgPool2d(kernel_size=kernel, stride=stride, padding=padding)
        else:
            made = self.nir.SumPool2d(kernel_size=kernel, stride=stride, padding=padding)
            factor = product(factor, np.asarray(1 / size), shape)
        key = self.add(name, made, terms, self.seen(after), self.seen(shape))
        rows, columns = (np.asarray(d) for d in pool.divisors(shape))
        weights = size / np.outer(rows, columns)
        if (weights != 1).any():  # means without the zeros of the padding
            scale = np.broadcast_to(weights, after).astype(self.real)
            node = self.nir.Scale(scale=np.array(scale))
            key = self.add(f"{name}_scale", node, [Term(key)], after, after)
        return [Term(key, factor)]

    def _sum(self, sources: list[list[Term]], shape: Shape) -> list[Term]:
        factors: dict[str, Array | None] = {}
        for term in (t for source in sources for t in source):
            if term.key in factors:  # x + x: nir allows each edge once
                one = np.ones(())
                a, b = (one if f is None else f for f in (factors[term.key], term.factor))
                factors[term.key] = np.add(*aligned(a, b, shape))
            else:
                factors[term.key] = term.factor
        return [Term(key, factor) for key, factor in factors.items()]

    def _placed(
        self, name: str, sources: list[list[Term]], before: list[Shape], after: Shape
    ) -> list[Term]:
        """Concatenate: maps of each source into its channels, added up."""
        result, at = [], 0
        for k, (terms, shape) in enumerate(zip(sources, before, strict=True)):
            n = shape[0]
            weight = np.zeros((after[0], n))
            weight[at + np.arange(n), np.arange(n)] = 1
            at += n
            plain, factor = self.of_channels(terms, shape)
            if len(shape) == 1:
                node = self._dense(weight, None, factor)
            else:
                conv = Conv2d(weight[..., None, None])
                node = self._conv(name, conv, factor, shape, (after[0], *shape[1:]))
            result.append(
                Term(self.add(f"{name}_{k}", node, plain, self.seen(after), self.seen(shape)))
            )
        return result


def _ungrouped(weight: Array, groups: int) -> Array:
    out, per_group = weight.shape[:2]
    dense = np.zeros((out, per_group * groups, *weight.shape[2:]), weight.dtype)
    each = out // groups
    for g in range(groups):
        rows, columns = slice(g * each, (g + 1) * each), slice(g * per_group, (g + 1) * per_group)
        dense[rows, columns] = weight[rows]
    return dense


def _symmetric(
    weight: Array, padding: tuple[int, ...], dilation: tuple[int, int], where: str
) -> tuple[Array, tuple[int, int]]:
    """Return an equivalent kernel whose padding is the same at both sides: zeros extend it at the smaller side."""
    sides = ((padding[0], padding[1]), (padding[2], padding[3]))
    extra_taps = [(0, 0), (0, 0)]
    for (first, last), d in zip(sides, dilation, strict=True):
        taps, rest = divmod(abs(first - last), d)
        if rest:
            what = f"has a padding of {first} and {last} that dilation {d} does not divide"
            refuse(where, what, "NIR has the same padding at both sides: pad in a layer of its own")
        extra_taps.append((taps, 0) if first < last else (0, taps))
    if any(any(t) for t in extra_taps):
        weight = np.pad(weight, extra_taps)
    return weight, (max(sides[0]), max(sides[1]))


def _pool(
    layer: AvgPool2d | AdaptiveAvgPool2d, shape: Shape, after: Shape, where: str
) -> AvgPool2d:
    """Return a pool of equal windows."""
    if isinstance(layer, AdaptiveAvgPool2d):
        if any(n % m for n, m in zip(shape[1:], after[1:], strict=True)):
            what = f"has windows of unequal sizes ({shape[1:]} to {after[1:]})"
            refuse(where, what, "NIR pools equal windows: choose sizes that divide the image")
        return AvgPool2d(tuple(n // m for n, m in zip(shape[1:], after[1:], strict=True)))
    if set(layer.dilation) != {1}:
        what = "has dilated windows, which NIR's pools do not have"
        refuse(where, what, "pool without a dilation, or use a Conv2d of equal weights")
    plain = layer.replace(ceil_mode=False)
    if layer.ceil_mode and plain.windows(shape) != layer.windows(shape):
        what = "keeps a last window that lies partly outside the image (ceil_mode)"
        refuse(where, what, "NIR has whole windows only: pad the image, or use ceil_mode=False")
    return plain
