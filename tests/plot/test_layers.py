"""Plots of layered models draw the numbers of their reports."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.layered import curve, inputs, pair

from spikelet import plot
from spikelet.conversion.comparison import Comparison
from spikelet.conversion.curves import accuracy_curve
from spikelet.conversion.report import report
from spikelet.conversion.response import steps_to_decision

pytest.importorskip("matplotlib")

from matplotlib import pyplot as plt


def test_pictures():
    x = inputs(4)
    snn, ann = pair(x)
    found = report(snn, ann, x, 4)
    figure = found.plot()
    errors = [bar.get_width() for bar in figure.axes[0].patches]
    assert errors == pytest.approx([100 * layer.error for layer in found.layers])
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [layer.name for layer in found.layers]
    one = accuracy_curve(snn, x, None, 4, ann=ann)
    (line,) = one.plot().lines
    np.testing.assert_allclose(line.get_ydata(), 100 * one.agreement)
    both = Comparison({"a": one, "b": curve([0.1, 0.2])})
    assert [t.get_text() for t in both.plot().get_legend().get_texts()] == ["a", "b"]
    ax = plot.coding_tradeoff({"a": one}, against="energy")
    np.testing.assert_allclose(ax.lines[0].get_xdata(), one.energy_nj)
    with pytest.raises(ValueError, match="energy_samples > 0"):
        plot.coding_tradeoff({"b": curve([0.1])})
    with pytest.raises(ValueError, match="against must be"):
        plot.coding_tradeoff({"a": one}, against="time")
    times = steps_to_decision(snn, x, 6)
    (line,) = times.plot().lines
    np.testing.assert_allclose(np.sort(times.steps), line.get_xdata()[1:])
    assert times.to_dict()["steps"] == times.steps.tolist()
    with pytest.raises(TypeError, match="decisions must be Decisions"):
        plot.response_times({"a": 3})
    with pytest.raises(TypeError, match="curves must be accuracy curves"):
        plot.accuracy_curve({"a": 3})
    plt.close("all")
