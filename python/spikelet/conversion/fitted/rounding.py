"""Weights that are rounded one after the other, so that later ones make up for what earlier ones lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.fitted.regression import Regression
from spikelet.conversion.layerwise.activity import Floats
from spikelet.layers import Concat, FirstSpike, Flatten, Layer
from spikelet.layers.graph import Graph
from spikelet.layers.pools import Pool
from spikelet.layers.views import Shape

__all__ = ["finest_units", "rounded_weights", "spike_sizes"]

_LIMIT = 127  # of weights of 8 bits
_TINY = 1e-30  # where all weights are 0
_RIDGE = 1e-2  # of the moments, by their mean


def spike_sizes(graph: Graph, shapes: Mapping[str, Shape], name: str) -> Floats | None:
    """Return the values of the earliest spikes of a layer's channels; None if its values are not all of unsigned neurons."""
    if name in graph.inputs:
        return None
    node, channels = graph[name], shapes[name][0]
    if isinstance(node.layer, FirstSpike):
        unsigned = node.layer.function is None
        return (
            np.broadcast_to(np.asarray(node.layer.threshold, float), channels) if unsigned else None
        )
    given = [spike_sizes(graph, shapes, n) for n in node.inputs]
    sizes: list[Any] = [s for s in given if s is not None]
    if len(sizes) < len(given):
        return None
    if isinstance(node.layer, Concat):
        return np.concatenate(sizes) if node.layer.axis % len(shapes[name]) == 0 else None
    if isinstance(node.layer, Flatten):
        return np.repeat(sizes[0], channels // len(sizes[0]))
    largest = isinstance(node.layer, Pool) and not node.layer.divisors(shapes[node.inputs[0]])[0]
    return sizes[0] if largest else None


def finest_units(layers: Mapping[str, Any], sizes: Sequence[Floats]) -> Floats:
    """Return the units for each output in which the greatest weight, for spikes of a size, is 127, [out]."""
    greatest = [
        np.abs(w.weight.reshape(len(w.weight), len(size), -1) * size[:, None]).max((1, 2))
        for w, size in zip(layers.values(), sizes, strict=True)
    ]
    found: Floats = np.max(greatest, axis=0) / _LIMIT
    return np.maximum(found, _TINY)


def rounded_weights(
    fitted: Regression, layers: Mapping[str, Any], sizes: Sequence[Floats], units: Floats
) -> dict[str, Layer]:
    """Return layers whose weights are whole multiples of a unit for each output, and of the size of the input's spikes.

    The sum of squared errors of the potentials is least for the moments of the inputs, as far as an order of weights, which are
    rounded one after the other, allows (GPTQ, Frantar et al. 2023); biases make up for the mean error.

    Parameters
    ----------
    fitted : Regression
    layers : mapping of str to Layer
        Those of the regression, with the weights to round.
    sizes : sequence of array, [channels]
        Of each layer's input.
    units : array, [out]
    """
    pairs = zip(sizes, layers.values(), strict=True)
    size = np.concatenate([np.repeat(s, w.weight[0].size // len(s)) for s, w in pairs])
    weights = np.concatenate([w.weight.reshape(len(units), -1) for w in layers.values()], axis=1)
    scale = size[:, None] / units  # [F, out]
    moments = fitted.gram / np.outer([*size, 1.0], [*size, 1.0])
    mean = moments[-1, :-1] / moments[-1, -1]
    moments = moments[:-1, :-1] / moments[-1, -1] - np.outer(mean, mean)
    exact = weights.T * scale
    whole = _rounded(exact, moments)
    change = (whole - exact) / scale
    shift = -(fitted.gram[-1, :-1] / fitted.gram[-1, -1]) @ change
    return fitted.changed(np.vstack([change, shift]), layers)


def _rounded(exact: Floats, moments: Floats) -> NDArray[np.float64]:
    """Return integers near numbers, [F, out]; the error of each is spread over those that follow."""
    order = np.argsort(-np.diag(moments), kind="stable")
    moments = moments[np.ix_(order, order)]
    moments = moments + _RIDGE * np.trace(moments) / len(moments) * np.eye(len(moments))
    spread = np.linalg.cholesky(np.linalg.inv(moments)).T  # upper
    values, whole = exact[order].copy(), np.empty_like(exact)
    for k, row in enumerate(spread):
        whole[k] = np.clip(np.rint(values[k]), -_LIMIT, _LIMIT)
        values[k + 1 :] -= np.outer(row[k + 1 :] / row[k], values[k] - whole[k])
    found = np.empty_like(whole)
    found[order] = whole
    return found
