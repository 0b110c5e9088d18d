"""What is specified of random draws: their distribution, and when they change. Seven standard deviations are too many."""

from __future__ import annotations

from typing import Any

import numpy as np

MOST = 7.0
ENOUGH = 100  # events or values that are judged


def check_counts(counts: Any, rate: Any, dt: float) -> None:
    """Check events, [steps, n], against their rates [Hz], one or one for each."""
    mean = np.broadcast_to(np.asarray(rate, dtype=float), counts.shape[1:]) * dt * 1e-3
    assert (counts >= 0).all()
    assert (counts[:, mean == 0] == 0).all()
    for total, expected in (
        (counts.sum(), len(counts) * mean.sum()),
        ((counts**2).sum(), len(counts) * (mean + mean**2).sum()),  # Poisson: not only in the mean
    ):
        largest = max(1.0, float(mean.max(initial=0.0)))
        if expected > ENOUGH * largest:
            spread = np.sqrt(expected * (1.0 + 6.0 * largest + 4.0 * largest**2))
            assert abs(total - expected) <= MOST * spread, f"{total} events, expected {expected}"


def check_noise(what: Any, values: Any, first: int, start: int, dt: float) -> None:
    """Check currents, [steps, n] from step `first` on: held for `every`, with the mean and deviation."""
    every = 1 if what.every is None else round(what.every / dt)
    steps = np.arange(first, first + len(values))
    values, draw = values[steps >= start], (steps[steps >= start] - start) // every
    if values.size == 0:
        return
    n = values.shape[1]
    mean, std = (np.broadcast_to(np.asarray(x, dtype=float), (n,)) for x in (what.mean, what.std))
    new = np.concatenate([[True], np.diff(draw) > 0])
    size = 1e-9 * (np.abs(mean) + 9 * std + 1.0)
    assert (np.abs(np.diff(values, axis=0))[~new[1:]] <= size).all(), "noise is held"
    assert (np.abs(values - mean)[:, std == 0] <= size[std == 0]).all(), "no noise"
    if (std > 0).any():
        changed = np.abs(np.diff(values, axis=0))[new[1:]][:, std > 0] > 0
        assert changed.all(), "noise is drawn again"
        z = ((values - mean)[:, std > 0] / std[std > 0])[new]
        if z.size > ENOUGH:
            assert abs(z.mean()) <= MOST / np.sqrt(z.size)
            assert abs((z**2).mean() - 1.0) <= MOST * np.sqrt(2.0 / z.size) * 1.5
