"""The picture of a fit has the data, the fit and the losses."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot

pytest.importorskip("matplotlib")


def fitted(with_potential):
    current = np.repeat([0.0, 500.0], 300)
    net = sl.Network(dt=0.1, dtype="float64", threads=1)
    cell = net.population(1, sl.LIF())
    net.inject(cell, sl.CurrentInput(current))
    spikes, V_m = net.record(cell, "spikes"), net.record(cell, "V_m")
    net.run(60.0)
    data = sl.fitting.Recording(current, V_m.values if with_potential else None, spikes, dt=0.1)
    return sl.fit(sl.LIF(), vary={"tau_m": (5.0, 50.0)}, data=data, candidates=20)


def test_lines_are_the_data_and_the_fit():
    result = fitted(True)
    above, below = plot.fit(result).axes
    lines = [line.get_ydata() for line in above.lines]
    np.testing.assert_array_equal(lines[0], result.recording.V_m[:, 0])
    np.testing.assert_array_equal(lines[2], result.responses.V_m[:, 0, 0])
    np.testing.assert_array_equal(above.lines[1].get_xdata(), result.recording.spikes.times)
    np.testing.assert_array_equal(below.lines[0].get_ydata(), result.history)
    assert (above.get_xlabel(), below.get_ylabel()) == ("time (ms)", "least loss")


def test_spikes_alone():
    above, _ = plot.fit(fitted(False)).axes
    assert len(above.lines) == 2
    assert above.get_ylabel() == "spikes"


def test_only_results_are_drawn():
    with pytest.raises(TypeError, match=r"plot.fit: result must be what spikelet.fit returned"):
        plot.fit(3)
