"""Shared by the readers of ANNs: a graph that is built layer by layer, and error messages with hints."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, integer, named, shown
from spikelet.layers import AdaptiveAvgPool2d, Add, Affine, Conv2d, Flatten, Layer, Shape, Upsample
from spikelet.layers.graph import INPUT, Graph, Node
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["ERRORS", "Builder", "Call", "Data", "differing", "hint_for", "input_shape", "refuse"]

Floats = NDArray[np.float64]

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
_RETRAIN = (
    "the rate of a spiking neuron follows a ReLU of its input: "
    "retrain with ReLU, or leave this layer out of the conversion"
)
_BOUNDED = "there is no layer with an upper bound: fine-tune with ReLU in its place"
_HINTS = {
    **dict.fromkeys(
        [
            "sigmoid",
            "logsigmoid",
            "tanh",
            "gelu",
            "silu",
            "swish",
            "elu",
            "selu",
            "celu",
            "mish",
            "softplus",
            "softsign",
            "hardswish",
            "hardsigmoid",
            "leakyrelu",
            "prelu",
            "rrelu",
            "softshrink",
            "hardshrink",
            "tanhshrink",
            "threshold",
            "glu",
            "erf",
        ],
        _RETRAIN,
    ),
    **dict.fromkeys(("relu6", "hardtanh", "clamp", "clip"), _BOUNDED),
    **dict.fromkeys(
        [
            "layernorm",
            "groupnorm",
            "instancenorm",
            "instancenorm2d",
            "rmsnorm",
            "localresponsenorm",
            "lrn",
            "instancenormalization",
            "layernormalization",
            "groupnormalization",
        ],
        "its statistics depend on the input: retrain with BatchNorm, or without normalisation",
    ),
    **dict.fromkeys(
        ["convtranspose2d", "convtranspose", "convtranspose1d"],
        "use nearest-neighbour upsampling and a convolution",
    ),
    **dict.fromkeys(
        ["conv1d", "maxpool1d", "avgpool1d", "adaptiveavgpool1d"],
        "use its 2d variant on images of height 1",
    ),
    **dict.fromkeys(
        ["matmul", "bmm", "einsum", "multiheadattention", "scaleddotproductattention"],
        "a product of two activations is not a sum of spikes: leave it out of the conversion",
    ),
    **dict.fromkeys(
        ["lstm", "gru", "rnn", "lstmcell", "grucell", "rnncell"],
        "recurrent layers cannot be converted; `sl.Network` runs recurrent spiking networks",
    ),
}


def hint_for(operator: str) -> str:
    """Return a hint for an operator that is not supported."""
    return _HINTS.get(
        operator.lower().replace("_", "").removesuffix("default"),
        "supported are linear and convolutional layers, BatchNorm, ReLU, pooling, sums, "
        "concatenation, flattening and nearest-neighbour upsampling: use these instead, "
        "or leave it out of the conversion",
    )


def refuse(where: str, what: str, hint: str) -> NoReturn:
    """Raise a ValueError that names the layer, what is wrong with it, and what to do."""
    raise ValueError(f"{where}: {what}; {hint}")


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
    shape : tuple of int
        Shape of one input sample.
    """

    def __init__(self, shape: Shape) -> None:
        self.shapes: dict[str, Shape] = {INPUT: shape}
        self._nodes: dict[str, Node] = {}

    def unique(self, name: str) -> str:
        """Return an unused name: ``name``, ``name_1``, ..."""
        name = name or "layer"
        k, free = 0, name
        while free in self.shapes:
            k += 1
            free = f"{name}_{k}"
        return free

    def add(self, where: str, name: str, layer: Layer, *inputs: str) -> str:
        """Add a layer, and return its name, which is made unique."""
        name = self.unique(name)
        with named(where):
            self.shapes[name] = layer.output_shape([self.shapes[i] for i in inputs], name)
        self._nodes[name] = Node(name, layer, inputs)
        return name

    def graph(self, where: str, output: str) -> Graph:
        """Return the graph of all layers that lead to the output."""
        if output == INPUT:
            fail(where, "output", "the input itself", "must come from at least one layer")
        needed, stack = set(), [output]
        while stack:
            name = stack.pop()
            if name != INPUT and name not in needed:
                needed.add(name)
                stack.extend(self._nodes[name].inputs)
        # The output comes last: layers that were added after it are not needed.
        return Graph((n for n in self._nodes.values() if n.name in needed), where)

    def global_mean(self, where: str, name: str, source: str, *, keepdim: bool) -> str:
        """Average each channel."""
        if keepdim:
            return self.add(where, name, AdaptiveAvgPool2d(1), source)
        inner = self.add(where, f"{name}.pool", AdaptiveAvgPool2d(1), source)
        return self.add(where, name, Flatten(), inner)

    def per_channel(self, where: str, source: str, constant: Floats) -> Floats:
        """Return a constant that broadcasts with batches as one number for each channel."""
        shape = self.shapes[source]
        samples = constant.shape[0] if constant.ndim == len(shape) + 1 else 1
        rule = "a constant must be one number, or one for each channel"
        what = f"takes a constant of shape {constant.shape} for samples of shape {shape}"
        try:
            full = np.broadcast_to(constant, (samples, *shape))
        except ValueError:
            refuse(where, what, rule)
        flat = full.reshape(samples, shape[0], -1)
        if (flat != flat[:1, :, :1]).any():
            refuse(where, what, rule)
        return np.array(flat[0, :, 0])

    def scaled(
        self,
        where: str,
        name: str,
        source: str,
        scale: Floats | float = 1.0,
        shift: Floats | None = None,
    ) -> str:
        """Multiply by constants and add constants, which broadcast with batches."""
        factors = self.per_channel(where, source, np.asarray(scale, dtype=np.float64))
        offsets = None if shift is None else self.per_channel(where, source, np.asarray(shift))
        with named(where):
            layer = Affine(factors, offsets)
        return self.add(where, name, layer, source)

    def total(self, where: str, name: str, sources: list[str]) -> str:
        """Add up several layers."""
        return self.add(where, name, Add(), *sources)

    def picked(
        self,
        where: str,
        name: str,
        source: str,
        *,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int, int, int] = (0, 0, 0, 0),
        before: int = 0,
        after: int = 0,
    ) -> str:
        """Take every `stride`-th pixel, and pad with zeros at the sides and with channels of zeros."""
        shape = self.shapes[source]
        if len(shape) != 3:
            refuse(
                where,
                f"takes samples of shape {shape}",
                "samples must be (channels, height, width)",
            )
        n = shape[0]
        if before or after:  # a selection of channels
            weight = np.zeros((before + n + after, n, 1, 1))
            weight[before + np.arange(n), np.arange(n)] = 1
            layer = Conv2d(weight, stride=stride, padding=padding)
        else:
            layer = Conv2d(np.ones((n, 1, 1, 1)), stride=stride, padding=padding, groups=n)
        return self.add(where, name, layer, source)


