"""Learned weights as images."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet import plot

pytest.importorskip("matplotlib")


def test_receptive_fields_puts_each_neuron_in_its_tile():
    weights = np.arange(5) + 10.0 * np.arange(6)[:, np.newaxis]  # 2 x 3 pixels, 5 neurons
    ax = plot.receptive_fields(weights, (2, 3), columns=2, vmax=7.0)
    (image,) = ax.images
    mosaic = np.ma.filled(image.get_array(), np.nan)
    assert mosaic.shape == (3 * 3 - 1, 2 * 4 - 1)
    for neuron in range(5):
        y, x = 3 * (neuron // 2), 4 * (neuron % 2)
        expected = weights[:, neuron].reshape(2, 3)
        np.testing.assert_array_equal(mosaic[y : y + 2, x : x + 3], expected)
    assert np.isnan(mosaic[:, 3]).all()
    assert np.isnan(mosaic[6:, 4:]).all()
    assert image.get_clim()[1] == 7.0


def test_receptive_fields_needs_weights_that_fit_the_shape():
    with pytest.raises(ValueError, match=r"must be \[6, n_neurons\] for images of 2 x 3"):
        plot.receptive_fields(np.zeros((5, 4)), (2, 3))


def test_feature_maps_draws_on_minus_off():
    weights = np.zeros((3, 3, 2, 4))
    weights[0, 1, 0, 2], weights[2, 0, 1, 3] = 0.75, 0.5
    image = plot.feature_maps(weights, columns=4).images[0].get_array()
    assert image.shape == (3, 15)
    assert image[0, 2 * 4 + 1] == 0.75
    assert image[2, 3 * 4] == -0.5
    with pytest.raises(ValueError, match=r"plot.feature_maps: weights must be \[kernel, kernel, 2"):
        plot.feature_maps(weights[:, :, :1])
