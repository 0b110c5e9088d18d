"""Spikes of neurons that fire at most once, counted with a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import spikelet as sl
import spikelet.torch as st


def test_the_number_of_spikes_has_a_gradient_that_silences_neurons() -> None:
    model = nn.Sequential(st.FirstSpike(4, torch.tensor([1.0, 2.0])))
    x = torch.tensor([[-1.0, 0.2], [0.5, 0.0], [5.0, 2.0]], requires_grad=True)
    y, spikes = st.count_spikes(model, x)
    assert y.tolist() == [[0.0, 0.0], [0.5, 0.0], [1.0, 2.0]]
    assert spikes.item() == pytest.approx(3 / 6)
    spikes.backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad, [[0, 2 / 6], [4 / 9 / 6, 2 / 6], [0, 2 / 25 / 6]], rtol=1e-5)


def test_they_are_those_of_the_engine() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8).eval(), st.FirstSpike(8, torch.rand(8) + 0.2),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 30), st.FirstSpike(8, 0.4), nn.Linear(30, 5),
    )  # fmt: skip
    model[1].running_mean += 0.1
    x = torch.randn(300, 3, 8, 8)
    with torch.no_grad():
        y, spikes = st.count_spikes(model, x)
    snn: Any = sl.convert(model, x, steps=8, neuron="first_spike", dtype="int16")
    thresholds = [snn.graph[name].layer.threshold for name in snn.neurons]
    np.testing.assert_allclose(thresholds[0], model[2].threshold.detach(), rtol=1e-6)
    assert thresholds[1] == pytest.approx(0.4)
    result = snn.run(x.numpy())
    assert np.mean(result.output.argmax(1) == y.argmax(1).numpy()) > 0.97
    shapes = snn.graph.shapes((3, 8, 8))
    sent = sum(work.spikes for work in result.operations.values())
    neurons = sum(np.prod(shapes[name]) for name in snn.neurons)
    assert sent / neurons == pytest.approx(spikes.item(), abs=0.002)


def test_a_channel_whose_threshold_was_learned_below_zero_is_silent() -> None:
    torch.manual_seed(2)
    first, last = nn.Linear(6, 4), nn.Linear(4, 3)
    fires = st.FirstSpike(8, torch.full((4,), 0.5))
    model, x = nn.Sequential(first, fires, last), torch.rand(40, 6)
    with torch.no_grad():
        fires.threshold[1] = -0.01
        wanted = model(x)
        without = last(fires(first(x)) * torch.tensor([1.0, 0.0, 1.0, 1.0]))
    np.testing.assert_allclose(wanted, without, atol=1e-6)
    snn: Any = sl.convert(model, x, steps=8, neuron="first_spike", dtype="int16")
    np.testing.assert_allclose(snn.run(x.numpy()).output, wanted, atol=0.01)
    graph = st.from_spiking_model(snn).to_graph()
    again: Any = sl.convert(graph, x, steps=8, neuron="first_spike", dtype="int16")
    np.testing.assert_array_equal(again.run(x.numpy()).output, snn.run(x.numpy()).output)


def test_a_model_without_such_neurons_has_no_spikes_to_count() -> None:
    with pytest.raises(ValueError, match="count_spikes: model must have FirstSpike neurons"):
        st.count_spikes(nn.ReLU(), torch.rand(4, 3))
