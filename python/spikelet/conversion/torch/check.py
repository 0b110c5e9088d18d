"""Compare a graph, layer by layer, with what the framework computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet import layers as L
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.graph import Graph
from spikelet.layers.movement import Movement
from spikelet.layers.pools import Pool
from spikelet.layers.spiking_model import SpikingModel

Floats: TypeAlias = NDArray[Any]
# Both compute in double precision. What is 0 but for rounding, such as the mean of x - mean(x), has no correct digits: its
# rounding is relative to what it is computed of.
_ROUNDING = 1e-14
_MASKED = 1e8  # in place of -inf, which frameworks add to what attention leaves out
# No result changes by more than the sum of the changes of the inputs.
_PASSING = (Movement, Pool, L.Add, L.Concat, L.ReLU, L.Resize)


def differing(
    graph: Graph, x: Mapping[str, Floats], expected: Mapping[str, Floats], tolerance: float
) -> tuple[str, int] | None:
    """Return the first layer whose activations differ from the expected ones, and a sample for which they do, or None.

    Parameters
    ----------
    graph : Graph
    x : mapping of str to array, [batch, ...]
        The inputs.
    expected : mapping of str to array, [n, ...]
        Activations of the first n samples, by name of the layer; layers may be missing.
    tolerance : float
        Relative to the largest activation of the layer; the rounding of its inputs is allowed on top.
    """
    ann = SpikingModel(graph, dtype="float64")
    given: Any = dict(x) if len(graph.inputs) > 1 else x[graph.inputs[0]]
    result = ann.run(given, steps=1, record=[f"{node.name}.mean" for node in graph])
    sizes = {name: _largest(x[name]) for name in graph.inputs}
    counts = {name: np.size(x[name]) for name in graph.inputs}
    errors = dict.fromkeys(graph.inputs, 0.0)
    for node in graph:
        name = node.name
        values = result[f"{name}.mean"]
        sizes[name], counts[name] = _largest(values), np.size(values)
        inputs = [n for n in node.inputs if n in sizes]  # at the first step, loops bring nothing
        terms = max((counts[n] for n in inputs), default=0) / max(counts[name], 1)
        before = [(sizes[n], errors[n]) for n in inputs]
        errors[name] = _rounding(node.layer, terms, before)
        if name not in expected:
            continue
        b = expected[name].reshape(len(expected[name]), -1)
        a = values[: len(b)].reshape(len(b), -1)
        if a.shape != b.shape:
            return name, 0
        finite = ~np.isneginf(b)  # a mask of attention is -inf in frameworks, and very low here
        bound = tolerance * np.nanmax(np.abs(b[finite]), initial=0.0) + errors[name]
        close = (np.abs(a - np.where(finite, b, a)) <= bound).all(axis=1)  # false for NaN
        if not close.all():
            return name, int(np.flatnonzero(~close)[0])
    return None


def _largest(values: Floats) -> float:
    size = np.abs(values)
    return float(size.max(initial=0.0, where=size < _MASKED))


def _rounding(layer: L.Layer, terms: float, inputs: Sequence[tuple[float, float]]) -> float:
    """Return how far rounding moves the results of a layer.

    Parameters
    ----------
    layer : Layer
    terms : float
        Number of inputs for each result.
    inputs : sequence of (float, float)
        How large each input is, and how far rounding has moved it.
    """
    if isinstance(layer, L.Multiply | L.MatMul) and len(inputs) == 2:
        (a, da), (b, db) = inputs
        return _ROUNDING * a * b + da * b + a * db
    largest = _ROUNDING * max((size for size, _ in inputs), default=0.0)
    gain = _gain(layer, terms)
    if gain is None:  # it may shrink what it reads, whose rounding would then hide differences
        return 0.0
    return gain * (largest + sum(error for _, error in inputs))


def _gain(layer: L.Layer, terms: float) -> float | None:
    """Return the largest sum of the absolute weights of a result, or None for what is no sum."""
    if isinstance(layer, L.Affine):
        return float(np.abs(layer.scale).max(initial=0.0))
    if isinstance(layer, L.Linear | Convolution | TransposedConvolution):
        weight = np.abs(layer.weight)
        inputs = 0 if isinstance(layer, TransposedConvolution) else 1
        axes = (inputs, *range(2, weight.ndim))
        return float(weight.sum(axis=axes, dtype=np.float64).max(initial=0.0))
    if isinstance(layer, L.Reduce) and layer.function != "prod":
        return terms if layer.function in ("sum", "l1", "l2") else 1.0
    return 1.0 if isinstance(layer, _PASSING) else None
