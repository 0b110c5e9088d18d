"""Shared by the readers of ANNs: a graph that is built layer by layer, operands, and error messages with hints."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail, integer, named, shown
from spikelet.layers import Add, Constant, Delay, Flatten, Foreign, Layer, Reshape, Shape
from spikelet.layers.graph import Graph, Node

# Exceptions that foreign code may raise on unexpected input.
ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
RECORDED = ("spikes", "v", "mean", "value")  # `run` records them as "layer.mean"
# What a user can do instead, for the names of operators without underscores, in lower case.
_REMEDIES = {
    "recurrent layers cannot be converted; `sl.Network` runs recurrent spiking networks": """
        lstm gru rnn rnntanh rnnrelu lstmcell grucell rnnrelucell rnntanhcell""",
    "pass embedded values: read the module behind the embedding, and look up its rows yourself": """
        embedding onehot""",
    "pass embedded values: read the module behind it; a sum of rows is also a Linear layer with its weight transposed, "
    "whose input counts how often each row occurs": "embeddingbag embeddingbagforwardonly",
    "the network has to end before it: apply it to `result.output`": """
        argmax argmin argsort sort topk nonzero unique nms nonmaxsuppression kthvalue median mode searchsorted
        bucketize""",
    "it has steps, which rates do not follow: leave it out of the network, or apply it to `result.output`": """
        eq ne lt le gt ge equal greater less greaterorequal lessorequal isnan isinf logicaland logicalor logicalnot
        round int long bool floor ceil trunc sign heaviside where""",
    "an ANN must give the same output for the same input: remove the random operator": """
        rand randn randlike randnlike bernoulli normal multinomial rrelu gumbelsoftmax fractionalmaxpool2d""",
    "use upsampling or a transposed convolution": "maxunpool1d maxunpool2d maxunpool3d",
    "it is part of a quantized module: pass the float module from which that was made": """
        quantizepertensor quantizeperchannel quantizepertensordynamic""",
    "its sampling points must not depend on the input: use `interpolate`, or a convolution": """
        gridsample gridsampler deformconv2d roialign""",
}
_HINTS = {name: remedy for remedy, names in _REMEDIES.items() for name in names.split()}

ONE_SAMPLE = (
    "example_shape must be the shape of one sample, without the batch (sl.convert takes it from "
    "calibration, whose first axis counts samples)"
)
"""What a user can do if a network does not take the samples."""


def hint_for(operator: str) -> str:
    """Return a remedy for an operator that is not supported."""
    return _HINTS.get(
        operator.lower().replace("_", "").removesuffix("default"),
        "docs/which_networks.md lists the supported operators: use these instead, or leave it out of the conversion",
    )


class UnsupportedError(ValueError):
    """An operator that no layer computes."""


def refuse(where: str, what: str, hint: str) -> NoReturn:
    """Raise a ValueError that names the layer, what is wrong with it, and what to do."""
    raise ValueError(f"{where}: {what}; {hint}")


def check_output(where: str, name: str, data: Data) -> None:
    """Refuse an output in which the samples take turns: nobody would know whose values these are."""
    if data.merged == "turns":
        refuse(
            f"{where}: output '{name}'" if name else f"{where}: output",
            f"interleaves the samples of the batch along dimension {data.axis}",
            "split this dimension into (length, batch) and put the batch first",
        )


def input_shapes(where: str, shape: Any, argument: str = "example_shape") -> Any:
    """Check the shape of one sample; for several inputs a sequence of shapes or a mapping by name."""
    if isinstance(shape, Mapping):
        return {str(k): input_shape(where, v, f"{argument}[{k!r}]") for k, v in shape.items()}
    if isinstance(shape, (list, tuple)) and shape and all(isinstance(v, (list, tuple)) for v in shape):  # fmt: skip
        return tuple(input_shape(where, v, f"{argument}[{k}]") for k, v in enumerate(shape))
    return input_shape(where, shape, argument)


def input_shape(where: str, shape: Iterable[int], argument: str = "example_shape") -> Shape:
    """Check the shape of one sample, and return it."""
    try:
        sizes = tuple(shape)
    except TypeError:
        msg = f"{where}: {argument} must be the shape of one sample as (3, 32, 32), got {shown(shape)}"
        raise TypeError(msg) from None
    if not sizes:
        fail(where, argument, sizes, "must have at least one dimension")
    return tuple(integer(where, argument, n, 1) for n in sizes)


class Builder:
    """A graph under construction; shapes are checked as layers are added.

    Parameters
    ----------
    inputs : mapping of str to tuple of int
        Shape of one sample of each input.
    over_time : bool
        Whether tensors may be [T, B, ...].
    """

    def __init__(self, inputs: Mapping[str, Shape], *, over_time: bool = False) -> None:
        self.inputs, self.over_time = tuple(inputs), over_time
        self.shapes: dict[str, Shape] = dict(inputs)
        self.final: dict[str, str] = {}  # names that outputs get
        self._nodes: dict[str, Node] = {}

    def unique(self, name: str) -> str:
        """Return an unused name: ``name``, ``name_1``, ..."""
        name = name or "layer"
        k, free = 0, name
        while self._is_taken(free):
            k += 1
            free = f"{name}_{k}"
        return free

    def _is_taken(self, name: str) -> bool:
        """Return whether a layer has this name, or records of both would have one name: `a.mean`."""
        layer, _, what = name.rpartition(".")
        return (
            name in self.shapes
            or name in self.final.values()
            or (what in RECORDED and layer in self.shapes)
            or any(f"{name}.{what}" in self.shapes for what in RECORDED)
        )

    def add_loop(self, where: str, name: str, layer: Layer, recurrent: Layer, source: str) -> str:
        """Add a layer that also takes what another one makes of its output of the step before, and return its name."""
        name = self.unique(name)
        self.shapes[name] = self.shapes[source]
        back = self.add(where, f"{name}.back", Delay(1), name)
        weighed = self.add(where, f"{name}.recurrent", recurrent, back)
        total = self.add(where, f"{name}.input", Add(), source, weighed)
        self._nodes[name] = Node(name, layer, (total,))
        return name

    def add(self, where: str, name: str, layer: Layer, *inputs: str) -> str:
        """Add a layer, and return its name, which is made unique."""
        name = self.unique(name)
        with named(where):
            self.shapes[name] = layer.output_shape([self.shapes[i] for i in inputs], name)
        self._nodes[name] = Node(name, layer, inputs)
        return name

    def graph(self, where: str, sources: Sequence[str], names: Sequence[str] = ()) -> Graph:
        """Return the graph of all layers that lead to the outputs.

        Parameters
        ----------
        where : str
            What is being built, for error messages.
        sources : sequence of str
            The layers whose outputs are the graph's.
        names : sequence of str, optional
            Names that these layers get; "" keeps theirs. `final` has the names afterwards.
        """
        self.final.clear()
        outputs: list[str] = []
        for source, name in zip(sources, names or [""] * len(sources), strict=True):
            if source in self.inputs and len(sources) == 1:
                fail(where, "output", "the input itself", "must come from at least one layer")
            layer = source
            # An input is no layer, and a layer is one output.
            if source in self.inputs or source in outputs:
                layer = self.add(where, name or "output", Reshape(self.shapes[source]), source)
            elif name and name != source:
                self.final[source] = self.unique(name)
            outputs.append(layer)
        needed, stack = set(), list(outputs)
        while stack:
            node = stack.pop()
            if node not in self.inputs and node not in needed:
                needed.add(node)
                stack.extend(self._nodes[node].inputs)
        final = self.final
        nodes = [
            Node(final.get(n.name, n.name), n.layer, tuple(final.get(i, i) for i in n.inputs))
            for n in self._nodes.values()
            if n.name in needed
        ]
        unused = [name for name in self.inputs if not any(name in n.inputs for n in nodes)]
        if unused:
            what = f"'{unused[0]}'" if len(self.inputs) > 1 else "it"
            fail(where, "output", f"outputs without {what}", "must depend on every input", got="")
        return Graph(
            nodes, where, inputs=self.inputs, outputs=tuple(final.get(o, o) for o in outputs)
        )


Merged: TypeAlias = Literal["", "blocks", "turns", "steps"]
MIXES_STEPS = "keep the steps separate: read out over time outside of the model"
STEPS = 2  # of a run of a spiking module; its steps are samples, too


@dataclass(frozen=True)
class Layout:
    """Where a tensor has its batch.

    Parameters
    ----------
    axis : int
        The axis along which the samples lie.
    merged : "", "blocks", "turns" or "steps"
        "": each sample has one entry there, and as an array of its own it lacks this axis. Otherwise it has k of batch * k
        entries: "blocks": sample after sample, as the windows of a Swin transformer; "turns": the samples take turns, as
        the tokens [length * batch, features] of an attention. "steps": the samples lie along the first two axes, [T, B, ...],
        and a sample lacks both.
    """

    axis: int = 0
    merged: Merged = ""

    def tensor(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Return the tensor of samples [batch, ...]."""
        if self.merged == "steps":
            return samples.reshape(STEPS, -1, *samples.shape[1:])
        if self.merged == "turns":
            values = np.moveaxis(samples, 0, self.axis + 1)
        else:
            values = np.moveaxis(samples, 0, self.axis)
        if not self.merged:
            return values
        shape = values.shape
        size = shape[self.axis] * shape[self.axis + 1]
        return values.reshape(*shape[: self.axis], size, *shape[self.axis + 2 :])

    def samples(self, tensor: NDArray[Any], batch: int) -> NDArray[Any]:
        """Return the samples [batch, ...] of a tensor."""
        if self.merged == "steps":
            return tensor.reshape(-1, *tensor.shape[2:])
        if not self.merged:
            return np.moveaxis(tensor, self.axis, 0)
        k = tensor.shape[self.axis] // batch
        sizes = (k, batch) if self.merged == "turns" else (batch, k)
        apart = tensor.reshape(*tensor.shape[: self.axis], *sizes, *tensor.shape[self.axis + 1 :])
        return np.moveaxis(apart, self.axis + (self.merged == "turns"), 0)


