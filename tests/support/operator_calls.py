"""Operators called by hand, without a framework, and what their layers give."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.building import Builder, Call, Data
from spikelet.layers.spiking_model import SpikingModel

X = Data("input")


def call(*shape: int, batch: int = 2, result: tuple[int, ...] = ()) -> Call:
    """Return a call of an operator on samples of this shape."""
    return Call(Builder({"input": shape}), "layer 'op' (Op)", "op", result, batch)


def samples(*shape: int, n: int = 2) -> NDArray[np.float64]:
    return np.random.default_rng(3).normal(size=(n, *shape))


def values(c: Call, made: Data, x: NDArray[Any]) -> NDArray[Any]:
    """Return what the layers give, with samples first."""
    graph = c.builder.graph("here", [made.source])
    return np.asarray(SpikingModel(graph, dtype="float64", threads=1).run(x, steps=1).output)


def kinds(c: Call, made: Data) -> list[str]:
    """Return the classes of the layers."""
    return [type(node.layer).__name__ for node in c.builder.graph("here", [made.source])]
