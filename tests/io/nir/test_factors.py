"""Factors of what nodes send."""

from __future__ import annotations

import numpy as np

from spikelet.io.nir.factors import aligned, by_channel, product, same

SHAPE = (2, 3, 4)
CHANNELS = np.array([1.0, 2.0])
PIXELS = np.arange(24.0).reshape(SHAPE)


def test_equal_factors() -> None:
    assert same(None, None)
    assert same(CHANNELS, CHANNELS.copy())
    assert not same(None, np.ones(2))
    assert not same(CHANNELS, 2 * CHANNELS)


def test_channels_meet_channels() -> None:
    np.testing.assert_array_equal(product(CHANNELS, CHANNELS, SHAPE), [1.0, 4.0])
    np.testing.assert_array_equal(product(None, CHANNELS, SHAPE), CHANNELS)
    wanted = PIXELS * CHANNELS[:, None, None]
    np.testing.assert_array_equal(product(CHANNELS, PIXELS, SHAPE), wanted)
    np.testing.assert_array_equal(product(PIXELS, CHANNELS, SHAPE), wanted)
    assert [x.shape for x in aligned(CHANNELS, np.float64(2.0), SHAPE)] == [(2,), ()]


def test_pixels_alike_are_a_number_of_their_channel() -> None:
    for value in (3.0, CHANNELS, np.broadcast_to(CHANNELS[:, None, None], SHAPE)):
        found = by_channel(value, SHAPE)
        assert found is not None
        np.testing.assert_array_equal(
            found, np.broadcast_to(np.ravel(value)[:: 12 if np.ndim(value) > 1 else 1], 2)
        )
    assert by_channel(PIXELS, SHAPE) is None
