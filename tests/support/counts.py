"""Counts of spikes and events, and what Poisson counts must be."""

from __future__ import annotations

import numpy as np
from scipy import stats
from tests.conftest import Ints, to_steps

import spikelet as sl


def counts_by_step(recorder: sl.SpikeRecorder, steps: int, n: int, first: int = 1) -> Ints:
    """Return the number of spikes of each element in each step, [steps, n]."""
    table = np.zeros((steps, n), dtype=np.int64)
    np.add.at(table, (to_steps(recorder.times) - first, recorder.ids), 1)
    return table


def assert_poisson(counts: Ints, mean: float) -> None:
    """Mean, variance and a chi-square test of independent counts."""
    n = counts.size
    assert abs(counts.mean() - mean) < 5 * np.sqrt(mean / n)
    assert abs(counts.var() - mean) < 5 * np.sqrt((mean + 2 * mean**2) / n)
    top = int(stats.poisson.isf(6 / n, mean))
    bottom = int(stats.poisson.ppf(6 / n, mean))
    binned = np.bincount(np.clip(counts, bottom, top) - bottom, minlength=top - bottom + 1)
    edges = np.arange(bottom, top)
    cdf = np.concatenate([[0.0], stats.poisson.cdf(edges, mean), [1.0]])
    if len(binned) > 1:
        assert stats.chisquare(binned, n * np.diff(cdf)).pvalue > 1e-5
