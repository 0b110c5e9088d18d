"""Maps of the core, and what moves into them."""

from __future__ import annotations

import numpy as np

from spikelet import layers
from spikelet.layers.first_spike import FirstSpike
from spikelet.layers.first_spike_values import (
    LARGEST,
    Map,
    by_channel,
    core_extent,
    int32,
    is_relay,
    spike_span,
)


def map_of(coefficient: list[float]) -> Map:
    n = len(coefficient)
    return Map(0, (n, 1, 2), (n, 1, 2), "words", np.array(coefficient), np.ones(n), np.empty(0, np.uint8), np.zeros(n))  # fmt: skip


def test_shapes_of_fewer_axes_have_height_and_width() -> None:
    assert [core_extent(s) for s in ((5,), (5, 7), (5, 7, 9))] == [(5, 1, 1), (5, 1, 7), (5, 7, 9)]


def test_channels_that_are_mixed_have_no_common_coefficient() -> None:
    maps = [map_of([1.0, 2.0])]
    kept = by_channel(maps, np.array([[[0, 1], [2, -1]]]))
    np.testing.assert_array_equal(kept["coefficient"], [1.0, 2.0])
    assert not by_channel(maps, np.array([[[0, 1], [1, 3]]]))


def test_integers_stay_within_their_bounds() -> None:
    np.testing.assert_array_equal(int32([3.7, 1e12, -1e12]), [3, LARGEST, -LARGEST])


def test_a_function_has_a_span_in_which_it_changes() -> None:
    clip = layers.Activation("clip", -1.0, 1.0)
    begin, end = spike_span(FirstSpike(1.0, 64, function=clip, reach=4.0), 2)
    np.testing.assert_allclose(begin, -1.0, atol=0.02)
    np.testing.assert_allclose(end, 1.0, atol=0.02)
    assert is_relay(layers.Activation("clip"))
    assert not is_relay(clip)
