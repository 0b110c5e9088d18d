from __future__ import annotations

import sys

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.figure import Figure


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


def test_raster_draws_the_spikes_of_a_recorder(ran):
    ax = plot.raster(ran[0])
    (dots,) = ax.collections
    expected = np.stack([ran[0].times, ran[0].ids], axis=1)
    assert len(expected) > 0
    np.testing.assert_array_equal(dots.get_offsets(), expected)
    assert ax.get_xlabel() == "time (ms)"


def test_raster_takes_times_and_ids_style_and_axes():
    own = plt.subplots()[1]
    ax = plot.raster([1.0, 2.0, 3.0], [0, 5, 2], ax=own, s=9.0, c=["C0", "C1", "C2"])
    assert ax is own
    (dots,) = ax.collections
    np.testing.assert_array_equal(dots.get_offsets(), [(1, 0), (2, 5), (3, 2)])
    np.testing.assert_array_equal(dots.get_sizes(), [9.0])
    assert len(np.unique(dots.get_facecolors(), axis=0)) == 3


def test_an_empty_raster_is_a_picture_too():
    assert plot.raster([], []).get_ylabel() == "id"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0],), "ids must be given with times"),
        (([1.0, 2.0], [1]), "times and ids must be one-dimensional and equally long"),
        (([[1.0, 2.0]], [[1, 2]]), "times and ids must be one-dimensional"),
    ],
)
def test_raster_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot.raster(*arguments)


def test_raster_takes_no_ids_with_a_recorder(ran):
    with pytest.raises(ValueError, match="must not be given with a recorder"):
        plot.raster(ran[0], [1, 2])


def test_trace_draws_a_line_for_each_element(ran):
    ax = plot.trace(ran[1], color="C3")
    assert [line.get_color() for line in ax.lines] == ["C3", "C3"]
    for line, values in zip(ax.lines, ran[1].values.T, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), ran[1].times)
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert ax.get_ylabel() == "V_m (mV)"


def test_trace_takes_state_recorders_only(ran):
    with pytest.raises(TypeError, match="must be a StateRecorder"):
        plot.trace(ran[0])


def test_receptive_fields_puts_each_neuron_in_its_tile():
    weights = np.arange(5) + 10.0 * np.arange(6)[:, np.newaxis]  # 2 x 3 pixels, 5 neurons
    ax = plot.receptive_fields(weights, (2, 3), columns=2, vmax=7.0)
    (image,) = ax.images
    mosaic = np.ma.filled(image.get_array(), np.nan)
    assert mosaic.shape == (3 * 3 - 1, 2 * 4 - 1)
    for neuron in range(5):
        y, x = 3 * (neuron // 2), 4 * (neuron % 2)
        expected = weights[:, neuron].reshape(2, 3)
        np.testing.assert_array_equal(mosaic[y : y + 2, x : x + 3], expected)
    assert np.isnan(mosaic[:, 3]).all()
    assert np.isnan(mosaic[6:, 4:]).all()
    assert image.get_clim()[1] == 7.0


def test_receptive_fields_needs_weights_that_fit_the_shape():
    with pytest.raises(ValueError, match=r"must be \[6, n_neurons\] for images of 2 x 3"):
        plot.receptive_fields(np.zeros((5, 4)), (2, 3))


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install 'spikelet\[plot\]'"):
        plot.raster([1.0], [0])


def test_feature_maps_draws_on_minus_off():
    weights = np.zeros((3, 3, 2, 4))
    weights[0, 1, 0, 2], weights[2, 0, 1, 3] = 0.75, 0.5
    image = plot.feature_maps(weights, columns=4).images[0].get_array()
    assert image.shape == (3, 15)
    assert image[0, 2 * 4 + 1] == 0.75
    assert image[2, 3 * 4] == -0.5
    with pytest.raises(ValueError, match=r"plot.feature_maps: weights must be \[kernel, kernel, 2"):
        plot.feature_maps(weights[:, :, :1])


@pytest.fixture
def populations():
    net = sl.Network(dt=0.1, seed=1)
    recorders = {}
    for name, n, drive in (
        ("E", 60, 600.0),
        ("I", 20, 500.0),
        ("silent", 10, 0.0),
        ("none", 0, 0.0),
    ):
        neurons = net.population(n, sl.LIF(I_e=drive), name=name)
        neurons.V_m = sl.Uniform(-70.0, -55.0)
        recorders[name] = net.record(neurons, "spikes")
    net.run(300.0)
    return recorders


def test_activity_draws_spikes_and_their_statistics(populations):
    figure = plot.activity(populations, 100.0, window=50.0)
    dots, rates, cvs, synchrony = figure.axes
    assert [label.get_text() for label in dots.get_yticklabels()] == list(populations)
    drawn = dots.collections[0].get_offsets()
    times, ids = populations["E"].times, populations["E"].ids
    kept = times > 250.0
    np.testing.assert_array_equal(drawn, np.stack([times[kept], ids[kept]], axis=1))
    assert dots.get_xlim() == (250.0, 300.0)
    assert dots.collections[1].get_offsets()[:, 1].min() >= 60  # below the first population
    assert dots.get_ylim()[0] > dots.get_ylim()[1]
    means = rates.lines[0].get_xdata()
    assert means[0] == pytest.approx((times > 100.0).sum() / 60 / 0.2)
    assert means[2] == 0
    assert [bar.get_width() for bar in synchrony.patches[:2]] == [
        sl.statistics.synchrony(populations[name], 100.0) for name in ("E", "I")
    ]
    assert cvs.patches[0].get_width() == pytest.approx(0.0, abs=0.02)  # clocks
    figure.canvas.draw()


def test_activity_thins_all_populations_alike_on_the_figure_given(populations):

    figure = Figure()
    assert plot.activity(populations, neurons=45, colours=["C1"], figure=figure) is figure
    for dots, n, first in zip(figure.axes[0].collections, (30, 10), (0, 30), strict=False):
        rows = np.unique(dots.get_offsets()[:, 1])
        assert first <= rows.min() <= rows.max() < first + n
        assert len(rows) == n


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"recorders": {}}, TypeError, "must be a dict of SpikeRecorders"),
        ({"recorders": {"E": 1}}, TypeError, "must be a dict of SpikeRecorders"),
        ({"window": 0.0}, ValueError, "plot.activity: window must be > 0"),
        ({"neurons": 0}, ValueError, "plot.activity: neurons must be >= 1"),
        ({"start": 300.0}, ValueError, "stop must be after start"),
    ],
)
def test_activity_says_what_is_wrong(populations, arguments, error, message):
    with pytest.raises(error, match=message):
        plot.activity(**{"recorders": populations, **arguments})
    assert not plt.get_fignums()
