"""Layers over sequences as layers over images of width 1, which have the same nodes but for their shapes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from spikelet.layers import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    Affine,
    AvgPool1d,
    AvgPool2d,
    Concat,
    Conv1d,
    Conv2d,
    Layer,
    MaxPool1d,
    MaxPool2d,
    Neuron,
)
from spikelet.layers.graph import Graph

__all__ = ["planar"]

_PLANES: Mapping[type[Layer], type[Layer]] = {
    Conv1d: Conv2d,
    AvgPool1d: AvgPool2d,
    AdaptiveAvgPool1d: AdaptiveAvgPool2d,
    MaxPool1d: MaxPool2d,
}
_OF_WIDTH_1 = {"kernel_size": 1, "stride": 1, "dilation": 1, "output_size": 1, "padding": 0}
_BY_NEURON: Mapping[type[Layer], tuple[str, ...]] = {
    Neuron: ("threshold", "v_init"),
    Affine: ("scale", "shift"),
}


def planar(graph: Graph, shape: Iterable[Any] | None) -> tuple[Graph, Iterable[Any] | None]:
    """Return the layers of a network over sequences as layers over images of width 1, and the shape of a sample.

    Of several inputs, vectors stay vectors. Other networks are returned as they are.
    """
    if shape is None or not any(type(node.layer) is Conv1d for node in graph):
        return graph, shape
    given = tuple(shape)
    each = (given,) if len(graph.inputs) == 1 else given
    if not all(isinstance(one, Sequence) and len(one) in (1, 2) for one in each):
        return graph, given
    sizes = tuple((*one, 1) if len(one) == 2 else one for one in each)
    layers = {node.name: _lifted(node.layer) for node in graph}
    return graph.replaced(layers), sizes[0] if len(graph.inputs) == 1 else sizes


def _lifted(layer: Layer) -> Layer:
    if isinstance(layer, tuple(_BY_NEURON)):
        names = next(names for kind, names in _BY_NEURON.items() if isinstance(layer, kind))
        values = {name: getattr(layer, name) for name in names}
        return layer.replace(**{k: v[..., None] for k, v in values.items() if np.ndim(v) == 2})
    if isinstance(layer, Concat) and layer.axis == -2:  # the channels, by their axis from the end
        return layer.replace(axis=0)
    kind = _PLANES.get(type(layer))
    if kind is None:
        return layer
    fields = {f.name: getattr(layer, f.name) for f in dataclasses.fields(layer) if f.init}
    for name, value in _OF_WIDTH_1.items():
        if name in fields:
            fields[name] = (*fields[name], value)
    if "weight" in fields:  # with a padding for each side
        fields.update(weight=fields["weight"][..., None], padding=(*fields["padding"], 0))
    return kind(**fields)
