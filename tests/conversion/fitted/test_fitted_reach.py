"""How far neurons reach, chosen for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion.fitted import fitted

T, N, C, P = 8, 40, 3, 5


def test_each_channel_gets_the_factor_of_the_least_error_and_equal_ones_the_least() -> None:
    currents, target = np.ones((T, N, C, P), np.float32), np.ones((N, C, P), np.float32)

    def make(further: Any, _shift: Any) -> L.IF:
        silent = further < np.array([1.0, 2.0, 5.0])
        return L.IF(np.where(silent, 100.0, 0.01))  # the others spike at every step

    assert np.array_equal(fitted.chosen_reach(make, currents, target, 1), [1, 1.5**2, 1.5**4])


def test_the_response_is_that_of_a_model_of_these_neurons() -> None:
    currents = np.random.default_rng(2).uniform(0, 1, (T, N, C, P)).astype(np.float32)
    neuron = L.IF(np.array([0.5, 1.0, 2.0]))
    expected = sl.SpikingModel([neuron]).run(currents).output
    assert np.array_equal(fitted.response(currents, 1)(neuron), expected)


@pytest.mark.parametrize("steps", [16, 32])
def test_depthwise_layers_whose_weights_cancel_lose_little(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The difference of two neurons is small beside what they have not sent yet; larger amplitudes take errors back."""
    rng = np.random.default_rng(3)
    channels = 8
    kernel = rng.normal(0, 1, (channels, 1, 3, 3))
    kernel -= kernel.mean((2, 3), keepdims=True)
    first = rng.normal(0, 0.3, (channels, 3, 3, 3))
    layers = [
        L.Conv2d(first, np.full(channels, 1.0), padding=1), L.ReLU(),
        L.Conv2d(kernel, np.full(channels, 0.02), groups=channels), L.ReLU(),
        L.Conv2d(kernel[::-1], np.full(channels, 0.02), groups=channels), L.ReLU(),
        L.Flatten(), L.Linear(rng.normal(0, 0.05, (4, channels * 16))),
    ]  # fmt: skip
    smooth = rng.normal(0, 0.1, (80, 3, 8, 8)) + rng.normal(0, 1, (80, 3, 1, 1))
    fit, test = smooth[:60].astype(np.float32), smooth[60:].astype(np.float32)

    def error() -> float:
        snn = sl.convert(layers, fit, steps=steps, method="fitted")
        ann = snn.ann.run(test, steps=1).output
        return float(np.sqrt(np.square(snn.run(test).output - ann).mean()) / ann.std())

    chosen = error()
    monkeypatch.setattr(fitted, "_REACHES", (1.0,))
    assert chosen < min(0.04, 0.5 * error())
