"""Raster plots, and the activity of a whole network."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot

pytest.importorskip("matplotlib")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure


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


def test_an_empty_raster_can_be_drawn():
    assert plot.raster([], []).get_ylabel() == "id"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0],), "ids must be given with times"),
        (([1.0, 2.0], [1]), "times and ids must be one-dimensional and equally long"),
        (([[1.0, 2.0]], [[1, 2]]), "times and ids must be one-dimensional"),
    ],
)
def test_raster_names_the_wrong_argument(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot.raster(*arguments)


@pytest.mark.parametrize("wrong", [sl.Network().population(3, sl.LIF()), [[1.0, 2.0], [3.0]]])
def test_raster_names_what_numpy_cannot_read(wrong):
    with pytest.raises(TypeError, match=r"plot\.raster: spikes must be a recorder of spikes"):
        plot.raster(wrong)


@pytest.mark.parametrize("draw", [plot.raster, plot.trace, plot.activity])
def test_what_is_no_recorder_of_the_kind_is_named(ran, draw):
    spikes, v_m = ran
    fitting = {plot.raster: spikes, plot.activity: spikes, plot.trace: v_m}
    for wrong in (spikes, v_m, spikes.network, [v_m], "spikes", None):
        if fitting.get(draw) is not wrong:
            with pytest.raises(TypeError, match=rf"plot\.{draw.__name__}: \w+(\[0\])? must be"):
                draw(wrong)


def test_raster_takes_spikes_from_elsewhere():
    drawn = plot.raster(sl.Spikes([3.0, 1.0], [1, 0], 2)).collections[0].get_offsets()
    np.testing.assert_array_equal(drawn, [[1.0, 0], [3.0, 1]])


def test_the_names_of_populations_fit_into_the_figure(populations):
    named = {f"{name} of layer 2/3, Ünïcödé": r for name, r in populations.items()}
    for figure in (None, plt.figure(figsize=(12.0, 5.0))):
        drawn = plot.activity(named, figure=figure)
        drawn.canvas.draw()
        width, height = drawn.canvas.get_width_height()
        for panel in drawn.axes:
            box = panel.get_tightbbox()
            assert min(box.x0, box.y0) >= 0
            assert (box.x1, box.y1) <= (width, height)


def test_activity_takes_spikes(populations):
    of_recorders = plot.activity(populations)
    of_spikes = plot.activity({name: r.spikes for name, r in populations.items()})
    for a, b in zip(of_recorders.axes, of_spikes.axes, strict=True):
        assert a.get_xlim() == b.get_xlim()
        for drawn, same in zip(a.collections, b.collections, strict=True):
            np.testing.assert_array_equal(drawn.get_offsets(), same.get_offsets())
    with pytest.raises(ValueError, match="stop must be given with Spikes whose end is unknown"):
        plot.activity({"E": sl.Spikes([1.0], [0])})


def test_raster_takes_no_ids_with_a_recorder(ran):
    with pytest.raises(ValueError, match="must not be given with a recorder"):
        plot.raster(ran[0], [1, 2])


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


def test_activity_takes_what_other_plots_of_spikes_take(populations):
    named = plot.activity(populations).axes
    for given, n in (
        (list(populations.values()), len(populations)),
        ((populations["E"],) * 2, 2),  # of the same name
        (populations["E"], 1),
    ):
        axes = plot.activity(given).axes
        assert [len(ax.get_yticks()) for ax in axes] == [n] * 4
        for ax, other in zip(axes[1:], named[1:], strict=True):
            assert ax.patches[0].get_width() == other.patches[0].get_width()


def test_activity_thins_all_populations_alike_on_the_figure_given(populations):

    figure = Figure()
    assert plot.activity(populations, neurons=45, colors=["C1"], figure=figure) is figure
    for dots, n, first in zip(figure.axes[0].collections, (30, 10), (0, 30), strict=False):
        rows = np.unique(dots.get_offsets()[:, 1])
        assert first <= rows.min() <= rows.max() < first + n
        assert len(rows) == n


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"recorders": {}}, TypeError, "recorders must be a recorder of spikes, Spikes, or a list"),
        (
            {"recorders": {"E": 1}},
            TypeError,
            r"recorders\['E'\] must be a SpikeRecorder, a recording or Spikes, got 1",
        ),
        ({"window": 0.0}, ValueError, "plot.activity: window must be > 0"),
        ({"neurons": 0}, ValueError, "plot.activity: neurons must be >= 1"),
        ({"start": 300.0}, ValueError, "stop must be after start"),
    ],
)
def test_activity_names_the_wrong_argument(populations, arguments, error, message):
    with pytest.raises(error, match=message):
        plot.activity(**{"recorders": populations, **arguments})
    assert not plt.get_fignums()


def test_populations_are_stacked_and_colored(populations):
    ax = plot.raster(populations)
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "E\n(60)",
        "I\n(20)",
        "silent\n(10)",
        "none\n(0)",
    ]
    e, i, *_ = (dots.get_offsets() for dots in ax.collections)
    np.testing.assert_array_equal(e[:, 1], populations["E"].ids)
    np.testing.assert_array_equal(i[:, 1], 60 + populations["I"].ids)
    np.testing.assert_array_equal(i[:, 0], populations["I"].times)
    assert ax.get_ylim() == (89.5, -0.5)  # the first one is on top
    shades = [tuple(dots.get_facecolor()[0]) for dots in ax.collections[:2]]
    assert len(set(shades)) == 2
    as_list = plot.raster([populations["E"], populations["I"]])
    np.testing.assert_array_equal(as_list.collections[1].get_offsets(), i)
    with pytest.raises(ValueError, match="ids must not be given with a recorder"):
        plot.raster(populations, [1])


def test_a_part_of_a_population_has_no_gaps(populations):
    spikes = populations["E"].spikes[40:]
    (dots,) = plot.raster([spikes]).collections
    assert dots.get_offsets()[:, 1].max() <= 19


def test_rates_are_spikes_per_neuron_and_second(populations):
    ax = plot.rate_histogram(populations, 100.0, 300.0, bin_size=10.0)
    for drawn, (name, n) in zip(ax.patches, (("E", 60), ("I", 20)), strict=False):
        values, edges, _ = drawn.get_data()
        counts, _ = np.histogram(populations[name].times - 1e-6, edges)
        np.testing.assert_allclose(values, counts / n / 0.01)
        assert edges[[0, -1]].tolist() == [100.0, 300.0]
    assert ax.get_ylabel() == "rate (Hz)"


def test_raster_and_rates_share_the_axis_of_time(populations):
    figure = plot.raster_and_rates(populations, 50.0, 150.0)
    dots, rates = figure.axes
    assert dots.get_xlim() == rates.get_xlim() == (50.0, 150.0)
    times = dots.collections[0].get_offsets()[:, 0]
    assert times.min() > 50.0
    assert times.max() <= 150.0
    dots.set_xlim(60.0, 70.0)
    assert rates.get_xlim() == (60.0, 70.0)


def test_text_and_dots_are_readable_on_a_dark_background(ran):
    with plt.style.context("dark_background"):
        ax = plot.raster(ran[0])
        assert ax.collections[0].get_facecolor()[0, :3].tolist() == [1.0, 1.0, 1.0]
        figure = plot.activity({"E": ran[0]})
    assert figure.axes[1].lines[0].get_color() == "white"


@pytest.fixture(params=[0.0, 2.0])
def young(request):
    """Return recorders of two populations, of which the second has observed for no time or less than a bin."""
    net = sl.Network(dt=0.1, seed=1)
    E, I = (net.population(5, sl.LIF(I_e=800.0), name=name) for name in "EI")
    old = net.record(E, "spikes")
    net.run(100.0)
    new = net.record(I, "spikes")
    net.run(request.param)
    return {"E": old, "I": new}


def test_a_population_observed_for_less_than_a_bin_has_an_empty_curve(young):
    old, new = plot.rate_histogram(young).patches
    assert old.get_data().values.any()
    assert new.get_data().values.size == 0
    dots, rates = plot.raster_and_rates(young).axes
    assert [label.get_text() for label in dots.get_yticklabels()] == ["E\n(5)", "I\n(5)"]
    assert [curve.get_data().values.size > 0 for curve in rates.patches] == [True, False]
    rates.figure.canvas.draw()


def test_activity_has_no_synchrony_of_less_than_a_bin(young):
    figure = plot.activity(young)
    synchrony = [bar.get_width() for bar in figure.axes[3].patches]
    assert np.isfinite(synchrony[0])
    assert np.isnan(synchrony[1])
    figure.canvas.draw()


def test_populations_observed_at_other_times_have_no_spikes():
    early, late = (sl.Spikes([t], [0], 2, start=t - 10.0, stop=t, name=f"at {t:g}") for t in (10.0, 100.0))  # fmt: skip
    dots, rates = plot.raster_and_rates([early, late], 90.0, 100.0).axes
    assert [len(drawn.get_offsets()) for drawn in dots.collections] == [0, 1]
    assert [curve.get_data().values.size for curve in rates.patches] == [0, 2]


def test_the_whole_interval_must_have_a_bin(young):
    for draw in (plot.rate_histogram, plot.raster_and_rates):
        with pytest.raises(
            ValueError, match=rf"plot\.{draw.__name__}: bin_size must be at most the interval"
        ):
            draw(young, bin_size=200.0)
        with pytest.raises(ValueError, match=rf"plot\.{draw.__name__}: bin_size must be > 0"):
            draw(young, bin_size=0.0)
    assert not plt.get_fignums()


def test_a_run_shorter_than_the_default_bin_is_one_bin():
    short = sl.Spikes([0.5, 1.0], [0, 1], 4, stop=2.0, name="short")
    _, rates = plot.raster_and_rates(short).axes
    for ax in (rates, plot.rate_histogram(short), plot.rate_histogram([short, short])):
        curve = ax.patches[0].get_data()
        assert curve.values.tolist() == [2 / 4 / 2e-3]
        assert curve.edges.tolist() == [0.0, 2.0]


def test_rates_of_several_populations_have_a_legend(populations):
    ax = plot.rate_histogram(populations)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(populations)
    assert plot.rate_histogram(populations["E"]).get_legend() is None
    assert (
        plot.raster_and_rates(populations).axes[1].get_legend() is None
    )  # the raster has the names


def test_names_are_no_maths(populations):
    named = {r"$\x$": populations["E"], "$I$": populations["I"]}
    for drawn in (
        plot.raster(named).figure,
        plot.activity(named),
        plot.rate_histogram(named).figure,
    ):
        drawn.canvas.draw()
    plot.rate_distribution(named).figure.canvas.draw()


@pytest.mark.parametrize(
    "style", [{}, {"s": 20.0}, {"c": "black"}, {"lw": 1.0}, {"linewidths": 1.0}]
)
@pytest.mark.parametrize("marker", [".", "|", "_", "x", np.array([[0, 0], [1, 1], [0, 1]])])
def test_spikes_are_seen_whatever_their_marker(marker, style):
    ax = plot.raster([10.0, 20.0, 30.0], [0, 1, 2], marker=marker, **style)
    ax.set_axis_off()
    ax.figure.canvas.draw()
    picture = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3]
    assert (picture < 200).any()


def test_ids_have_ticks_at_whole_numbers():
    ax = plot.raster([10.0, 20.0], [0, 3])
    assert all(tick == round(tick) for tick in ax.get_yticks())
