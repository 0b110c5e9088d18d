"""Recorders begin when they are made, of populations, parts and projections."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import busy_network, make, train

import spikelet as sl


@pytest.mark.parametrize("threads", [1, 3])
def test_recorders_start_when_they_are_made(threads: int) -> None:
    net, cells, whole, _ = busy_network(threads=threads)
    net.run(30.0)
    late, v = net.record(cells, "spikes"), net.record(cells, "V_m", every=0.5)
    net.run(30.0)
    assert train(late) == [e for e in train(whole) if e[0] > 300]
    np.testing.assert_allclose(v.times, np.arange(30.5, 60.1, 0.5))


@pytest.mark.parametrize("n", [0, 3])
def test_nothing_can_be_recorded(n: int) -> None:
    net = make()
    cells = net.population(n, sl.LIF(I_e=900.0))
    v, spikes = net.record(cells[[]], "V_m"), net.record(cells[[]], "spikes")
    w = net.record(net.connect(cells, cells, sl.FixedProbability(0.0)), "weights", every=1.0)
    net.run(20.0)
    assert v.values.shape == (200, 0)
    assert len(spikes.times) == 0
    assert spikes.counts().shape == (0,)
    assert w.values.shape == (20, 0)
