"""Weights rounded one after the other: whole multiples, a smaller error than one by one, no error of the mean."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet import layers
from spikelet.conversion.fitted.regression import Regression
from spikelet.conversion.fitted.rounding import finest_units, rounded_weights, spike_sizes
from spikelet.layers.first_spike import FirstSpike
from spikelet.layers.graph import Graph


def test_errors_make_up_for_each_other() -> None:
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(0, 1, (500, 6)) @ rng.normal(0, 1, (6, 40)), 0)
    layer = layers.Linear(rng.normal(0, 1, (8, 40)), rng.normal(0, 1, 8))
    sizes = [rng.uniform(1, 3, 40)]
    rows = np.hstack([x, np.ones((500, 1))])
    gram, mixed = rows.T @ rows, np.zeros((41, 8))
    fitted = Regression({"a": layer}, ["in"], gram, mixed, (gram, mixed))
    units = finest_units({"a": layer}, sizes) * 4  # 31 levels
    found = rounded_weights(fitted, {"a": layer}, sizes, units)["a"]
    whole = found.weight * sizes[0] / units[:, None]
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-9)
    assert np.abs(whole).max() < 32.5

    def errors(weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
        return np.asarray(x @ (weight - layer.weight).T + bias - layer.bias)

    nearest = np.rint(layer.weight * sizes[0] / units[:, None]) * units[:, None] / sizes[0]
    mine = errors(found.weight, found.bias)
    assert np.abs(mine.mean(0)).max() < 1e-9
    assert mine.var() < 0.2 * errors(nearest, layer.bias).var()


def test_sizes_of_spikes_follow_channels() -> None:
    theta = np.array([1.0, 2.0])
    graph = Graph([
        ("a", layers.Conv2d(np.ones((2, 1, 1, 1))), "input"), ("f", FirstSpike(theta), "a"),
        ("pool", layers.MaxPool2d(2), "f"), ("both", layers.Concat(0), ("pool", "pool")),
        ("flat", layers.Flatten(), "both"),
        ("b", layers.Linear(np.ones((2, 16))), "flat"), ("g", FirstSpike(theta, function=layers.Activation("tanh")), "b"),
    ])  # fmt: skip
    shapes = graph.shapes((1, 4, 4))
    expected = {
        "f": theta,
        "pool": theta,
        "both": np.tile(theta, 2),
        "flat": np.repeat(np.tile(theta, 2), 4),
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(spike_sizes(graph, shapes, name), values)
    for name in ("input", "a", "g"):
        assert spike_sizes(graph, shapes, name) is None


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_only_what_held_out_samples_confirm_is_corrected(share: float) -> None:
    """Both halves of the samples ask for the same change, or for opposite ones."""
    layer = layers.Linear(np.ones((2, 3)), np.zeros(2))
    gram, mixed = np.eye(4), np.full((4, 2), 0.1)
    other = mixed if share else -mixed
    fitted = Regression({"a": layer}, ["in"], 2 * gram, mixed + other, (gram, mixed))
    found = fitted.confirmed()["a"]
    np.testing.assert_allclose(found.weight, 1 + 0.1 * share, rtol=1e-2)
