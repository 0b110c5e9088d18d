"""Recordings to plot, without a window."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def ran():
    net = sl.Network(dt=0.1, seed=1)
    neurons = net.population(5, sl.LIF(I_e=np.linspace(300.0, 900.0, 5)))
    spikes, v_m = net.record(neurons, "spikes"), net.record(neurons[:2], "V_m", every=1.0)
    net.run(100.0)
    return spikes, v_m
