"""Plots of layered models draw the numbers of their reports."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.layered import curve, inputs, pair

import spikelet as sl
from spikelet import plot
from spikelet.conversion.comparison import Comparison
from spikelet.conversion.curves import accuracy_curve
from spikelet.conversion.report import report
from spikelet.conversion.response import steps_to_decision

pytest.importorskip("matplotlib")

from matplotlib import pyplot as plt
from matplotlib.colors import same_color

from spikelet.plot.figures import RED


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


def test_names_of_curves_are_no_maths():
    ax = plot.accuracy_curve({r"$\x$": curve([0.1, 0.2]), 8: curve([0.1, 0.2])})
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [r"\$\x\$", "8"]


def test_layer_rates_count_the_spikes_of_each_layer():
    rng = np.random.default_rng(0)
    weights = [rng.normal(0.1, 0.1, (8, 8)), 1e-3 * np.eye(8), np.eye(8)]
    layers = [part for w in weights for part in (sl.layers.Linear(w), sl.layers.IF(1.0))]
    model, x = sl.SpikingModel(layers), rng.random((5, 8))
    ax = plot.layer_rates(model, x, 20)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == list(model.neurons)
    result = model.run(x, 20, record=[f"{name}.spikes" for name in names])
    expected = [result[f"{name}.spikes"].mean() for name in names]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], expected)
    assert expected[0] > 0
    assert expected[1] == 0
    shades = [same_color(bar.get_facecolor(), RED) for bar in ax.patches]
    assert shades == [False, True, True]
    with pytest.raises(TypeError, match="model must be a SpikingModel"):
        plot.layer_rates(3, x)
