"""Phase planes: nullclines solve their equations, the trajectory is simulated."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot

pytest.importorskip("matplotlib")

FHN = sl.Equations(
    "dv/dt = v - v**3/3 - w + I_e; tau*dw/dt = v + a - b*w",
    parameters={"I_e": 0.5, "tau": (12.5, "ms"), "a": 0.7, "b": 0.8},
    initial={"v": -1.0, "w": 1.0},
    name="FHN",
)


def test_nullclines_solve_their_equations():
    ax = plot.phase_plane(FHN, xlim=(-2.5, 2.5), ylim=(-1.0, 2.0))
    contours = [c for c in ax.collections if hasattr(c, "levels")]
    assert len(contours) == 2
    v, w = np.concatenate([p.vertices for p in contours[0].get_paths()]).T
    np.testing.assert_allclose(v - v**3 / 3 - w + 0.5, 0.0, atol=2e-3)
    v, w = np.concatenate([p.vertices for p in contours[1].get_paths()]).T
    np.testing.assert_allclose(v + 0.7 - 0.8 * w, 0.0, atol=2e-3)
    assert ax.get_legend_handles_labels()[1] == ["dv/dt = 0", "dw/dt = 0", "trajectory"]


def test_the_trajectory_is_that_of_a_simulation():
    ax = plot.phase_plane(FHN, duration=50.0)
    (line,) = [x for x in ax.lines if x.get_label() == "trajectory"]
    net = sl.Network(dt=0.1, dtype="float64", threads=1)
    cell = net.population(1, FHN())
    v, w = (net.record(cell, name) for name in "vw")
    net.run(50.0)
    np.testing.assert_array_equal(line.get_xdata()[1:], v.values[:, 0])
    np.testing.assert_array_equal(line.get_ydata()[1:], w.values[:, 0])
    assert (line.get_xdata()[0], line.get_ydata()[0]) == (-1.0, 1.0)


def test_a_spike_interrupts_the_line():
    ax = plot.phase_plane(sl.AdEx(I_e=800.0), "V_m", "w", duration=100.0)
    (line,) = [x for x in ax.lines if x.get_label() == "trajectory"]
    net = sl.Network(dt=0.1, dtype="float64", threads=1)
    spikes = net.record(net.population(1, sl.AdEx(I_e=800.0)), "spikes")
    net.run(100.0)
    assert np.isnan(line.get_xdata()).sum() == len(spikes) > 0
    assert ax.get_xlabel() == "V_m (mV)"
    assert ax.get_ylabel() == "w (pA)"


def test_without_a_trajectory_limits_surround_the_start():
    ax = plot.phase_plane(FHN, duration=0.0)
    assert "trajectory" not in ax.get_legend_handles_labels()[1]
    assert ax.get_xlim()[0] < -1.0 < ax.get_xlim()[1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": sl.LIF()}, TypeError, "must be a model from text"),
        ({"model": FHN, "x": "u"}, ValueError, "x must name"),
        ({"model": FHN, "x": "v", "y": "v"}, ValueError, "y must be another state than x"),
        ({"model": FHN, "xlim": (1.0, 0.0)}, ValueError, r"xlim must be \(low, high\)"),
        ({"model": sl.Equations("dv/dt = -v")}, ValueError, "must have two states"),
        ({"model": FHN(a=[1.0, 2.0])}, ValueError, "one value of each parameter"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        plot.phase_plane(**arguments)
