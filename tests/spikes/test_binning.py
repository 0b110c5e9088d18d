"""Bins of time, against whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.spikes.binning import bin_of, number_of_bins, width_of


@pytest.mark.parametrize("dt", [0.1, 0.025, 1.0, 1 / 3])
def test_a_time_on_the_grid_is_in_the_bin_that_it_ends(dt: float) -> None:
    steps = np.arange(1, 20_001)
    np.testing.assert_array_equal(bin_of(steps * dt, 0.0, dt), steps - 1)
    np.testing.assert_array_equal(bin_of(steps * dt, 0.0, 7 * dt), (steps - 1) // 7)
    np.testing.assert_array_equal(bin_of(100.0 + steps * dt, 100.0, dt), steps - 1)


def test_the_start_is_in_the_first_bin_and_what_follows_in_its_own() -> None:
    assert bin_of(np.array([2.0, 2.1, 3.0, 3.001]), 2.0, 1.0).tolist() == [0, 0, 0, 1]


def test_the_number_of_bins_allows_for_rounding() -> None:
    assert number_of_bins(0.3, 0.1, whole=True) == number_of_bins(0.3, 0.1, whole=False) == 3
    assert (number_of_bins(0.35, 0.1, whole=True), number_of_bins(0.35, 0.1, whole=False)) == (3, 4)


def test_a_width_is_positive() -> None:
    with pytest.raises(ValueError, match="here: w must be > 0"):
        width_of("here", "w", -1.0)
