"""Regulations of a network act together."""

from __future__ import annotations

import numpy as np
from tests.conftest import make

import spikelet as sl


def test_two_regulations_of_one_network() -> None:
    """Each keeps to its own projection."""
    net = make()
    pre, post = net.population(6, sl.PoissonSource(0.0)), net.population(5, sl.LIF())
    rule = sl.STDP(w_max=100.0)
    p, q, r = (
        net.connect(pre, post, sl.AllToAll(), weight=float(w), plasticity=rule) for w in (1, 2, 3)
    )
    net.regulate(p, sl.WeightNormalization(total=60.0, every=1.0))
    net.regulate(q, sl.SynapticScaling(rate=5.0, strength=0.5, every=2.0))
    net.run(5.9)
    np.testing.assert_allclose(p.weights, 10.0, rtol=1e-14)
    np.testing.assert_allclose(q.weights, 2.0 * 1.5**2, rtol=1e-14)
    np.testing.assert_array_equal(r.weights, np.full(30, 3.0))
    net.reset()
    np.testing.assert_array_equal(p.weights, np.full(30, 1.0))
    net.run(2.0)  # it goes on after a reset
    np.testing.assert_allclose(p.weights, 10.0, rtol=1e-14)
    np.testing.assert_allclose(q.weights, 3.0, rtol=1e-14)
