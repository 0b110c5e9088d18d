"""Plots of layered models draw the numbers of their reports."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.layered import curve, inputs, pair

import spikelet as sl
from spikelet import plot
from spikelet.conversion import Table, evaluate, report, search_split

pytest.importorskip("matplotlib")

from matplotlib import pyplot as plt
from matplotlib.colors import same_color

from spikelet.plot.figures import RED


def test_lines_have_the_numbers_of_the_table():
    x = inputs(4)
    snn, ann = pair(x)
    one = evaluate(snn, ann, x, None, (1, 2, 4))
    ax = one.plot()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 100 * one["agreement"])
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [1, 2, 4])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("steps", "agreement (%)")
    both = {"a": curve([0.3, 0.4]), "b": curve([0.1, 0.2])}
    for tables in (both, Table.joined(both)):
        drawn = plot.results(tables)
        assert [t.get_text() for t in drawn.get_legend().get_texts()] == ["a", "b"]
        assert drawn.lines[-1].get_ydata()[0] == 90  # the ANN
    ax = one.plot("energy_ratio", "loss", color="k")
    np.testing.assert_allclose(ax.lines[0].get_xdata(), one["energy_ratio"])
    assert [text.get_text() for text in ax.texts] == ["1", "2", "4"]
    plt.close("all")


def test_bars_have_the_numbers_of_the_table():
    x = inputs(4)
    snn, ann = pair(x)
    found = report(snn, ann, x, steps=4)
    figure = found.plot()
    errors = [bar.get_width() for bar in figure.axes[0].patches]
    np.testing.assert_allclose(errors, 100 * found["error"])
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == found["layer"].tolist()
    split = search_split(snn, ann, x, steps=3, max_loss=100.0)
    figure = split.plot()
    assert len(figure.axes) == 2
    red = [same_color(bar.get_facecolor(), RED) for bar in figure.axes[1].patches]
    assert red.index(True) == split.chosen
    (panel,) = plot.bars(split, ["spikes"]).axes
    np.testing.assert_allclose([bar.get_width() for bar in panel.patches], split["spikes"])
    plt.close("all")


def test_wrong_tables_and_columns_are_named():
    with pytest.raises(TypeError, match=r"plot\.results: tables must be a Table"):
        plot.results({"a": 3})
    with pytest.raises(ValueError, match="x of 'b' must be a column of each table: steps, acc"):
        plot.results({"b": curve([0.1])}, "spikes")
    with pytest.raises(TypeError, match=r"plot\.bars: table must be a Table"):
        plot.bars(3)
    with pytest.raises(ValueError, match="columns must be among steps, accuracy, got 'spikes'"):
        plot.bars(curve([0.1]), ["spikes"])


def test_names_of_curves_are_no_maths():
    ax = plot.results({r"$\x$": curve([0.1, 0.2]), 8: curve([0.1, 0.2])})
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
