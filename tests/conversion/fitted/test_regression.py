"""Estimates of a mean input from the input so far."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.conversion.fitted.regression import estimate

SIZES = np.array([2.0, -1.0, 1.5, 1.5])


def test_constant_input_is_known_after_the_first_step() -> None:
    rng = np.random.default_rng(1)
    means = rng.normal(1, 2, (20, 3, 30)).astype(np.float32)
    known = estimate(np.broadcast_to(means, (4, *means.shape)), means, SIZES)
    for t, total in enumerate(np.cumsum(SIZES)):
        found = known.slope[t][:, None] * (total * means) + known.offset[t][:, None]
        assert np.abs(found - means).max() < 2e-2


def test_it_is_the_linear_regression_on_the_weighted_sum() -> None:
    rng = np.random.default_rng(2)
    currents = rng.normal(0, 1, (4, 50, 2, 40)).astype(np.float32)
    means = (SIZES[:, None, None, None] * currents).sum(0).astype(np.float32) / 4
    known = estimate(currents, means, SIZES)
    sums = np.cumsum(SIZES[:, None, None, None] * currents, axis=0)
    for t in range(4):
        for c in range(2):
            slope, offset = np.polyfit(sums[t, :, c].ravel(), means[:, c].ravel(), 1)
            assert known.slope[t, c] == pytest.approx(slope, rel=1e-2)
            assert known.offset[t, c] == pytest.approx(offset, abs=1e-3)


def test_without_input_it_is_the_mean_of_the_channel() -> None:
    means = np.random.default_rng(3).normal(5, 1, (50, 2, 1)).astype(np.float32)
    currents = np.zeros((4, *means.shape), np.float32)
    known = estimate(currents, means, SIZES, unbiased=0.5)
    assert not known.slope.any()
    assert known.offset == pytest.approx(np.broadcast_to(means.mean((0, 2)), (4, 2)), rel=1e-5)


def test_an_unbiased_estimate_has_the_slope_one_for_each_mean() -> None:
    rng = np.random.default_rng(4)
    means = rng.normal(0, 1, (200, 1, 50)).astype(np.float32)
    noise = rng.normal(0, 1, (4, *means.shape)).astype(np.float32)
    known = estimate(means + noise, means, SIZES, unbiased=1)
    sums = np.cumsum(SIZES[:, None, None, None] * (means + noise), axis=0)
    for t in range(4):
        found = known.slope[t, 0] * sums[t] + known.offset[t, 0]
        assert np.polyfit(means.ravel(), found.ravel(), 1)[0] == pytest.approx(1, abs=0.02)
