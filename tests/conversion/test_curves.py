"""Accuracy curves: one run gives what many would."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.layered import inputs, pair

import spikelet as sl
from spikelet import energy
from spikelet.conversion.curves import accuracy_curve
from spikelet.conversion.hybrid import hybrid
from spikelet.conversion.response import steps_to_decision
from spikelet.layers.spiking_model import SpikingModel


@pytest.mark.parametrize("delay", [0, 2])
def test_one_run_gives_the_curve_of_many(delay):
    x = inputs(9)
    snn, ann = pair(x)
    labels = ann.run(x, 1).output.argmax(axis=1)
    labels[:2] = (labels[:2] + 1) % 5
    one = accuracy_curve(snn, x, labels, 12, ann=ann, delay=delay, batch_size=4, energy_samples=3)
    np.testing.assert_array_equal(one.steps, np.arange(1, 13))
    for k, steps in enumerate(one.steps):
        chosen = snn.run(x, int(steps), delay=min(delay, steps - 1)).output.argmax(axis=1)
        assert one.accuracy[k] == np.mean(chosen == labels)
        cost = energy.measure(snn, x[:3], int(steps))
        assert one.spikes[k] == pytest.approx(cost.snn.total.spikes)
        assert one.energy_nj[k] == pytest.approx(cost.energy_nj)
    assert one.ann_accuracy == 7 / 9
    again = accuracy_curve(
        snn, x, labels, [1, 4, 12], ann=ann, delay=delay, rerun=True, energy_samples=0
    )
    np.testing.assert_array_equal(again.accuracy, one.accuracy[[0, 3, 11]])
    np.testing.assert_array_equal(again.agreement, one.agreement[[0, 3, 11]])
    assert (again.spikes, again.energy_nj) == (None, None)


def test_curves_of_models_made_for_each_number_of_steps():
    x = inputs(6)
    snn, ann = pair(x)
    other, _ = pair(x, quantile=0.8)
    asked = []

    def model(steps):
        asked.append(steps)
        return other if steps == 2 else snn

    curve = accuracy_curve(snn, x, None, [2, 5], ann=ann, rerun=model)
    assert set(asked) == {2, 5}
    expected = ann.run(x, 1).output.argmax(axis=1)
    for k, (m, steps) in enumerate(((other, 2), (snn, 5))):
        assert curve.agreement[k] == np.mean(m.run(x, steps).output.argmax(axis=1) == expected)
    assert curve.accuracy is None
    assert curve.ann_accuracy is None
    assert curve.quality is curve.agreement


def test_latency_and_hybrids_are_run_again():
    x = inputs(6)
    snn, ann = pair(x)
    mixed = SpikingModel(hybrid(snn, ann, ["relu3"]), dtype="float64", threads=1)
    for model, arguments in ((snn, {"coding": "latency"}), (mixed, {})):
        curve = accuracy_curve(model, x, None, [1, 3, 6], ann=ann, **arguments)
        expected = ann.run(x, 1).output.argmax(axis=1)
        for k, steps in enumerate((1, 3, 6)):
            chosen = model.run(x, steps, **arguments).output.argmax(axis=1)
            assert curve.agreement[k] == np.mean(chosen == expected)
        with pytest.raises(ValueError, match="rerun must be True"):
            accuracy_curve(model, x, None, 2, ann=ann, rerun=False, **arguments)
    with pytest.raises(ValueError, match="waits for spikes, got layer 'relu3'"):
        steps_to_decision(mixed, x, 4)
    # A ReLU that only sees constants does not wait.
    first = SpikingModel(hybrid(snn, ann, ["relu1"]), dtype="float64", threads=1)
    assert accuracy_curve(first, x, None, 3, ann=ann, rerun=False).samples == 6


def test_input_spikes_are_part_of_the_cost():
    x = inputs(3)
    snn, ann = pair(x)
    curve = accuracy_curve(snn, x, None, [6], ann=ann, coding="poisson", seed=3)
    operations = snn.run(x, 6, coding="poisson", seed=3).operations
    assert operations["input"].spikes > 0
    assert curve.spikes[0] == pytest.approx(sum(o.spikes for o in operations.values()))


BAD_CURVES = [
    ({"steps": []}, ValueError, "steps must be one integer"),
    ({"steps": [4, 4]}, ValueError, "steps must be one integer, or several in ascending order"),
    ({"steps": 0}, ValueError, "steps must be >= 1"),
    ({"steps": [1.5]}, TypeError, "steps must be an integer"),
    ({"labels": None}, ValueError, "labels must be given if there is no ann"),
    ({"labels": [0]}, ValueError, "one entry for each of 3"),
    ({"delay": -1}, ValueError, "delay must be >= 0"),
    ({"energy_samples": -1}, ValueError, "energy_samples must be >= 0"),
    ({"rerun": lambda t: None}, TypeError, r"rerun\(2\) must be a SpikingModel"),
    ({"snn": 1}, TypeError, "snn must be a SpikingModel"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD_CURVES)
def test_bad_curves(change, error, message):
    x = inputs(3)
    arguments = {"snn": pair(x)[0], "x": x, "labels": [0, 1, 2], "steps": [2], **change}
    with pytest.raises(error, match=message):
        accuracy_curve(**arguments)


def test_neurons_that_are_made_for_one_number_of_steps_say_how_to_convert_again():
    rng = np.random.default_rng(0)
    ann = [
        sl.layers.Linear(rng.normal(size=(6, 4))),
        sl.layers.ReLU(),
        sl.layers.Linear(rng.normal(size=(2, 6))),
    ]
    x = rng.random((40, 4), dtype=np.float32)
    snn = sl.convert(ann, x, steps=4, method="fitted")
    with pytest.raises(
        ValueError, match=r"rerun must be .* such as lambda t: sl\.convert\(.*T = 4"
    ):
        accuracy_curve(snn, x, None, [2, 4], ann=snn.ann)
