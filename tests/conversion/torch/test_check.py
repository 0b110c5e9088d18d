"""Graphs are compared with what a framework computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet import layers as L
from spikelet.conversion.torch.check import differing
from spikelet.layers.graph import Graph

RNG = np.random.default_rng(1)


def test_the_first_layer_that_differs_is_named() -> None:
    weight = RNG.normal(size=(4, 3))
    graph = Graph([("fc", L.Linear(weight), ["input"]), ("relu", L.ReLU(), ["fc"])])
    x = {"input": RNG.normal(size=(6, 3))}
    wanted = {"fc": x["input"] @ weight.T, "relu": np.maximum(x["input"] @ weight.T, 0)}
    assert differing(graph, x, wanted, 1e-9) is None
    assert differing(graph, x, {"relu": wanted["relu"] + 0.1}, 1e-9) == ("relu", 0)
    assert differing(graph, x, {**wanted, "fc": wanted["fc"][:, :3]}, 1e-9) == ("fc", 0)
    broken = wanted["fc"].copy()
    broken[4, 0] = np.nan
    assert differing(graph, x, {"fc": broken}, 1e-9) == ("fc", 4)
    assert differing(graph, x, {"fc": broken[:4]}, 1e-9) is None  # only these samples are known


def test_rounding_of_what_is_zero_is_not_compared() -> None:
    """A sum of inputs that cancel."""
    graph = Graph([("fc", L.Linear(np.ones((1, 3))), ["input"]), ("less", L.Affine(-1e-9), ["fc"])])
    x = RNG.normal(size=(6, 3))
    x[:, 2] = -(x[:, 0] + x[:, 1])
    for scale in (1.0, 1e-12, 1e-30):
        given = {"input": x * scale}
        rounding = np.full((6, 1), 1e-15 * scale)
        assert differing(graph, given, {"fc": rounding, "less": 1e-9 * rounding}, 1e-6) is None
        assert differing(graph, given, {"fc": 1e5 * rounding}, 1e-6) == ("fc", 0)
        assert differing(graph, given, {"less": rounding}, 1e-6) == ("less", 0)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e-10, 1e-12, 1e-20, 1e-30])
@pytest.mark.parametrize(
    "layer",
    [
        L.Affine,
        lambda scale: L.Linear(np.eye(3) * scale),
        lambda scale: L.Conv1d(np.full((1, 1, 1), scale)),
        lambda scale: L.ConvTranspose1d(np.full((1, 1, 1), scale)),
    ],
)
def test_values_that_are_tiny_are_compared(layer: Any, scale: float) -> None:
    made = layer(scale)
    graph = Graph([("small", made, ["input"]), ("relu", L.ReLU(), ["small"])])
    x = RNG.normal(size=(6, 3) if isinstance(made, L.Linear | L.Affine) else (6, 1, 3))
    small = x * scale
    wanted = {"small": small, "relu": np.maximum(small, 0)}
    assert differing(graph, {"input": x}, wanted, 1e-6) is None
    assert differing(graph, {"input": x}, {"small": 1.3 * small}, 1e-6) == ("small", 0)
    assert differing(graph, {"input": x}, {"relu": 1.3 * wanted["relu"]}, 1e-6) is not None


def test_what_a_mask_leaves_out_is_not_compared() -> None:
    graph = Graph([("mask", L.Affine(np.ones(3), np.array([0, -1e9, 0])), ["input"])])
    x = {"input": RNG.normal(size=(6, 3))}
    wanted: Any = x["input"].copy()
    wanted[:, 1] = -np.inf
    assert differing(graph, x, {"mask": wanted}, 1e-9) is None


def test_several_inputs() -> None:
    graph = Graph([("sum", L.Add(), ["a", "b"])], inputs=("a", "b"))
    x = {"a": RNG.normal(size=(2, 3)), "b": RNG.normal(size=(2, 3))}
    assert differing(graph, x, {"sum": x["a"] + x["b"]}, 1e-9) is None
    assert differing(graph, x, {"sum": x["a"] - x["b"]}, 1e-9) == ("sum", 0)
