"""Conversion of networks whose activations are not ReLUs: their neurons spike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion.neurons import FOLLOWED
from spikelet.layers.graph import Graph

CHANNELS = 12


def network(function: str, depth: int = 3) -> list[L.Layer]:
    """Return layers whose potentials have a standard deviation near 1."""
    rng = np.random.default_rng(5)
    layers: list[L.Layer] = []
    for k in range(depth):
        fan_in = 4 if k == 0 else CHANNELS
        weight = rng.normal(0, 1.6 / np.sqrt(fan_in), (CHANNELS, fan_in))
        given = {}
        if function == "leaky_relu":  # PReLU
            given = {"alpha": np.linspace(0.05, 0.6, CHANNELS)}
        elif function == "clip":
            given = {"alpha": -0.7, "beta": 1.2}
        layers += [L.Linear(weight, rng.normal(0, 0.3, CHANNELS)), L.Activation(function, **given)]
    return [*layers, L.Linear(rng.normal(0, 0.4, (3, CHANNELS)))]


def samples(seed: int, n: int = 300) -> Any:
    return np.random.default_rng(seed).normal(0, 1, (n, 4)).astype(np.float32)


def error(model: Any, x: Any) -> float:
    wanted = model.ann.run(x, steps=1).output
    return float(np.sqrt(np.square(model.run(x).output - wanted).mean()) / wanted.std())


@pytest.mark.parametrize("function", sorted(FOLLOWED))
def test_neurons_follow_each_activation_and_closer_with_more_steps(function: str) -> None:
    test = samples(2)
    wrong = {}
    for steps in (4, 8, 16):
        model = sl.convert(network(function), samples(1, 1000), steps=steps)
        assert model.neurons == ("activation1", "activation3", "activation5")
        assert not any(isinstance(node.layer, L.Graded) for node in model.graph)
        wrong[steps] = error(model, test)
    assert wrong[16] < 0.6 * wrong[8] < 0.5 * wrong[4]
    assert wrong[16] < 0.06
    # An ON and an OFF neuron send at most one spike a step between them.
    result = model.run(test, record=list(model.neurons))
    for name in model.neurons:
        assert set(np.unique(result[name])) == {-1, 0, 1}


def test_values_may_be_negative_for_some_channels_only() -> None:
    """The amplitude reaches the least value of a channel where that is farther from 0 than the greatest."""
    ann = [L.Linear(np.eye(2), [-2.0, 2.0]), L.Activation("tanh"), L.Linear(np.eye(2))]
    x = np.random.default_rng(0).normal(0, 0.3, (200, 2)).astype(np.float32)
    model = sl.convert(ann, x)
    mean = model.run(x, record="activation1.mean")["activation1.mean"]
    assert mean[:, 0].max() < -0.5
    assert mean[:, 1].min() > 0.5
    np.testing.assert_allclose(mean, np.tanh(x + np.array([-2, 2])), atol=0.03)


def test_gates_spike_and_their_products_are_graded() -> None:
    """Squeeze and excitation: a pooled image, two layers, and a gate for each channel."""
    rng = np.random.default_rng(1)
    ann = Graph([
        ("c1", L.Conv2d(rng.normal(0, 0.4, (8, 3, 3, 3)), padding=1), "input"),
        ("a1", L.Activation("silu"), "c1"),
        ("pool", L.AdaptiveAvgPool2d(1), "a1"),
        ("fc1", L.Conv2d(rng.normal(0, 1.0, (4, 8, 1, 1))), "pool"),
        ("r", L.ReLU(), "fc1"),
        ("fc2", L.Conv2d(rng.normal(0, 1.0, (8, 4, 1, 1))), "r"),
        ("gate", L.Activation("sigmoid"), "fc2"),
        ("times", L.Multiply(), ("a1", "gate")),
        ("c2", L.Conv2d(rng.normal(0, 0.3, (8, 8, 3, 3)), padding=1), "times"),
        ("a2", L.Activation("hardswish"), "c2"),
        ("flat", L.Flatten(), "a2"),
        ("out", L.Linear(rng.normal(0, 0.1, (3, 8 * 36))), "flat"),
    ])  # fmt: skip
    x = rng.normal(0, 1, (60, 3, 6, 6)).astype(np.float32)
    model = sl.convert(ann, x[:40])
    assert set(model.neurons) == {"a1", "r", "gate", "a2"}
    assert [n.name for n in model.graph if isinstance(n.layer, L.Graded)] == ["times"]
    assert error(model, x[40:]) < 0.2
    assert model.report(x[40:])["layer"].tolist() == ["a1", "r", "gate", "a2"]


def test_an_output_and_kept_activations_stay_graded() -> None:
    ann = [*network("silu", 2), L.Activation("sigmoid")]
    model = sl.convert(ann, samples(1), keep=["activation1"])
    assert model.neurons == ("activation3",)
    assert {n.name for n in model.graph if isinstance(n.layer, L.Activation)} == {
        "activation1",
        "activation5",
    }
    with pytest.raises(
        ValueError, match="keep must be one of the neurons activation1, activation3"
    ):
        sl.convert(ann, samples(1), keep=["linear0"])


def test_other_neurons_and_coded_inputs_leave_activations_graded() -> None:
    ann = network("elu", 1)
    for options in ({"neuron": "soft"}, {"method": "percentile"}, {"coding": "poisson"}):
        x = np.abs(samples(1, 40))
        with pytest.warns(
            UserWarning, match="convert: no layer spikes: layers such as 'activation1' send"
        ):
            model = sl.convert(ann, x, steps=4, **options)
        assert not model.neurons


def test_hybrids_keep_the_activation_of_the_ann() -> None:
    model = sl.convert(network("mish"), samples(1), steps=16)
    mixed = sl.conversion.hybrid(model, model.ann, keep=["activation3"])
    assert isinstance(mixed["activation3"].layer, L.Activation)
    assert isinstance(mixed["activation1"].layer, L.PredictiveActivation)
