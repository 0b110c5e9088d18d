"""Translate a graph of layers into the core's graph; shapes are known here, and all arguments are checked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spikelet import _core
from spikelet.layers.base import Layer
from spikelet.layers.convolution import TransposedConvolution
from spikelet.layers.graph import Graph, Shapes
from spikelet.layers.linear import DelayedLinear, Linear
from spikelet.layers.views import NONE, Extent, Floats, Shape, View, Views, extent_of

__all__ = [
    "Lowered",
    "Source",
    "add_source",
    "dense_operations",
    "engine_of",
    "extent_of",
    "lower",
]


@dataclass(frozen=True)
class Source:
    """What an input of the core holds.

    Parameters
    ----------
    form : "constant", "sequence", "spikes" or "packed"
    amplitude : float or [channels]
        Value of a spike.
    is_signed, differential : bool
    levels : int
    level_ratio : float
        Code of the spikes, as of `Neuron`.
    extent : tuple of int, optional
        Channels, height and width as the core holds them; by default those of the shape. They may differ behind a layer
        that keeps the order of values.
    sizes : array, [T], optional
        Of spikes at each step, as of `PredictiveNeuron`.
    """

    form: str = "constant"
    amplitude: Any = 1.0
    is_signed: bool = False
    differential: bool = False
    levels: int = 1
    level_ratio: float = 0.5
    extent: tuple[int, int, int] | None = None
    sizes: Any = None


class Lowered(NamedTuple):
    """A graph in the core's terms.

    Parameters
    ----------
    core : _core.LayerGraph
    numbers : dict of str to int
        The node that holds the output of each layer.
    layers : dict of int to str
        The layer that each node computes, except for nodes that only move values.
    """

    core: _core.LayerGraph
    numbers: dict[str, int]
    layers: dict[int, str]


def lower(
    graph: Graph,
    input_shape: Shapes,
    sources: Sequence[Source] = (),
    wanted: Collection[str] = (),
) -> Lowered:
    """Translate a graph.

    Layers that only move values, and concatenations that are moved on, have a number if they are outputs, are wanted, or
    keep the order of the values before them: then they have the number of the layer that has these.

    Parameters
    ----------
    graph : Graph
    input_shape : tuple of int, or several
        As for `Graph.shapes`.
    sources : sequence of Source
        What each input holds; by default constants.
    wanted : collection of str
        Further layers that must have a number, as their values are to be recorded.
    """
    shapes = graph.shapes(input_shape)
    core = _core.LayerGraph()
    views = Views(core)
    held: dict[str, View] = {}
    for name, source in zip(graph.inputs, sources or [Source()] * len(graph.inputs), strict=True):
        views.layer = name
        held[name] = views.add(*add_source(core, shapes[name], source), shapes[name])
    open_delays: dict[str, str] = {}  # in cycles, by the layer that they take
    for node in graph.running_order():
        views.layer = node.name
        if node.inputs and node.inputs[0] not in held:
            open_delays[node.name] = node.inputs[0]
        inputs = [held[name] for name in node.inputs if node.name not in open_delays]
        held[node.name] = node.layer.add_to(views, shapes[node.name], *inputs)
        if node.name in graph.outputs or node.name in wanted:
            views.in_order(held[node.name])
    for name, taken in open_delays.items():
        views.layer = taken
        core.close(views.shaped(held[name]), views.shaped(held[taken], extent_of(shapes[name])))
    numbers = {
        name: number for name, view in held.items() if (number := views.number(view)) is not None
    }
    return Lowered(core, numbers, views.layers)


def engine_of(
    core: _core.LayerGraph, dtype: str, records: Sequence[tuple[int, str]], sizes: Floats | None
) -> Any:
    """Return the engine of a graph for a precision, with what it records, and the sizes of spikes at each step."""
    kind = _core.LayerEngine64 if dtype == "float64" else _core.LayerEngine32
    return kind(
        core, whole=dtype == "int16", records=records, sizes=NONE if sizes is None else sizes
    )


def add_source(core: _core.LayerGraph, shape: Shape, source: Source) -> tuple[int, Extent]:
    """Add an input to the core's graph; return its number and its extent."""
    extent = source.extent or extent_of(shape)
    number = core.input(
        extent,
        form=source.form,
        amplitude=np.ravel(source.amplitude),
        is_signed=source.is_signed,
        differential=source.differential,
        levels=source.levels,
        level_ratio=source.level_ratio,
    )
    return number, extent


def dense_operations(layer: Layer, shapes: Sequence[Shape]) -> int | None:
    """Return the operations of a step whose inputs are all active, or None if they are those of the core's nodes.

    The node of a linear layer may read more than the layer does, and that of a transposed convolution has zeros between
    its inputs.
    """
    if isinstance(layer, (DelayedLinear, Linear)):
        return int(layer.weight.size)
    if not isinstance(layer, TransposedConvolution):
        return None
    found: int = len(layer.weight) * layer.weight.shape[1]
    outputs = layer.output_shape(shapes)[1:]
    for axis, (n, out) in enumerate(zip(shapes[0][1:], outputs, strict=True)):
        taps = layer.dilation[axis] * np.arange(layer.weight.shape[2 + axis])
        reached = layer.stride[axis] * np.arange(n)[:, None] + taps - layer.padding[2 * axis]
        found *= int(np.count_nonzero((reached >= 0) & (reached < out)))
    return found
