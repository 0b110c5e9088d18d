"""Compare a graph, layer by layer, with what the framework computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["differing"]

Floats: TypeAlias = NDArray[Any]


def differing(
    graph: Graph, x: Mapping[str, Floats], expected: Mapping[str, Floats], tolerance: float
) -> str | None:
    """Return the first layer whose activations differ from the expected ones, or None.

    Parameters
    ----------
    graph : Graph
    x : mapping of str to array, [batch, ...]
        The inputs.
    expected : mapping of str to array, [batch, ...]
        Activations by name of the layer; layers may be missing.
    tolerance : float
        Relative to the largest activation of the layer.
    """
    names = [node.name for node in graph if node.name in expected]
    ann = SpikingModel(graph, dtype="float64")
    given: Any = dict(x) if len(graph.inputs) > 1 else x[graph.inputs[0]]
    result = ann.run(given, steps=1, record=[f"{name}.mean" for name in names])
    for name in names:
        a, b = result[f"{name}.mean"], expected[name].reshape(len(expected[name]), -1)
        a = a.reshape(len(a), -1)
        if a.shape != b.shape:
            return name
        finite = ~np.isneginf(b)  # a mask of attention is -inf in frameworks, and very low here
        a, b = a[finite], b[finite]
        if b.size and not np.abs(a - b).max() <= tolerance * np.abs(b).max():
            return name
    return None
