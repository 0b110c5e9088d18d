"""The network of Diehl and Cook."""

from __future__ import annotations

import numpy as np
from tests.support.image_networks import pictures, small

from spikelet.models import DiehlCook


def test_dim_images_are_shown_brighter() -> None:
    images, _ = pictures(4)
    network = small(DiehlCook, show=350.0, least_spikes=5)
    network.fit(images // 8)
    assert network.net.t > 4 * 370.0  # some were shown again
    network = small(DiehlCook)
    network.fit(np.zeros((2, 6, 6), np.uint8))
    assert network.net.t == 2 * 120.0  # nothing helps a black one
