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
# Both compute in double precision, from inputs of about 1. What is 0 but for rounding, such as the mean of x - mean(x), has
# no correct digits.
_ROUNDING = 1e-10


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
        Relative to the largest activation of the layer; 1e-10 more is rounding.
    """
    names = [node.name for node in graph if node.name in expected]
    ann = SpikingModel(graph, dtype="float64")
    given: Any = dict(x) if len(graph.inputs) > 1 else x[graph.inputs[0]]
    result = ann.run(given, steps=1, record=[f"{name}.mean" for name in names])
    for name in names:
        b = expected[name].reshape(len(expected[name]), -1)
        a = result[f"{name}.mean"][: len(b)].reshape(len(b), -1)
        if a.shape != b.shape:
            return name, 0
        finite = ~np.isneginf(b)  # a mask of attention is -inf in frameworks, and very low here
        bound = tolerance * np.nanmax(np.abs(b[finite]), initial=0.0) + _ROUNDING
        close = (np.abs(a - np.where(finite, b, a)) <= bound).all(axis=1)  # false for NaN
        if not close.all():
            return name, int(np.flatnonzero(~close)[0])
    return None