@final
@dataclass(frozen=True)
class Data:
    """A tensor that depends on the input: the output of a layer.

    Parameters
    ----------
    source : str
        The layer, or an input.
    axis, merged
        See `Layout`.
    """

    source: str
    axis: int = 0
    merged: Merged = ""

    @property
    def layout(self) -> Layout:
        """Where the batch is."""
        return Layout(self.axis, self.merged)


@dataclass(frozen=True)
class Call:
    """One operator that is being converted to layers.

    Parameters
    ----------
    builder : Builder
    where : str
        The operator, for error messages.
    name : str
        Name of the layer.
    result : tuple of int
        Shape of the operator's output for a batch.
    batch : int
        Number of samples in the batch.
    """

    builder: Builder
    where: str
    name: str
    result: Shape
    batch: int

    def refuse(self, what: str, hint: str) -> NoReturn:
        """Raise an UnsupportedError that says why no layer computes the operator, and what to do."""
        raise UnsupportedError(f"{self.where}: {what}; {hint}")

    def inner(self, name: str) -> Call:
        """Return a call for a part of the operator, whose layers are called ``operator.name``."""
        return dataclasses.replace(self, name=f"{self.name}.{name}")

    def shape(self, x: Data) -> Shape:
        """Return the shape of one sample of an operand."""
        return self.builder.shapes[x.source]

    def tensor(self, x: Data | ArrayLike) -> Shape:
        """Return the shape of an operand for a batch, or of a constant."""
        if not isinstance(x, Data):
            return np.shape(x)
        shape = list(self.shape(x))
        if x.merged == "steps":
            return (STEPS, self.batch // STEPS, *shape)
        if x.merged:
            shape[x.axis] *= self.batch
        else:
            shape.insert(x.axis, self.batch)
        return tuple(shape)

    def axis(self, x: Data, d: int) -> int:
        """Return the axis of one sample for an axis of the tensor; the batch is refused."""
        n = len(self.tensor(x))
        if not -n <= d < n:
            self.refuse(f"works along dimension {d}", f"the tensor has {n} dimensions")
        d %= n
        if x.merged == "steps":
            if d == 0:
                self.refuse("works along dimension 0, which is time", MIXES_STEPS)
            if d == 1:
                self.refuse_batch(d)
            return d - 2
        if x.merged:
            if d == x.axis and self.batch > 1:
                self.refuse_batch(d)
            return d
        if d == x.axis:
            self.refuse_batch(d)
        return d - (d > x.axis)

    def refuse_batch(self, d: int) -> NoReturn:
        """Refuse an operator that mixes the samples of a batch."""
        self.refuse(
            f"works along dimension {d}, which is the batch",
            "keep the samples of a batch separate: the first dimension of the input is the batch; sequences need batch_first=True",
        )

    def add(self, layer: Layer, *operands: Data) -> Data:
        """Add a layer with the name of this call; the batch stays where the first operand has it."""
        name = self.builder.add(self.where, self.name, layer, *(x.source for x in operands))
        return dataclasses.replace(operands[0], source=name)

    def put(self, x: Data, kind: Callable[..., Layer], *parameters: Any, **more: Any) -> Data:
        """Make a layer and add it, so that an error about its parameters names the operator."""
        with named(self.where):
            layer = kind(*parameters, **more)
        return self.add(layer, x)

    def constant(self, sample: NDArray[Any], like: Data) -> Data:
        """Add a constant, given for one sample, with the batch where an operand has it."""
        with named(self.where):
            layer = Constant(np.array(sample, dtype=np.float64))
        return dataclasses.replace(like, source=self.builder.add(self.where, self.name, layer))

    def foreign(
        self, xs: Sequence[Data], function: Callable[..., Any], result: Shape, layout: Layout
    ) -> Data:
        """Add a layer that calls a function of the operator's own framework: a way out for what no layer computes.

        Parameters
        ----------
        xs : sequence of Data
            Its operands.
        function : callable
            Takes one array for each operand, one sample without the batch, and returns an array.
        result : tuple of int
            Shape of the returned array.
        layout : Layout
            Where the framework's result has its batch.
        """
        return Data(self.add(Foreign(function, result), *xs).source, layout.axis, layout.merged)

    def reshaped(self, x: Data, shape: Shape, axis: int | None = None, *, merged: Merged | None = None) -> Data:  # fmt: skip
        """Give one sample another shape, and the batch another place; without a layer if the shape remains."""
        axis = x.axis if axis is None else axis
        merged = x.merged if merged is None else merged
        if shape != self.shape(x):
            x = self.add(Flatten() if len(shape) == 1 else Reshape(shape), x)
        return Data(x.source, axis, merged)

    def batch_first(self, x: Data) -> Data:
        """Check that a tensor is [batch, ...], and return it."""
        if x.axis or x.merged:
            self.refuse(
                f"takes a tensor of shape {self.tensor(x)}, in which samples do not come first",
                "the first dimension must be the batch, and nothing else",
            )
        return x

    def one(self, x: object) -> Data:
        """Check that an operand depends on the input, and return it."""
        if not isinstance(x, Data):
            self.refuse_constants()
        return x

    def data(self, *xs: object) -> list[Data]:
        """Check that operands depend on the input, and return them."""
        return [self.one(x) for x in xs]

    def refuse_constants(self) -> NoReturn:
        """Refuse an operator of constants."""
        self.refuse("takes a constant as an operand", "the operand must depend on the input")

    def check(self, found: Data) -> None:
        """Check that the layers give the shape of the operator's output."""
        shape = self.tensor(found)
        if shape != self.result and math.prod(shape) != math.prod(self.result):
            self.refuse(
                f"gives shape {self.result}, but its layers give {shape}",
                "the first dimension must remain the batch",
            )
