"""Elephant's statistics of the trains that `to_neo` gives are those of `sl.statistics`.

Elephant's bins hold ``a <= time < b`` and ours ``a < time <= b``. Spikes of a network lie on the grid, where that matters:
half a step earlier, each is within the step that it ends, and both count alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl
from spikelet import statistics

neo = pytest.importorskip("neo")
pq = pytest.importorskip("quantities")
elephant = pytest.importorskip("elephant")
from elephant.conversion import BinnedSpikeTrain
from elephant.spike_train_correlation import correlation_coefficient
from elephant.statistics import (
    cv,
    fanofactor,
    isi,
    mean_firing_rate,
    time_histogram,
)

# Elephant 1.2 still passes `copy` to quantities, which ignores it.
pytestmark = pytest.mark.filterwarnings("ignore:The 'copy' argument in Quantity:DeprecationWarning")

MS = pq.ms


def off_the_grid() -> sl.Spikes:
    """Return trains with a common rhythm, of neurons that are silent, nearly silent and active."""
    rng = np.random.default_rng(7)
    common = rng.uniform(0, 2000, 60)
    trains = []
    for neuron in range(25):
        own = rng.uniform(0, 2000, 0 if neuron == 3 else 2 * neuron)
        trains.append(np.concatenate([own, common[rng.random(60) < 0.4 * (neuron % 2)]]))
    return sl.Spikes.from_trains(trains, stop=2000.0)


def of_a_network() -> sl.Spikes:
    net = make(seed=5)
    cells = net.population(25, sl.LIF(I_e=np.linspace(300.0, 700.0, 25)), name="E")
    net.inject(cells, sl.PoissonInput(2000.0, 30.0))
    recorder = net.record(cells, "spikes")
    net.run(2000.0)
    assert len(recorder) > 300
    return recorder.spikes


@pytest.fixture(
    params=[off_the_grid, of_a_network], ids=["off the grid", "of a network"], scope="module"
)
def spikes(request: Any) -> sl.Spikes:
    made: sl.Spikes = request.param()
    return made


def binnable(spikes: sl.Spikes) -> list[Any]:
    """Return trains whose spikes lie within their steps."""
    if spikes.dt is None:
        return spikes.to_neo()
    within = sl.Spikes(spikes.times - spikes.dt / 2, spikes.ids, spikes.n, stop=spikes.stop)
    return within.to_neo()


def test_rates(spikes: sl.Spikes) -> None:
    trains = spikes.to_neo()
    found = [float(mean_firing_rate(train).rescale("Hz")) for train in trains]
    np.testing.assert_allclose(statistics.rates(spikes), found, rtol=1e-13)
    np.testing.assert_allclose(spikes.rates(), found, rtol=1e-13)


def test_intervals_and_their_variation(spikes: sl.Spikes) -> None:
    trains = spikes.to_neo()
    for train, times in zip(trains, spikes.trains(), strict=True):
        np.testing.assert_array_equal(isi(train).rescale("ms").magnitude, np.diff(times))
    known = [len(times) > 2 for times in spikes.trains()]
    found = [cv(isi(train)) for train, enough in zip(trains, known, strict=True) if enough]
    np.testing.assert_allclose(statistics.cvs(spikes)[known], found, rtol=1e-12)
    assert np.isnan(statistics.cvs(spikes)[~np.array(known)]).all()
    assert sum(known) > 15


@pytest.mark.parametrize("width", [2.0, 5.0])
def test_counts_in_bins(spikes: sl.Spikes, width: float) -> None:
    trains = binnable(spikes)
    matrix = BinnedSpikeTrain(trains, bin_size=width * MS).to_array()
    np.testing.assert_array_equal(spikes.bin(width).T, matrix)
    summed = time_histogram(trains, width * MS).magnitude[:, 0]
    np.testing.assert_array_equal(statistics.histogram(spikes, bin_size=width), summed)
    ratio = summed.var() / summed.mean()
    assert statistics.synchrony(spikes, bin_size=width) == pytest.approx(ratio, rel=1e-12)


def test_the_fano_factor_is_that_of_counts(spikes: sl.Spikes) -> None:
    counts = spikes.counts()
    found = fanofactor(spikes.to_neo())
    assert counts.var() / counts.mean() == pytest.approx(float(found), rel=1e-12)


@pytest.mark.filterwarnings(
    "ignore:the matrix subclass:PendingDeprecationWarning"
)  # Elephant's sum
def test_correlations(spikes: sl.Spikes) -> None:
    active = np.flatnonzero(spikes.counts())
    trains = binnable(spikes.select(active, relabel=True))
    matrix = correlation_coefficient(BinnedSpikeTrain(trains, bin_size=5.0 * MS))
    expected = matrix[np.triu_indices(len(active), 1)]
    found = statistics.correlations(spikes, bin_size=5.0, neurons=spikes.n)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert len(found) > 100


def test_a_lazy_list_does_as_well(spikes: sl.Spikes) -> None:
    found = [float(mean_firing_rate(train).rescale("Hz")) for train in spikes.to_neo(lazy=True)]
    np.testing.assert_allclose(statistics.rates(spikes), found, rtol=1e-13)
