"""The result of a conversion, and inputs on another scale."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tests.support.conversions import TEST, X, convert

from spikelet import layers as L


def test_what_a_model_knows_of_its_conversion() -> None:
    model = convert(method="percentile")
    assert (model.method, model.neuron, model.steps) == ("percentile", "soft", 16)
    assert model.input_shapes == ((3, 8, 8),)
    assert model.input_ranges == ((float(X.min()), float(X.max())),)
    assert model.scores == {}
    assert list(model.thresholds) == ["2", "4", "8"]
    result = model.run(TEST)
    np.testing.assert_array_equal(result.output, model.run({"input": TEST}).output)


def test_normalized_and_raw_images() -> None:
    rng = np.random.default_rng(1)
    ann = [L.Linear(rng.random((5, 16))), L.ReLU(), L.Linear(np.ones((3, 5)))]
    images = rng.random((40, 16))
    model = convert(ann, (images - 0.45) / 0.22, steps=4, method="percentile")
    with pytest.warns(UserWarning, match=r"run: x \(float64\) lies in \[.*\], the calibration in \[-2.0.*\]; preprocess both"):  # fmt: skip
        model.run(images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.run(images)  # once for a model
