"""Distributions of rates and correlations."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot
from spikelet.plot.statistics import rate_edges

pytest.importorskip("matplotlib")

RNG = np.random.default_rng(0)
MANY = sl.Spikes(
    RNG.uniform(0, 1000, 2000), RNG.integers(0, 50, 2000), 50, stop=1000.0, name="many"
)
FEW = sl.Spikes([1.0, 2.0, 3.0], [0, 0, 1], 4, stop=1000.0, name="few")


def test_rates_are_shares_of_neurons():
    ax = plot.rate_distribution([MANY, FEW])
    for drawn, spikes in zip(ax.patches, (MANY, FEW), strict=True):
        values, edges, _ = drawn.get_data()
        assert values.sum() == pytest.approx(1.0)
        middles = (edges[1:] + edges[:-1]) / 2
        width = edges[1] - edges[0]
        assert (values * middles).sum() == pytest.approx(spikes.rates().mean(), abs=width)
    assert [line.get_xdata()[0] for line in ax.lines] == [40.0, 0.75]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["many", "few"]


def test_bins_of_rates_hold_whole_numbers_of_spikes():
    edges = rate_edges([np.array([0.0, 2.5, 5.0])], 400.0, 30)
    np.testing.assert_allclose(edges, [-1.25, 1.25, 3.75, 6.25])
    assert len(rate_edges([np.array([1000.0])], 1000.0, 30)) <= 31


def test_correlations_are_those_of_the_statistics():
    ax = plot.correlation_distribution(MANY, bin_size=10.0, bins=20)
    values, edges, _ = ax.patches[0].get_data()
    found = sl.statistics.correlations(MANY, bin_size=10.0)
    np.testing.assert_allclose(values, np.histogram(found, edges)[0] / len(found))
    assert ax.get_xlabel() == "correlation of counts in 10 ms"


def test_a_run_shorter_than_the_default_bin_is_drawn():
    short = sl.Spikes([0.5, 1.0], [0, 1], 4, stop=1.5)
    ax = plot.correlation_distribution(short)
    assert ax.patches[0].get_data()[0].sum() == 0  # counts of one bin do not vary
    assert ax.get_xlabel() == "correlation of counts in 1.5 ms"


def test_silent_populations_have_no_correlations():
    silent = sl.Spikes([], [], 3, stop=100.0)
    assert plot.correlation_distribution(silent).patches[0].get_data()[0].sum() == 0


def test_a_population_that_was_not_observed_has_no_rates_and_correlations():
    new = sl.Spikes([], [], 5, start=1000.0, stop=1000.0, name="new")
    for draw in (plot.rate_distribution, plot.correlation_distribution):
        old, none = draw([MANY, new]).patches
        assert old.get_data().values.sum() == pytest.approx(1.0)
        assert none.get_data().values.sum() == 0
