"""The ridge readout is least squares."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.models.ridge_readout import RidgeReadout

# The readout -----------------------------------------------------------------------------------


def test_ridge_is_least_squares() -> None:
    draw = np.random.RandomState(0)
    x, y = draw.normal(3, 1, (60, 4)), draw.randint(0, 3, 60)
    readout = RidgeReadout(3).partial_fit(x[:20], y[:20]).partial_fit(x[20:], y[20:]).solve(1e-12)
    exact = np.linalg.lstsq(np.column_stack([x, np.ones(60)]), 2 * np.eye(3)[y] - 1, rcond=None)[0]
    np.testing.assert_allclose(
        readout.scores(x), np.column_stack([x, np.ones(60)]) @ exact, atol=1e-8
    )
    strength = 0.3
    centered = x - x.mean(axis=0)
    penalty = strength * (centered**2).sum(axis=0).mean() * np.eye(4)
    weights = np.linalg.solve(centered.T @ centered + penalty, centered.T @ (2 * np.eye(3)[y] - 1))
    np.testing.assert_allclose(readout.solve(strength).weights, weights, atol=1e-9)


def test_ridge_refuses() -> None:
    readout = RidgeReadout(3)
    with pytest.raises(RuntimeError, match="call partial_fit first"):
        readout.solve(1.0)
    with pytest.raises(RuntimeError, match="call solve first"):
        readout.predict(np.zeros((2, 4)))
    for labels in ([0, 3], [-1, 0]):
        with pytest.raises(ValueError, match=r"labels must lie in 0 \.\. 2"):
            readout.partial_fit(np.zeros((2, 4)), labels)
    with pytest.raises(ValueError, match="labels must be integers"):
        readout.partial_fit(np.zeros((2, 4)), [0])
    readout.partial_fit(np.eye(4), [0, 1, 2, 0])
    for features, message in ((np.zeros((2, 5)), r"must be \[n, 4\]"), ([[np.inf] * 4], "finite")):
        with pytest.raises(ValueError, match=message):
            readout.partial_fit(features, np.zeros(len(features), int))
    with pytest.raises(ValueError, match="strength must be > 0"):
        readout.solve(0.0)
