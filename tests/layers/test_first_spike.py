"""Neurons that fire at most once, as a layer."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl


def test_the_output_is_rounded_to_steps_of_the_threshold() -> None:
    layer = sl.layers.FirstSpike([1.0, 2.0], 4)
    x = np.array([[0.12, 0.24], [0.126, 0.26], [0.9, 1.9], [7.0, -1.0]])
    np.testing.assert_allclose(layer.of(x), [[0, 0], [0.25, 0.5], [1, 2], [1, 0]])


def test_a_model_of_these_layers_runs_in_floating_point() -> None:
    layer = sl.layers.FirstSpike(1.5, 8)
    x = np.random.default_rng(0).normal(0, 1, (50, 3)).astype(np.float32)
    model = sl.SpikingModel([layer])
    np.testing.assert_allclose(model.run(x, steps=1).output, layer.of(x), atol=1e-6)


@pytest.mark.parametrize("function", ["clip", "leaky_relu", "silu", "tanh", "sigmoid"])
def test_signed_values_are_rounded_functions_of_the_input(function: str) -> None:
    unit = sl.layers.Activation(function)
    layer = sl.layers.FirstSpike([1.5, 0.5, 0.7], 8, unit, reach=[1.0, 4.0, 2.0])
    x = np.random.default_rng(0).normal(0, 2, (50, 3)).astype(np.float32)
    wanted = np.clip(
        unit.of(np.clip(x, -layer.limit, layer.limit)), -layer.threshold, layer.threshold
    )
    assert np.abs(layer.of(x) - wanted).max() <= 1.5 / 16 + 1e-6
    assert np.isin(layer.times(x), np.arange(-8, 9)).all()
    model = sl.SpikingModel([layer])
    np.testing.assert_allclose(model.run(x, steps=1).output, layer.of(x), atol=1e-6)


def test_a_function_is_an_activation() -> None:
    with pytest.raises(TypeError, match=r"FirstSpike: function must be a layers\.Activation"):
        sl.layers.FirstSpike(1.0, 8, "silu")


@pytest.mark.parametrize("steps", [1, 257])
def test_steps_are_limited(steps: int) -> None:
    with pytest.raises(ValueError, match="FirstSpike: steps must be >= 2 and <= 256"):
        sl.layers.FirstSpike(1.0, steps)


def test_thresholds_are_positive() -> None:
    with pytest.raises(ValueError, match="FirstSpike: threshold must be finite and > 0"):
        sl.layers.FirstSpike([1.0, 0.0])
