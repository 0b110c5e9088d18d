"""Translate a graph of layers into the core's graph; shapes are known here, and all arguments are checked."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spikelet import _core
from spikelet.layers.base import Shape
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.delay import Delay, DelayedLinear
from spikelet.layers.foreign import Foreign
from spikelet.layers.graded import Graded
from spikelet.layers.graph import Graph, Node, Shapes
from spikelet.layers.leaky import ALIF, LI, Synaptic
from spikelet.layers.linear import Add, Affine, Concat, Constant, Linear
from spikelet.layers.movement import Flatten, Movement, Reshape, Upsample
from spikelet.layers.neurons import IF, LIF, Leak, Neuron, ReLU
from spikelet.layers.pools import Pool
from spikelet.layers.predictive import PredictiveNeuron
from spikelet.layers.resize import Resize
from spikelet.layers.to_core_graded import graded
from spikelet.layers.to_core_linear import (
    affine,
    convolution,
    delayed,
    linear,
    pool,
    resize,
    transposed,
)
from spikelet.layers.views import Extent, View, Views, extent_of

__all__ = ["Lowered", "Source", "add_source", "extent_of", "lower", "to_core"]

_NONE = np.zeros(0)
# What the core's neurons get without a schedule; see `PredictiveNeuron.schedule`.
_ARRAYS = dict.fromkeys(("pace", "limit", "ceiling", "offset", "alpha", "beta", "scale"), _NONE)
_UNSCHEDULED: dict[str, Any] = {"activation": None, "level_ratio": 0.5, **_ARRAYS}


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


def to_core(
    graph: Graph,
    input_shape: Shapes,
    sources: Sequence[Source] = (),
    wanted: Collection[str] = (),
) -> tuple[_core.LayerGraph, dict[str, int]]:
    """Return the core's graph, and the number of each layer in it: the first two of `lower`."""
    return lower(graph, input_shape, sources, wanted)[:2]


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
    opened: list[tuple[str, str]] = []
    for node in graph.running_order():
        views.layer = node.name
        if node.inputs and node.inputs[0] not in held:  # a delay in a cycle
            opened.append((node.name, node.inputs[0]))
            inputs = []
        else:
            inputs = [held[name] for name in node.inputs]
        held[node.name] = _add(views, node, inputs, shapes[node.name])
        if node.name in graph.outputs or node.name in wanted:
            views.in_order(held[node.name])
    for name, source in opened:
        views.layer = source
        core.close(held[name].node, views.shaped(held[source], extent_of(shapes[name])))
    numbers = {
        name: number for name, view in held.items() if (number := views.number(view)) is not None
    }
    return Lowered(core, numbers, views.layers)


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


def _add(views: Views, node: Node, inputs: list[View], shape: Shape) -> View:
    core, extent = views.core, extent_of(shape)
    match layer := node.layer:
        case Flatten() | Reshape():
            return views.reshaped(inputs[0], shape)
        case Upsample() if len(shape) == 3 and inputs[0].value is None:
            from_ = views.shaped(inputs[0])
            return views.add(core.upsample(from_, extent, layer.scale_factor), extent, shape)
        case Movement():
            return views.moved(inputs[0], layer.moved)
        case Concat():
            return views.joined(inputs, layer.axis % len(shape), shape)
        case Constant():
            return View(shape, value=layer.value)
        case Linear():
            return linear(views, layer, inputs[0], shape)
        case Delay():
            return _delay(views, layer, inputs, shape)
        case DelayedLinear():
            return delayed(views, layer, inputs[0], shape)
        case Convolution():
            return convolution(views, layer, inputs[0], shape)
        case TransposedConvolution():
            return transposed(views, layer, inputs[0], shape)
        case Pool():
            return pool(views, layer, inputs[0], shape)
        case Resize():
            return resize(views, layer, inputs[0], shape)
        case Affine():
            scale, shift = layer.over(shape)
            return affine(views, inputs[0], scale, shift)
        case Add():
            return _sum(views, inputs, shape)
        case ReLU():
            upper = _NONE if layer.upper is None else np.ravel(layer.upper)
            index = None
            if len(upper) > 1:
                from_, extent = views.by_channel(inputs[0])
            else:
                from_, extent, index = views.alike(inputs[0])
            number = core.relu(from_, extent, upper, layer.levels)
            return views.add(number, extent, shape, index)
        case Neuron() | LI():
            return _neuron(views, layer, inputs[0])
        case Foreign():
            from_all = [views.in_order(view)[0] for view in inputs]
            number = core.foreign(from_all, extent, layer.function, [v.shape for v in inputs])
            return views.add(number, extent, shape)
        case Graded():
            return graded(views, layer, inputs, shape)
    way_out = "build the model from the layers of sl.layers"
    msg = f"SpikingModel: layer '{node.name}': the core has no {type(layer).__name__}; {way_out}"
    raise TypeError(msg)


