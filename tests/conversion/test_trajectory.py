"""The decisions after each step of a single run are those of runs of each length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.layered import inputs, pair

from spikelet.conversion.hybrid import hybrid
from spikelet.conversion.trajectory import outputs_of, trajectory, waiting
from spikelet.layers import IF, Linear, PredictiveIF
from spikelet.layers.samples import Samples
from spikelet.layers.spiking_model import SpikingModel


@pytest.mark.parametrize("delay", [None, 3])
@pytest.mark.parametrize("batch", [None, 2])
def test_decisions_and_margins(delay: int | None, batch: int | None) -> None:
    x = inputs(5)
    snn, _ = pair(x)
    samples = Samples.of("test", snn, x, 7, batch)
    decision, margin = trajectory(snn, samples, delay, {})
    assert decision.shape == margin.shape == (7, 5)
    for steps in range(1, 8):
        output = snn.run(x, steps, delay=min(delay or 0, steps - 1)).output
        np.testing.assert_array_equal(decision[steps - 1], output.argmax(1))
        top = np.sort(output, axis=1)
        np.testing.assert_allclose(margin[steps - 1], top[:, -1] - top[:, -2], atol=1e-12)


def test_a_decision_stands_while_sizes_add_up_to_nothing() -> None:
    """From step 1 on the sizes are 1, -1, 2, 1: after two of them there is no mean."""
    sizes = np.array([2.0, 1.0, -1.0, 2.0, 1.0])
    neurons = PredictiveIF(pace=np.ones(5), limit=np.full(5, 0.5), sizes=sizes)
    model = SpikingModel([neurons, Linear(np.eye(2))], threads=1)
    x = np.array([[0.2, 0.9], [0.9, 0.2]])
    with np.errstate(all="raise"):
        decision, margin = trajectory(model, Samples.of("test", model, x, 5), 1, {})
    assert np.isfinite(margin).all()
    for name, values in (("decision", decision), ("margin", margin)):
        np.testing.assert_array_equal(values[2], values[1], err_msg=name)
    output = model.run(x, 5, delay=1).output
    np.testing.assert_array_equal(decision[4], output.argmax(1))


def test_a_single_output_is_always_decided() -> None:
    model = SpikingModel([Linear([[1.0, 1.0]]), IF()], threads=1)
    decision, margin = trajectory(model, Samples.of("test", model, np.ones((3, 2)), 4), None, {})
    assert not decision.any()
    assert np.isinf(margin).all()


def test_outputs_are_counted_for_one_sample() -> None:
    x: Any = inputs(2)
    snn, _ = pair(x)
    assert outputs_of(snn, Samples.of("test", snn, x, 4)) == 5


def test_a_relu_behind_spikes_waits() -> None:
    x = inputs(2)
    snn, ann = pair(x)
    assert waiting(snn, {}) == waiting(ann, {}) == ""
    mixed = SpikingModel(hybrid(snn, ann, ["relu3"]), threads=1)
    assert waiting(mixed, {}) == "relu3"
    assert waiting(ann, {"coding": "latency"}) == "relu1"
