"""The winner-take-all network."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.support.image_networks import pictures, small

from spikelet.models import WinnerTakeAll


def test_amplitudes_shrink() -> None:
    images, _ = pictures(40)
    network = small(WinnerTakeAll, anneal=0.25).fit(images)
    rule: Any = network.net.projections[0].plasticity
    assert 0.25 <= rule.A_plus / network.plasticity.A_plus < 0.3


def test_rates_share_one_sum_and_empty_images_stay_dark() -> None:
    network = WinnerTakeAll(3, 4, input_rate=100.0)
    rates = network.rates(np.array([[0.0, 1.0, 0.5, 0.5], [0.0, 0.0, 0.0, 0.0]], np.float32))
    np.testing.assert_allclose(rates, [[0.0, 50.0, 25.0, 25.0], [0.0] * 4])