@dataclass(frozen=True)
class Data:
    """An operand that depends on the input: the output of a layer.

    Parameters
    ----------
    source : str
        The layer.
    view : tuple of int, optional
        Another shape of one sample, in which its values are viewed.
    where : str
        The operator that made the view, for error messages.
    """

    source: str
    view: Shape | None = None
    where: str = ""

    @property
    def name(self) -> str:
        """The layer, for operators that take it without a view."""
        if self.view is not None:
            refuse(
                self.where,
                f"reshapes samples to {self.view}",
                "a shape can only be flattened to a vector, sample by sample",
            )
        return self.source


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
        """Raise an error that says why the operator cannot be converted."""
        refuse(self.where, what, hint)

    def shape(self, x: Data) -> Shape:
        """Return the shape of one sample of an operand."""
        return self.builder.shapes[x.name]

    def add(self, layer: Layer, *sources: Data) -> Data:
        """Add a layer with the name of this call."""
        return Data(self.builder.add(self.where, self.name, layer, *(s.name for s in sources)))

    def operands(self, *xs: object) -> list[Data]:
        """Check that operands depend on the input."""
        if not all(isinstance(x, Data) for x in xs):
            self.refuse("takes a constant as an operand", "the operand must depend on the input")
        return [x for x in xs if isinstance(x, Data)]

    def reshaped(self, x: Data) -> Data:
        """Reshape an operand to the shape of the result, keeping the order of its values."""
        if self.result[:1] != (self.batch,) or len(self.result) < 2:
            self.refuse(
                f"reshapes {self.builder.shapes[x.source]} to {self.result}",
                "the first dimension must remain the batch",
            )
        shape, before = self.result[1:], self.builder.shapes[x.source]
        if shape == before:
            return Data(x.source)
        if shape == (math.prod(before),):
            return self.add(Flatten(), Data(x.source))
        # This may be an intermediate shape: x.squeeze(-1).squeeze(-1).
        return Data(x.source, shape, self.where)

    def upsampled(self, x: Data) -> Data:
        """Repeat pixels to reach the shape of the result."""
        before, after = self.shape(x)[1:], self.result[2:]
        if len(before) != 2 or any(m % n for n, m in zip(before, after, strict=True)):
            self.refuse(f"upsamples {before} to {after}", "the factor must be an integer")
        v, h = (m // n for n, m in zip(before, after, strict=True))
        return self.add(Upsample((v, h)), x)

    def check(self, found: Data) -> None:
        """Check that the layers give the shape of the operator's output."""
        shape = (self.batch, *(found.view or self.builder.shapes[found.source]))
        if shape != self.result:
            self.refuse(
                f"gives shape {self.result}, but its layers give {shape}",
                "the first dimension must remain the batch",
            )


def differing(graph: Graph, x: Floats, expected: dict[str, Floats], tolerance: float) -> str | None:
    """Return the first layer whose activations differ from the expected ones, or None.

    Parameters
    ----------
    graph : Graph
    x : array, [batch, ...]
    expected : dict of arrays, [batch, ...]
        Activations by name of the layer; layers may be missing.
    tolerance : float
        Relative to the largest activation of the layer.
    """
    names = [node.name for node in graph if node.name in expected]
    ann = SpikingModel(graph, dtype="float64", threads=1)
    result = ann.run(x, steps=1, record=[f"{name}.mean" for name in names])
    for node in graph:
        if node.name in expected:
            a, b = result[f"{node.name}.mean"], expected[node.name]
            if a.shape != b.shape or not np.abs(a - b).max() <= tolerance * np.abs(b).max():
                return node.name
    return None
