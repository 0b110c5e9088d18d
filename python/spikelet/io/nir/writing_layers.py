"""Write the layers of a graph as nodes and edges of NIR: a table with a row for each layer class."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet import layers as L
from spikelet._util.checks import representable
from spikelet._util.extras import extra
from spikelet.conversion.building import refuse
from spikelet.io.nir.node_layers import CONVOLUTIONS
from spikelet.io.nir.writing_neurons import Cell, Neurons, cell_of, full
from spikelet.io.nir.writing_readers import WHERE, Request
from spikelet.io.sample_shapes import sample_shapes
from spikelet.layers import Layer, Movement, Shape
from spikelet.layers.graph import Graph, Shapes

Array = NDArray[Any]

_MEANS: dict[int, type[Any]] = {1: L.AvgPool1d, 2: L.AvgPool2d}
_MAXIMA = (L.MaxPool1d, L.MaxPool2d, L.MaxPool3d, L.AdaptiveMaxPool1d, L.AdaptiveMaxPool2d, L.AdaptiveMaxPool3d)  # fmt: skip
_NEURONS = (L.IF, L.LIF, L.CubaLIF, L.LI)
_IN_PARTS = (
    "write the parts before and behind it as graphs of their own, and apply the layer between them"
)
_HINTS: dict[type[Layer], tuple[str, str]] = {
    **dict.fromkeys(
        _MAXIMA, ("is max pooling, which NIR does not have", "train with average pooling")
    ),
    L.Upsample: (
        "is an upsampling, which NIR does not have",
        "if it is the first layer, pass upsampled samples; otherwise " + _IN_PARTS,
    ),
    L.ReLU: (
        "is an analog activation over all steps, which NIR does not have",
        "convert it to spiking neurons",
    ),
}


@dataclass(frozen=True)
class Term:
    """The output of a node times a factor, one number or one for each value; the input of a node is a sum of terms.

    Factors come from spikes whose size is not 1 (`amplitude`) and from `Affine`. The next weights absorb them.
    """

    key: str
    factor: Array = field(default_factory=lambda: np.ones(()))


@dataclass(frozen=True)
class Place:
    """A layer in the graph, the terms that each of its inputs is made of, and the shapes before and behind it."""

    name: str
    layer: Any
    sources: list[list[Term]]
    before: list[Shape]
    after: Shape

    @property
    def terms(self) -> list[Term]:
        """The terms of the first input."""
        return self.sources[0]

    @property
    def shape(self) -> Shape:
        """The shape of the first input."""
        return self.before[0]


class Writer:
    """Collects the nodes and edges of a graph.

    Parameters
    ----------
    neurons : Neurons
        Makes the nodes of populations.
    real : dtype
        Precision of weights.
    """

    def __init__(self, neurons: Neurons, real: type[Any]) -> None:
        self.nir = extra("nir", WHERE, "nir")
        self.neurons, self.real = neurons, real
        self.reader = neurons.reader
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self._factors: list[tuple[str, Array]] = []  # of the inputs of populations
        self.recurrent: set[str] = set()  # delays that edges of NIR have of themselves

    # --- the graph -------------------------------------------------------------------------------

    def add(self, name: str, node: Any, terms: list[Term], shape: Shape, before: Shape) -> str:
        """Add a node that receives these terms, whose factors must be 1, and return its key."""
        key = self.unique(name)
        if not self.reads(type(node).__name__):
            what = f"needs a nir.{type(node).__name__}, which {self.reader.title}'s reader does not have"
            refuse(self.at(name), what, 'write it with convention="nir"')
        node.input_type = {"input": np.array(before)}
        node.output_type = {"output": np.array(shape)}
        self.nodes[key] = node
        self.edges += [(term.key, key) for term in terms]
        return key

    def reads(self, kind: str) -> bool:
        """Return whether the reader has this primitive."""
        return self.reader.nodes is None or kind in self.reader.nodes

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
        return f"{WHERE}: layer '{name}'"

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

    def graph(self) -> Any:
        """Return the graph, whose nodes have the order in which a file gives them back, and which says how to run it."""
        nodes = dict(sorted(self.nodes.items()))
        kept = {"dt": self.neurons.dt, "mode": self.neurons.mode, "version": _core.__version__}
        metadata = {"spikelet": kept}
        return self.nir.NIRGraph(nodes=nodes, edges=self.edges, metadata=metadata, type_check=False)

    def layers(self, graph: Graph, shape: Shapes) -> None:
        """Add all layers, inputs and outputs.

        Parameters
        ----------
        graph : Graph
        shape : tuple of int, or several
            Shape of one sample; see `Graph.shapes`.
        """
        shapes = graph.shapes(shape)
        names = ["input"] if len(graph.inputs) == 1 else graph.inputs
        wires = {
            source: self.input(shapes[source], name)
            for source, name in zip(graph.inputs, names, strict=True)
        }
        later = dict(graph.loops)
        self.recurrent = {name for name, source in later.items() if _is_own(graph, name, source)}
        for node in graph:
            sources = [
                wires[name]
                if name in wires
                else [_spikes(f"\0{name}", graph[name].layer, shapes[name])]
                for name in node.inputs
            ]
            before = [shapes[name] for name in node.inputs]
            row = _ROWS.get(
                type(node.layer), _neuron if isinstance(node.layer, L.Neuron) else _refused
            )
            place = Place(node.name, node.layer, sources, before, shapes[node.name])
            wires[node.name] = row(self, place)
        for source in set(later.values()):
            terms = wires[source]
            if not isinstance(graph[source].layer, L.Neuron):  # whose spikes have a factor
                terms = self.plain(terms, shapes[source])
            ends = [(f"\0{source}", [term.key for term in terms])]
            self.edges = [(k, b) for a, b in self.edges for k in dict(ends).get(a, [a])]
        for name in graph.outputs:
            key = "output" if len(graph.outputs) == 1 else f"{name}_output"
            self.output(wires[name], shapes[name], key)
        for key, of_input in self._factors:
            self._multiply(key, of_input)
        if not self.reader.branches:
            self._require_chain()

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

    # --- terms -----------------------------------------------------------------------------------

    def common(self, terms: list[Term], shape: Shape) -> tuple[list[Term], Array]:
        """Return terms without factors, and the factor that all of them have; scale those that differ."""
        first = terms[0].factor
        if all(np.all(term.factor == first) for term in terms):
            return [Term(term.key) for term in terms], first
        return self.plain(terms, shape), np.ones(())

    def of_channels(self, terms: list[Term], shape: Shape) -> tuple[list[Term], Array]:
        """Return what `common` does, with a factor for each channel: nodes multiply pixels by theirs."""
        each = [self.plain([t], shape)[0] if _pixels_differ(t.factor, shape) else t for t in terms]
        terms, factor = self.common(each, shape)
        return terms, _of_channels(factor, shape)

    def plain(self, terms: list[Term], shape: Shape) -> list[Term]:
        """Return terms without factors: nodes multiply by them."""
        result = []
        for term in terms:
            key = term.key
            if (term.factor != 1).any():
                node = self.nir.Scale(scale=self.cast("amplitude", full(term.factor, shape)))
                key = self.add(f"{key}_scale", node, [Term(key)], shape, shape)
            result.append(Term(key))
        return result

    # --- nodes -----------------------------------------------------------------------------------

    def population(self, name: str, cell: Cell, terms: list[Term], shape: Shape) -> str:
        """Add neurons, and return the key of the node that sends their output."""
        terms = self.plain(terms, shape)
        cell, of_input = self.neurons.input_factor(cell)
        made = self.neurons.nodes(cell, shape, self.at(name))
        key = first = self.add(name, made[0], terms, shape, shape)
        for node in made[1:]:
            key = self.add(f"{name}_spikes", node, [Term(key)], shape, shape)
        if of_input is not None:
            self._factors.append((first, of_input))
        return key

    def channels(self, at: Place, weight: Array, bias: Array | None, factor: Any, before: Shape) -> Any:  # fmt: skip
        """Return a node that mixes channels: a matrix for vectors, otherwise a convolution of size 1."""
        if len(before) == 1:
            return self.dense(weight, bias, factor)
        axes = len(before) - 1
        if axes not in CONVOLUTIONS:
            what = f"mixes the channels of samples of shape {before}"
            refuse(self.at(at.name), what, "NIR has maps of vectors, sequences and images")
        conv = CONVOLUTIONS[axes](weight.reshape(*weight.shape, *[1] * axes), bias)
        return self.conv(at.name, conv, factor, before, (len(weight), *before[1:]))

    def dense(self, weight: Array, bias: Array | None, factor: Any) -> Any:
        """Return a matrix, whose columns take up a factor."""
        factor = self.cast("amplitude", factor)
        weight = self.cast("weight", self.cast("weight", weight) * factor)
        if bias is None and self.reads("Linear"):
            return self.nir.Linear(weight=weight)
        return self.nir.Affine(weight=weight, bias=self._bias(bias, len(weight)))

    def _bias(self, bias: Array | None, n: int) -> Array:
        return np.zeros(n, self.real) if bias is None else self.cast("bias", bias)

    def cast(self, what: str, values: Any) -> Array:
        """Return values in the precision of the graph, in which they must stay finite."""
        array = np.asarray(values)
        representable(WHERE, what, array, np.dtype(self.real))
        return array.astype(self.real)

    def conv(self, name: str, layer: Any, factor: Any, before: Shape, after: Shape) -> Any:
        """Return a convolution, whose kernels take up a factor per channel."""
        weight, groups = self.cast("weight", layer.weight), layer.groups
        out, per_group = weight.shape[:2]
        channel = np.arange(out)[:, None] // (out // groups) * per_group + np.arange(per_group)
        each = np.broadcast_to(self.cast("amplitude", factor), (before[0],))[channel]
        weight = self.cast("weight", weight * each.reshape(*each.shape, *[1] * layer.axes))
        if self.reader.nodes is not None and groups > 1:  # none of the libraries reads groups
            weight, groups = _ungrouped(weight, groups), 1
        weight, padding = _symmetric(weight, layer.padding, layer.dilation, self.at(name))
        # Images have arrays, as they come from a file, and sequences numbers.
        sizes = {
            "input_shape": before[1:],
            "stride": layer.stride,
            "padding": padding,
            "dilation": layer.dilation,
        }
        bias, sequence = self._bias(layer.bias, out), layer.axes == 1
        node = (self.nir.Conv1d if sequence else self.nir.Conv2d)(
            weight=weight,
            groups=groups,
            bias=bias,
            **{name: v[0] if sequence else np.array(v) for name, v in sizes.items()},
        )
        types = (tuple(node.input_type["input"]), tuple(node.output_type["output"]))
        if types != (tuple(before), tuple(after)):
            what = "groups" if node.groups > 1 else "a kernel that is not square"
            self.notes.append(
                f"layer '{name}' is a convolution with {what}, whose shape the nir library takes for "
                "another one: read the file with read_nir or nir.read(path, type_check=False)"
            )
        return node


def write_graph(
    graph: Graph, request: Request, shapes: Any = None, *, own_step: float | None, own_type: str
) -> tuple[Any, list[str]]:
    """Return the NIR graph of layers, and notes for the user.

    Parameters
    ----------
    graph : Graph
    request : Request
    shapes : tuple of shapes, optional
        Those of the inputs that the model knows.
    own_step : float, optional
        Time step of the model [s].
    own_type : "float32" or "float64"
        Precision of the model.
    """
    # The current of these acts within the step, as with Euler's method.
    synapses = any(
        isinstance(n.layer, L.CubaLIF | L.LI) and n.layer.has_synapse and n.layer.pull is None
        for n in graph
    )
    neurons = Neurons.of(request, own_step, own_type, synapses=synapses)
    writer = Writer(neurons, request.real(own_type))
    writer.layers(graph, sample_shapes(WHERE, graph, request.input_shape, shapes))
    return writer.graph(), writer.notes + notes_of(writer.nodes, request)


def notes_of(nodes: dict[str, Any], request: Request) -> list[str]:
    """Return what only the metadata of nodes holds, as notes for the user."""
    if request.convention == "sinabs":
        note = (
            "sinabs reads neurons that send several spikes in a step and, as IF, clip their potential: set spike_fn = "
            "SingleSpike and min_v_mem = None of its layers for the spikes of the model"
        )
        return [note]
    if request.convention != "nir":  # refused, or the reader's own way
        return []
    notes = []
    for key, what in (("reset", "reset by subtraction"), ("v_init", "initial potentials")):
        names = [n for n, node in nodes.items() if key in node.metadata.get("spikelet", {})]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            notes.append(
                f"NIR has no {what} ({', '.join(names[:3])}{more}): `read_nir` takes it from the metadata, other readers "
                "ignore it, and their spikes differ"
            )
    return notes


# --- rows: each adds the nodes of a layer, and returns the terms of its output -----------------------


def _neuron(w: Writer, at: Place) -> list[Term]:
    cell = cell_of(at.layer, at.after, w.at(at.name))
    return [_spikes(w.population(at.name, cell, at.terms, at.after), at.layer, at.after)]


def _delay(w: Writer, at: Place) -> list[Term]:
    if at.name in w.recurrent:
        if not w.reader.recurrence:
            what = (
                f"makes a network recurrent, and {w.reader.title}'s reader runs no recurrent graphs"
            )
            refuse(w.at(at.name), what, 'write it with convention="nir"')
        return at.terms
    steps = full(at.layer.steps, at.shape)
    node = w.nir.Delay(delay=steps * w.neurons.dt)
    return [Term(w.add(at.name, node, w.plain(at.terms, at.shape), at.after, at.shape))]


def _delayed_linear(w: Writer, at: Place) -> list[Term]:
    """Add a matrix for each delay, behind a node that delays its inputs."""
    layer, found = at.layer, list[Term]()
    given, factor = w.common(at.terms, at.shape)
    for steps in np.unique(layer.delay).tolist():
        terms = given
        if steps:
            delay = w.nir.Delay(delay=np.full(at.shape, steps * w.neurons.dt))
            terms = [Term(w.add(f"{at.name}_delay", delay, given, at.shape, at.shape))]
        weight = np.where(layer.delay == steps, layer.weight, 0.0)
        node = w.dense(weight, None if found else layer.bias, factor)
        found.append(Term(w.add(at.name, node, terms, at.after, at.shape)))
    return found


def _linear(w: Writer, at: Place) -> list[Term]:
    terms, factor = w.common(at.terms, at.shape)
    node = w.dense(at.layer.weight, at.layer.bias, factor)
    return [Term(w.add(at.name, node, terms, at.after, at.shape))]


def _conv(w: Writer, at: Place) -> list[Term]:
    terms, factor = w.of_channels(at.terms, at.shape)
    node = w.conv(at.name, at.layer, factor, at.shape, at.after)
    return [Term(w.add(at.name, node, terms, at.after, at.shape))]


def _affine(w: Writer, at: Place) -> list[Term]:
    layer, shape = at.layer, at.shape
    terms = [Term(t.key, t.factor * full(layer.scale, shape)) for t in at.terms]
    if layer.shift is None:
        return terms
    terms, factor = w.of_channels(terms, shape)
    if _pixels_differ(layer.shift, shape):
        what = "shifts each pixel by its own number, and biases of NIR are those of channels"
        refuse(w.at(at.name), what, "give it one shift for each channel")
    # A matrix of channels, because nir misreads groups.
    node = w.channels(at, np.diag(factor), _of_channels(layer.shift, shape), 1.0, shape)
    return [Term(w.add(at.name, node, terms, at.after, shape))]


def _add(w: Writer, at: Place) -> list[Term]:
    if any(shape != at.after for shape in at.before):
        what = f"adds samples of different shapes, {', '.join(map(str, at.before))}"
        refuse(w.at(at.name), what, "NIR adds samples of one shape")
    factors: dict[str, Array] = {}
    for term in (t for source in at.sources for t in source):  # x + x: nir allows each edge once
        factors[term.key] = factors.get(term.key, np.zeros(())) + term.factor
    return [Term(key, factor) for key, factor in factors.items()]


def _concat(w: Writer, at: Place) -> list[Term]:
    """Add up maps of each source into its channels."""
    if at.layer.axis not in (0, -len(at.shape)):
        what = f"concatenates along axis {at.layer.axis}, and NIR has no such node"
        refuse(w.at(at.name), what, "concatenate channels, axis 0")
    result, begin = [], 0
    for k, (terms, shape) in enumerate(zip(at.sources, at.before, strict=True)):
        weight = np.eye(at.after[0], shape[0], -begin)
        begin += shape[0]
        plain, factor = w.of_channels(terms, shape)
        node = w.channels(at, weight, None, factor, shape)
        result.append(Term(w.add(f"{at.name}_{k}", node, plain, at.after, shape)))
    return result


def _flatten(w: Writer, at: Place) -> list[Term]:
    shape = at.shape
    if at.after == shape:
        return at.terms
    if len(at.after) > 1:
        _refused(w, at)
    terms, factor = w.common(at.terms, shape)
    node = w.nir.Flatten(input_type={"input": np.array(shape)}, start_dim=0, end_dim=-1)
    return [Term(w.add(at.name, node, terms, at.after, shape), full(factor, shape).ravel())]


def _mean(w: Writer, at: Place) -> list[Term]:
    pool = _equal_windows(w, at)
    terms, factor = w.of_channels(at.terms, at.shape)
    kernel, stride, padding = map(np.array, (pool.kernel_size, pool.stride, pool.padding))
    size, channels = math.prod(pool.kernel_size), at.shape[0]
    # NIR has no pools of sequences, and the same padding at both sides.
    images = pool.axes == 2 and len(pool.padding) == 2
    if images and w.reads("AvgPool2d"):
        node = w.nir.AvgPool2d(kernel_size=kernel, stride=stride, padding=padding)
    elif images and not padding.any():
        node = w.nir.SumPool2d(kernel_size=kernel, stride=stride, padding=padding)
        factor = factor * (1 / size)
    else:
        sides = tuple(p for side in pool.sides for p in side)
        weight = np.full((channels, 1, *pool.kernel_size), 1 / size)
        conv = CONVOLUTIONS[pool.axes](weight, None, pool.stride, sides, 1, channels)
        node = w.conv(at.name, conv, 1.0, at.shape, at.after)
    key = w.add(at.name, node, terms, at.after, at.shape)
    weights = np.asarray(size / math.prod(np.ix_(*map(np.asarray, pool.divisors(at.shape)))))
    if (weights != 1).any():  # means without the zeros of the padding
        scale = np.array(np.broadcast_to(weights, at.after)).astype(w.real)
        node = w.nir.Scale(scale=scale)
        key = w.add(f"{at.name}_scale", node, [Term(key)], at.after, at.after)
    return [Term(key, full(factor, at.after))]


def _refused(w: Writer, at: Place) -> NoReturn:
    kind = type(at.layer)
    what, hint = _HINTS.get(kind, ("has no node in NIR", _IN_PARTS))
    if isinstance(at.layer, Movement) and kind not in _HINTS:
        what += ", and the layers behind it need its order of values"
        hint = "if it is the first layer, pass samples that are moved already; otherwise " + hint
    if kind is not L.Foreign:
        hint += "; ONNX files (sl.io.write_onnx) and C programs (SpikingModel.export) have it"
    refuse(w.at(at.name), f"({kind.__name__}) {what}", hint)


_ROWS: Mapping[type[Layer], Callable[[Writer, Place], list[Term]]] = {
    **dict.fromkeys(_NEURONS, _neuron),
    L.Delay: _delay,
    L.DelayedLinear: _delayed_linear,
    L.Linear: _linear,
    L.Conv1d: _conv,
    L.Conv2d: _conv,
    L.AvgPool1d: _mean,
    L.AvgPool2d: _mean,
    L.AdaptiveAvgPool1d: _mean,
    L.AdaptiveAvgPool2d: _mean,
    L.Affine: _affine,
    L.Add: _add,
    L.Concat: _concat,
    L.Flatten: _flatten,
    L.Reshape: _flatten,
}


# --- recurrence, factors and kernels -----------------------------------------------------------------------------


def _spikes(key: str, layer: Layer, shape: Shape) -> Term:
    """Return the output of a layer, whose spikes may have a size."""
    return Term(key, full(getattr(layer, "amplitude", 1.0), shape))


def _is_own(graph: Graph, delay: str, source: str) -> bool:
    """Return whether a delay of one step leads from neurons back to themselves by a chain of layers.

    NIR has no node for it: the edge that closes a cycle takes a step.
    """
    layer: Any = graph[delay].layer
    if np.any(np.asarray(layer.steps) != 1) or type(graph[source].layer) not in _NEURONS:
        return False
    name = delay
    while name != source:
        after = graph.consumers(name)
        if len(after) != 1 or name in graph.outputs:
            return False
        node = after[0]
        last = type(node.layer) is L.Add and graph.consumers(node.name) == [graph[source]]
        holds = type(node.layer) in (L.Delay, L.DelayedLinear, *_NEURONS)
        if (len(node.inputs) > 1 and not last) or (holds and node.name != source):
            return False
        name = node.name
    return True


def _pixels_differ(value: Any, shape: Shape) -> bool:
    pixels = full(value, shape).reshape(shape[0], -1)
    return bool((pixels != pixels[:, :1]).any())


def _of_channels(value: Any, shape: Shape) -> Array:
    """Return one number for each channel, whose pixels have the same."""
    return full(value, shape).reshape(shape[0], -1)[:, 0]


def _ungrouped(weight: Array, groups: int) -> Array:
    each, k = weight.reshape(groups, -1, *weight.shape[1:]), np.arange(groups)
    dense = np.zeros((groups, each.shape[1], groups, *each.shape[2:]), weight.dtype)
    dense[k, :, k] = each
    return dense.reshape(len(weight), -1, *weight.shape[2:])


def _symmetric(
    weight: Array, padding: tuple[int, ...], dilation: tuple[int, ...], where: str
) -> tuple[Array, tuple[int, ...]]:
    """Return an equivalent kernel with the same padding at both sides: zeros extend it at the smaller side."""
    sides = list(zip(padding[::2], padding[1::2], strict=True))
    extra_taps = [(0, 0), (0, 0)]
    for (first, last), d in zip(sides, dilation, strict=True):
        taps, rest = divmod(abs(first - last), d)
        if rest:
            what = f"has a padding of {first} and {last} that dilation {d} does not divide"
            refuse(where, what, "NIR has the same padding at both sides: pad in a layer of its own")
        extra_taps.append((taps, 0) if first < last else (0, taps))
    if any(any(t) for t in extra_taps):
        weight = np.pad(weight, extra_taps)
    return weight, tuple(map(max, sides))


def _equal_windows(w: Writer, at: Place) -> Any:
    """Return the sliding pool of a layer, whose windows must have one size."""
    layer, where = at.layer, w.at(at.name)
    if not hasattr(layer, "kernel_size"):  # adaptive
        before, after = at.shape[1:], at.after[1:]
        if any(n % m for n, m in zip(before, after, strict=True)):
            what = f"has windows of unequal sizes ({before} to {after})"
            refuse(where, what, "NIR pools equal windows: choose sizes that divide the image")
        return _MEANS[layer.axes](tuple(n // m for n, m in zip(before, after, strict=True)))
    if set(layer.dilation) != {1}:
        what = "has dilated windows, which NIR's pools do not have"
        refuse(where, what, "pool without a dilation, or use a Conv2d of equal weights")
    plain = layer.replace(ceil_mode=False)
    if layer.ceil_mode and plain.windows(at.shape) != layer.windows(at.shape):
        what = "keeps a last window that lies partly outside the image (ceil_mode)"
        refuse(where, what, "NIR has whole windows only: pad the image, or use ceil_mode=False")
    return plain