def _sum(views: Views, inputs: Sequence[View], shape: Shape) -> View:
    first = views.order(inputs[0])
    if first is not None and all(
        view.shape == shape
        and view.index is not None
        and views.extents[view.parts[0]] == views.extents[inputs[0].parts[0]]
        and np.array_equal(view.index, first)
        and len(view.parts) == 1
        for view in inputs
    ):
        parts = [view.parts[0] for view in inputs]
        extent = views.extents[parts[0]]
        return views.add(views.core.add(parts, extent), extent, shape, first)
    wide = [
        view if view.shape == shape else views.moved(view, lambda a, _: np.broadcast_to(a, shape))
        for view in inputs
    ]
    extents = {views.extents[view.node] if view.node is not None else None for view in wide}
    common = next(iter(extents))
    extent = common if len(extents) == 1 and common is not None else extent_of(shape)
    from_ = [views.shaped(view, extent) for view in wide]
    return views.add(views.core.add(from_, extent), extent, shape)


def _delay(views: Views, layer: Delay, inputs: Sequence[View], shape: Shape) -> View:
    extent, index = extent_of(shape), None
    if not inputs:
        sources = []
    elif np.ndim(layer.steps):
        sources = [views.shaped(inputs[0], extent)]
    else:
        source, extent, index = views.alike(inputs[0])
        sources = [source]
    steps = np.ravel(layer.steps).astype(np.uint32)
    return views.add(views.core.delay(sources, extent, steps), extent, shape, index)


def _dynamics(layer: Neuron | LI) -> tuple[str, list[Any]] | None:
    """Return the reset and the coefficients of neurons that the core's plain ones are not, else None."""
    decay, gain = layer.coefficients()
    drive = layer.drive if isinstance(layer, Leak) else 0.0
    reset, v_reset = "none", 0.0
    if isinstance(layer, Neuron):
        reset = {"zero": "value"}.get(layer.reset, layer.reset)
        v_reset = layer.v_reset
        later = layer.strict and layer.reset == "subtract" and not layer.reset_delay
        plain = isinstance(layer, (IF, LIF, PredictiveNeuron)) and not later and reset != "none"
        if plain and np.ndim(decay) == np.ndim(gain) == np.ndim(v_reset) == 0 and np.all(drive == 0):
            return None
    synapse = layer.synapse() if isinstance(layer, Synaptic) and layer.has_synapse else (None,) * 3
    adaptation = layer.adaptation() if isinstance(layer, ALIF) else (None, None)
    given = (decay, gain, drive, *synapse, v_reset, *adaptation)
    return reset, [_NONE if value is None else np.ravel(value) for value in given]


def _neuron(views: Views, layer: Neuron | LI, view: View) -> View:
    spikes = isinstance(layer, Neuron)
    predictive = layer if isinstance(layer, PredictiveNeuron) else None
    by_channel = (spikes and np.ndim(layer.amplitude) > 0) or (
        predictive is not None and predictive.by_channel
    )
    own = any(np.shape(getattr(layer, name)) == (view.shape[0],) for name in layer._per_value)
    # An image stays one behind `Flatten` where it can.
    if by_channel or (own and math.prod(view.shape) != view.shape[0]):
        from_, extent = views.by_channel(view)
    else:
        from_, extent = views.in_order(view)
    dynamics = _dynamics(layer)
    decay, gain = layer.coefficients() if dynamics is None else (1.0, 1.0)
    schedule = {} if predictive is None else predictive.schedule(extent[0])
    number = views.core.neuron(
        from_,
        extent,
        threshold=np.ravel(layer.threshold) if spikes else _NONE,
        v_init=np.ravel(layer.v_init),
        amplitude=np.ravel(layer.amplitude) if spikes else np.ones(1),
        hard=spikes and layer.reset in ("zero", "value"),
        v_reset=layer.v_reset if spikes and dynamics is None else 0.0,
        decay=decay,
        gain=gain,
        is_signed=spikes and layer.code != "binary",
        differential=spikes and layer.code == "differential",
        levels=layer.levels if spikes else 1,
        later=spikes and layer.reset_delay,
        strict=spikes and layer.strict,
        dynamics=dynamics,
        **{**_UNSCHEDULED, **schedule},
    )
    return views.add(number, extent, view.shape)
