"""A made-up recording of one cell."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl

MODEL = sl.LIF(tau_m=17.0, C_m=180.0, V_reset=-65.0)


def recorded(model, current, dt=0.1, **options):
    """Return what a model answers to currents [T, sweeps]."""
    current = np.atleast_2d(np.asarray(current, float).T).T
    net = sl.Network(dt=dt, dtype="float64", threads=1)
    cells = net.population(current.shape[1], model)
    net.inject(cells, sl.CurrentInput(current))
    spikes, V_m = net.record(cells, "spikes"), net.record(cells, "V_m")
    net.run(len(current) * dt)
    return sl.fitting.Recording(current, V_m.values, spikes, dt=dt, **options)


@pytest.fixture(scope="session")
def recording():
    return recorded(MODEL, np.outer(np.repeat([0.0, 1.0], 500), [200.0, 420.0]))
