"""The default method, which fits the neurons layer by layer."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.support.conversions import TEST, convert, error, residual

from spikelet.layers.spiking_model import SpikingModel


def test_fitting_is_best_in_a_deep_network() -> None:
    ann = residual()
    wanted = SpikingModel(ann, dtype="float64", threads=1).run(TEST, 1).output
    wrong = {
        method: error(convert(ann, method=method, steps=16), TEST, wanted)
        for method in ("fitted", "percentile", "maxnorm", "least_error")
    }
    assert wrong["fitted"] < 0.7 * min(wrong.values(), key=lambda e: (e == wrong["fitted"], e))
    # Spikes are binary, all of them.
    model = convert(ann, steps=16)
    spikes = model.run(TEST[:2], record=model.neurons)
    assert all(set(np.unique(spikes[n])) == {0, 1} for n in model.neurons)


def test_predictive_neurons_hold_for_their_steps_alone() -> None:
    model = convert(steps=8, neuron="predictive")
    with pytest.raises(ValueError, match=re.escape("ConvertedModel.run: steps must be 8")):
        model.run(TEST, 9)
