"""The default method, which fits the neurons layer by layer."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.support.conversions import TEST, convert, error, residual

import spikelet as sl
from spikelet.layers.spiking_model import SpikingModel


def test_fitting_is_best_in_a_deep_network() -> None:
    ann = residual()
    wanted = SpikingModel(ann, dtype="float64", threads=1).run(TEST, 1).output
    wrong = {
        method: error(convert(ann, method=method, steps=16), TEST, wanted)
        for method in ("fitted", "percentile", "maxnorm", "least_error")
    }
    assert wrong["fitted"] < 0.7 * min(wrong.values(), key=lambda e: (e == wrong["fitted"], e))


def test_spikes_are_binary_and_off_neurons_count_as_negative() -> None:
    for neuron, values in (("predictive", {-1, 0, 1}), ("alternating", {0, 1})):
        model = convert(residual(), steps=16, neuron=neuron)
        spikes = model.run(TEST[:2], record=model.neurons)
        assert all(set(np.unique(spikes[n])) == values for n in model.neurons)


def test_predictive_neurons_hold_for_their_steps_alone() -> None:
    model = convert(steps=8, neuron="predictive")
    with pytest.raises(ValueError, match=re.escape("ConvertedModel.run: steps must be 8")):
        model.run(TEST, 9)


def test_few_steps_for_the_depth_have_equal_sizes() -> None:
    """Where a layer could wait for less than 0.4 steps, alternating signs cost more than the smaller sizes gain."""
    rng = np.random.default_rng(3)
    layers = []
    for _ in range(13):
        layers += [sl.layers.Linear(rng.normal(0, 0.5, (8, 8))), sl.layers.ReLU()]
    ann = [*layers, sl.layers.Linear(np.eye(8))]
    x = rng.random((40, 8))
    for steps, has_sizes in ((8, False), (9, False), (10, True)):
        model = sl.convert(ann, x, steps=steps, method="fitted", neuron="alternating")
        assert (model.sizes is not None) == has_sizes
        pairs = sl.convert(ann, x, steps=steps, method="fitted", neuron="predictive")
        assert pairs.sizes is not None


@pytest.mark.parametrize("neuron", ["predictive", "alternating"])
def test_more_steps_do_not_make_a_deep_network_worse(neuron: str) -> None:
    rng = np.random.default_rng(3)
    ann = []
    for _ in range(12):
        ann += [sl.layers.Linear(rng.normal(0, 0.25, (32, 32))), sl.layers.ReLU()]
    ann.append(sl.layers.Linear(rng.normal(0, 0.25, (5, 32))))
    x = rng.random((300, 32))
    wanted = SpikingModel(ann, dtype="float64", threads=1).run(x[200:], 1).output
    few, many = (
        error(
            sl.convert(ann, x[:200], steps=steps, method="fitted", neuron=neuron), x[200:], wanted
        )
        for steps in (32, 256)
    )
    assert many < few


@pytest.mark.parametrize("options", [{}, {"neuron": "alternating", "steps": 4}])
def test_outliers_whose_squares_overflow_are_refused(options) -> None:
    x = TEST.copy()
    x[1] = 1e25
    with pytest.raises(ValueError, match=r"convert: the input of '.*' must lie within .*outliers"):
        convert(x=x, **{"steps": 16, "method": "fitted", **options})
