"""Networks that reach every loop of the engine; without PyTorch, so that processes of tests start fast."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from tests.bits_zoo.layers import deep, pictures, wide

from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["DEEP", "WIDE", "deep_graph", "layered_digest", "pictures", "wide_graph"]

WIDE = (3, 12, 12)  # the input of `wide_graph`
DEEP = (2, 12, 12)  # of `deep_graph`


def wide_graph(steps: int) -> Graph:
    """Return a network of many widths, kernels and strides, with every kind of neuron."""
    pace, limit = np.linspace(2.5, 2.0, steps), np.linspace(0.9, 0.5, steps)
    predictive = L.PredictiveIF(pace=pace, limit=limit)
    return Graph(
        [(name, predictive if name == "n7" else layer, *of) for name, layer, *of in wide()]
    )


def deep_graph() -> Graph:
    """Return a residual network of neurons that are all alike: what 16-bit integers can do."""
    return Graph(deep())


def layered_digest(dtype: Any, threads: int = 1, steps: int = 13) -> str:
    """Hash all bits of two networks' runs, for all forms of input."""
    bits = hashlib.sha256()
    rng = np.random.default_rng(7)
    for graph, shape in ((wide_graph(steps), WIDE), (deep_graph(), DEEP)):
        model = SpikingModel(graph, dtype=dtype, threads=threads)
        x = pictures(shape, 4)
        spikes = rng.choice([-1, 0, 0, 1], (steps, 4, *shape))
        for result in (
            model.run(x, steps, record=[*model.neurons, *(f"{n}.v" for n in model.neurons)]),
            model.run(np.stack([x, 1 - x] * steps)[:steps], delay=3, record=True),
            model.run(spikes, record=[n.name for n in graph if n.name != "flat"]),
        ):
            assert all(result.operations[n].spikes > 0 for n in model.neurons)
            bits.update(repr(result.operations).encode())
            for array in (result.output, *result.records.values()):
                bits.update(np.ascontiguousarray(array).tobytes())
    return bits.hexdigest()
