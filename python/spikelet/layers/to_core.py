"""Translate a graph of layers into the core's graph; shapes are known here, and all arguments are checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet import _core
from spikelet.layers.base import Shape
from spikelet.layers.convolution import Conv2d
from spikelet.layers.graph import Graph, Node, Shapes
from spikelet.layers.linear import Add, Affine, Concat, Linear
from spikelet.layers.movement import Flatten, Upsample
from spikelet.layers.neurons import Neuron, PredictiveIF, ReLU
from spikelet.layers.pools import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d

__all__ = ["Source", "to_core"]

_NONE = np.zeros(0)


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
        Code of the spikes, as of `Neuron`.
    """

    form: str = "constant"
    amplitude: Any = 1.0
    is_signed: bool = False
    differential: bool = False
    levels: int = 1


def to_core(
    graph: Graph, input_shape: Shapes, sources: Sequence[Source] = ()
) -> tuple[_core.LayerGraph, dict[str, int]]:
    """Return the core's graph, and the number of each layer in it.

    Parameters
    ----------
    graph : Graph
    input_shape : tuple of int, or several
        As for `Graph.shapes`.
    sources : sequence of Source
        What each input holds; by default constants.
    """
    shapes = graph.shapes(input_shape)
    core = _core.LayerGraph()
    extents = {name: _extent(shapes[name]) for name in graph.inputs}
    numbers = {}
    for name, source in zip(graph.inputs, sources or [Source()] * len(graph.inputs), strict=True):
        numbers[name] = core.input(
            extents[name],
            form=source.form,
            amplitude=np.ravel(source.amplitude),
            is_signed=source.is_signed,
            differential=source.differential,
            levels=source.levels,
        )
    for node in graph:
        numbers[node.name], extents[node.name] = _add(core, node, shapes, numbers, extents)
    return core, numbers


def _extent(shape: Shape) -> tuple[int, int, int]:
    """Return channels, height and width: dimensions between the first and the last make up the height."""
    return shape[0], math.prod(shape[1:-1]), shape[-1] if len(shape) > 1 else 1


def _add(
    core: _core.LayerGraph,
    node: Node,
    shapes: dict[str, Shape],
    numbers: dict[str, int],
    extents: dict[str, tuple[int, int, int]],
) -> tuple[int, tuple[int, int, int]]:
    layer = node.layer
    from_ = [numbers[name] for name in node.inputs]
    given = extents[node.inputs[0]]
    shape = _extent(shapes[node.name])
    # Flattening keeps the order, so an image stays an image until a layer needs single features.
    if isinstance(layer, Flatten):
        return from_[0], given
    keeps_shape = isinstance(layer, (Neuron, ReLU)) and not _by_channel(layer)
    if keeps_shape and math.prod(given) == math.prod(shape):
        shape = given
    elif not isinstance(layer, Linear):
        for k, name in enumerate(node.inputs):
            flat = _extent(shapes[name])
            if extents[name] != flat:
                from_[k] = core.flatten(numbers[name], flat)
        given = _extent(shapes[node.inputs[0]])
    return _add_layer(core, node, from_, given, shape), shape


def _by_channel(layer: Neuron | ReLU) -> bool:
    """Return whether the layer has parameters that the core takes by channel only."""
    if isinstance(layer, ReLU):
        return np.ndim(layer.upper) > 0
    if isinstance(layer, PredictiveIF) and max(layer.pace.ndim, layer.limit.ndim) > 1:
        return True
    return np.ndim(layer.amplitude) > 0


def _add_layer(
    core: _core.LayerGraph,
    node: Node,
    from_: list[int],
    given: tuple[int, int, int],
    shape: tuple[int, int, int],
) -> int:
    match layer := node.layer:
        case Linear():
            c, h, w = given
            weight = layer.weight.reshape(-1, c, h, w)
            return core.conv(
                from_[0],
                shape,
                weight,
                _given(layer.bias),
                stride=(h, w),
                dilation=(1, 1),
                padding=(0, 0),
                groups=1,
            )
        case Conv2d():
            top, _, left, _ = layer.padding
            return core.conv(
                from_[0],
                shape,
                layer.weight,
                _given(layer.bias),
                stride=layer.stride,
                dilation=layer.dilation,
                padding=(top, left),
                groups=layer.groups,
            )
        case AvgPool2d() | AdaptiveAvgPool2d():
            rows, columns = layer.windows(given)
            return core.average(from_[0], shape, rows, columns, *layer.divisors(given))
        case MaxPool2d():
            rows, columns = layer.windows(given)
            return core.maximum(from_[0], shape, rows, columns, of_counts=layer.of == "counts")
        case Add():
            return core.add(from_, shape)
        case Concat():
            return core.concat(from_, shape)
        case Upsample():
            return core.upsample(from_[0], shape, layer.scale_factor)
        case Affine():
            return core.affine(from_[0], shape, layer.scale, _given(layer.shift))
        case ReLU():
            upper = _NONE if layer.upper is None else np.ravel(layer.upper)
            return core.relu(from_[0], shape, upper, layer.levels)
        case Neuron():
            decay, gain = layer.coefficients()
            pace, limit = _schedule(layer, shape)
            return core.neuron(
                from_[0],
                shape,
                threshold=np.ravel(layer.threshold),
                v_init=np.ravel(layer.v_init),
                amplitude=np.ravel(layer.amplitude),
                hard=layer.reset == "zero",
                v_reset=layer.v_reset,
                decay=decay,
                gain=gain,
                is_signed=layer.code != "binary",
                differential=layer.code == "differential",
                levels=layer.levels,
                pace=pace,
                limit=limit,
            )
    way_out = "build the model from the layers of sl.layers"
    msg = f"SpikingModel: layer '{node.name}': the core has no {type(layer).__name__}; {way_out}"
    raise TypeError(msg)


def _schedule(layer: Neuron, shape: tuple[int, int, int]) -> tuple[Any, Any]:
    if not isinstance(layer, PredictiveIF):
        return _NONE, _NONE
    steps = layer.steps
    pace, limit = (
        np.broadcast_to(a.reshape(steps, -1), (steps, shape[0])) for a in (layer.pace, layer.limit)
    )
    return pace, limit


def _given(values: Any) -> Any:
    return _NONE if values is None else values
