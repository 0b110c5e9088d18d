"""Matplotlib is an optional dependency."""

from __future__ import annotations

import sys

import pytest

from spikelet import plot

pytest.importorskip("matplotlib")

from matplotlib import pyplot as plt


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'spikelet\[plot\]'"):
        plot.raster([1.0], [0])


def test_labels_fit_into_new_axes(ran):
    ax = plot.raster(ran[0])
    ax.set_ylabel("a label\nof four\nlong\nlines")
    ax.figure.canvas.draw()
    assert ax.get_tightbbox().x0 >= 0


@pytest.mark.parametrize("wrong", [plt.figure, lambda: plt.subplots(2)[1], lambda: 3])
def test_what_is_no_axes_is_named(ran, wrong):
    with pytest.raises(TypeError, match=r"plot\.trace: ax must be Axes of matplotlib"):
        plot.trace(ran[1], ax=wrong())


def test_what_is_no_figure_is_named(ran):
    with pytest.raises(TypeError, match=r"plot\.activity: figure must be a Figure"):
        plot.activity({"E": ran[0]}, figure=plt.figure().subplots())


@pytest.mark.parametrize("short", [{"lw": 3.0, "c": "red"}, {"linewidth": 3.0, "color": "red"}])
def test_a_style_may_have_short_names(ran, short):
    _, v = ran
    line = plot.trace(v, **short).lines[0]
    assert line.get_linewidth() == 3.0
    assert line.get_color() == "red"


def test_a_part_of_a_figure_is_a_figure(ran):
    spikes, _ = ran
    left, right = plt.figure(layout="constrained").subfigures(1, 2)
    assert plot.raster_and_rates(spikes, figure=left) is left
    assert len(left.axes) == 2
    assert not right.axes
