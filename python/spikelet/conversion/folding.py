"""Fold scales and shifts of channels (BatchNorm) into the adjacent weights, exactly."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail, named, numbers, require
from spikelet.layers import Affine, Conv2d, Layer, Linear
from spikelet.layers.graph import Graph, Node

__all__ = ["batch_norm", "fold"]

Floats = NDArray[np.float64]


def batch_norm(
    weight: ArrayLike | None,
    bias: ArrayLike | None,
    running_mean: ArrayLike,
    running_var: ArrayLike,
    eps: float = 1e-5,
) -> Affine:
    """Return the affine map of BatchNorm with fixed statistics.

    Parameters
    ----------
    weight, bias : array-like, [channels], or None
        Gamma and beta; None stands for 1 and 0.
    running_mean, running_var : array-like, [channels]
    eps : float
        Added to the variances; >= 0.

    Returns
    -------
    Affine
        ``y = (x - running_mean) / sqrt(running_var + eps) * weight + bias``

    Raises
    ------
    ValueError
        If sizes differ, a value is not finite, or a variance plus eps is not positive.
    """
    where = "batch_norm"
    mean = numbers(where, "running_mean", running_mean)
    var = numbers(where, "running_var", running_var)
    epsilon = numbers(where, "eps", eps, dimensions=0)
    gamma = np.ones(mean.shape) if weight is None else numbers(where, "weight", weight)
    beta = np.zeros(mean.shape) if bias is None else numbers(where, "bias", bias)
    for name, array in (("weight", gamma), ("bias", beta), ("running_var", var)):
        if array.shape != mean.shape:
            rule = f"must have the shape {mean.shape} of running_mean"
            fail(where, name, array.shape, rule, got="shape")
    for name, array, rule in (
        ("weight", gamma, "finite"),
        ("bias", beta, "finite"),
        ("running_mean", mean, "finite"),
        ("running_var", var, "finite and >= 0"),
        ("eps", epsilon, "finite and >= 0"),
        ("running_var + eps", var + epsilon, "finite and > 0"),
    ):
        require(where, name, array, rule)
    scale = gamma / np.sqrt(var + epsilon)
    return Affine(scale, beta - mean * scale)


def fold(graph: Graph) -> Graph:
    """Fold every `Affine` into the adjacent weights where that is possible.

    An `Affine` is folded into the `Linear`, `Conv2d` or `Affine` before it, which keeps its name, if nothing else uses
    the output of that layer; or into the `Linear` or `Conv2d` after it, if nothing else uses the output of the `Affine`.
    A convolution pads the *output* of the `Affine` with zeros, so an `Affine` with a shift stays if the convolution after
    it pads. An `Affine` after a sum stays too.

    Parameters
    ----------
    graph : Graph
        The graph to fold; it is not modified.

    Returns
    -------
    Graph
        A graph with the same outputs, without the folded layers.

    Raises
    ------
    ValueError
        If a weight overflows; the message names the layer.
    """
    if not isinstance(graph, Graph):
        fail("fold", "graph", type(graph).__name__, "must be a Graph", error=TypeError)
    uses = Counter(name for node in graph for name in set(node.inputs))
    uses.update(graph.outputs)
    layers: dict[str, Layer] = {}
    inputs: dict[str, tuple[str, ...]] = {}
    instead: dict[str, str] = {}  # replacements of folded layers
    for node in graph:
        sources = tuple(instead.get(name, name) for name in node.inputs)
        layer = node.layer
        before = layers.get(sources[0])
        alone = before is not None and uses[sources[0]] == 1
        with named(f"fold: layer '{node.name}'"), np.errstate(over="ignore", invalid="ignore"):
            if isinstance(layer, Affine) and alone and isinstance(before, Affine | Conv2d | Linear):
                behind = _behind(before, layer)
                if node.name in graph.outputs:  # which keeps its name
                    del layers[sources[0]]
                    layers[node.name], inputs[node.name] = behind, inputs[sources[0]]
                    continue
                layers[sources[0]] = behind
                instead[node.name] = sources[0]
                uses[sources[0]] = uses[node.name]
                continue
            if isinstance(layer, Conv2d | Linear) and alone and isinstance(before, Affine):
                merged = _ahead(before, layer)
                if merged is not None:
                    del layers[sources[0]]
                    layer, sources = merged, inputs[sources[0]]
        layers[node.name], inputs[node.name] = layer, sources
    nodes = (Node(name, layer, inputs[name]) for name, layer in layers.items())
    return Graph(nodes, "fold", graph.inputs, graph.outputs)


def _behind(layer: Affine | Conv2d | Linear, affine: Affine) -> Layer:
    """Return the layer followed by an affine map."""
    scale = affine.scale
    offset = layer.shift if isinstance(layer, Affine) else layer.bias
    bias = _sum(None if offset is None else offset * scale, affine.shift)
    if isinstance(layer, Affine):
        return Affine(layer.scale * scale, bias)
    weight = layer.weight * scale.reshape(-1, *[1] * (layer.weight.ndim - 1))
    return layer.replace(weight=weight, bias=bias)


def _ahead(affine: Affine, layer: Conv2d | Linear) -> Layer | None:
    """Return the layer preceded by an affine map, or None if padding forbids it."""
    shifts = affine.shift is not None and bool(affine.shift.any())
    if isinstance(layer, Linear):
        weight = layer.weight * affine.scale
        drive = layer.weight @ affine.shift if shifts else None
    else:
        if shifts and any(layer.padding):
            return None
        out, per_group = layer.weight.shape[:2]
        group = np.arange(out) // (out // layer.groups)
        channels = group[:, None] * per_group + np.arange(per_group)  # [out, in / groups]
        weight = layer.weight * affine.scale[channels][..., None, None]
        drive = np.einsum("oihw,oi->o", layer.weight, affine.shift[channels]) if shifts else None
    return layer.replace(weight=weight, bias=_sum(drive, layer.bias))


def _sum(a: Floats | None, b: Floats | None) -> Floats | None:
    if a is None or b is None:
        return b if a is None else a
    return np.asarray(a + b)
