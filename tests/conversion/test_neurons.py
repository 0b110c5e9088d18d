"""The kinds of spiking neurons that a conversion chooses by name."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.support.conversions import V, convert

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion.neurons import Neurons, need_all_steps


def layers_of(neuron: str, **options: Any) -> list[Any]:
    model = convert(neuron=neuron, **{"method": "percentile", **options})
    return [model.graph[n].layer for n in model.neurons]


def test_neurons_are_what_their_names_say() -> None:
    for layer in layers_of("soft"):
        assert (layer.reset, layer.code, layer.levels) == ("subtract", "binary", 1)
        np.testing.assert_array_equal(layer.v_init, np.asarray(layer.threshold) / 2)
        np.testing.assert_array_equal(layer.amplitude, layer.threshold)
    for layer in layers_of("hard", method=sl.conversion.Percentile(per_channel=False)):
        assert (layer.reset, layer.v_reset, layer.v_init) == ("zero", 0.0, 0.0)
        assert np.ndim(layer.threshold) == 0
    assert {layer.code for layer in layers_of("signed")} == {"signed"}
    assert {layer.code for layer in layers_of("differential")} == {"differential"}
    for layer in layers_of("multi"):
        assert (layer.code, layer.levels) == ("signed", 4)
        np.testing.assert_allclose(layer.v_init, np.asarray(layer.threshold) / 16)
    predictive = convert(steps=11, neuron="predictive")
    assert predictive.neuron == "predictive"
    assert all(isinstance(predictive.graph[n].layer, L.PredictivePair) for n in predictive.neurons)
    assert {predictive.graph[n].layer.steps for n in predictive.neurons} == {11}


def test_starting_half_way_rounds_to_the_nearest() -> None:
    ann = [("l", L.Linear(np.eye(3)), "input"), ("n", L.ReLU(), "l"), L.Linear(np.eye(3))]
    model = convert(ann, V, method="maxnorm", steps=8, dtype="float64", neuron=Neurons(delay=0))
    t = model.thresholds["n"]
    out = model.run(V).output
    np.testing.assert_allclose(out, np.minimum(np.floor(V * 8 / t + 0.5), 8) * t / 8, atol=1e-9)
    assert np.abs(out - V).max() <= t.max() / 16 + 1e-9


def test_spikes_of_an_estimate_need_all_steps() -> None:
    for neuron in ("predictive", "alternating", "multi"):
        assert need_all_steps(convert(neuron=neuron, method="fitted", steps=10).graph)
    for neuron in ("soft", "signed", "multi"):
        assert not need_all_steps(convert(neuron=neuron, method="percentile").graph)
