"""Pictures that follow a run."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot

pytest.importorskip("matplotlib")

from matplotlib import pyplot as plt


def made():
    net = sl.Network(dt=0.1, seed=1, threads=1)
    E = net.population(10, sl.LIF(I_e=np.linspace(300.0, 900.0, 10)), name="E")
    return net, net.record(E, "spikes"), net.record(E[:1], "V_m")


def test_the_run_is_that_of_run_and_the_last_picture_has_all_spikes():
    net, spikes, _ = made()
    figure = plot.live(net, 100.0, spikes, every=30.0)
    other, expected, _ = made()
    other.run(100.0)
    assert net.t == 100.0
    np.testing.assert_array_equal(spikes.times, expected.times)
    drawn = figure.axes[0].collections[0].get_offsets()
    np.testing.assert_array_equal(drawn, np.stack([spikes.times, spikes.ids], axis=1))


def test_a_window_moves_with_the_run():
    net, spikes, v_m = made()
    figure = plot.live(net, 100.0, {"E": spikes}, window=20.0)
    assert figure.axes[0].get_xlim() == (80.0, 100.0)
    figure = plot.live(net, 10.0, v_m, window=20.0, figure=figure)
    assert figure.axes[0].get_xlim() == (90.0, 110.0)
    assert len(figure.axes) == 1


def test_a_function_draws_after_each_piece():
    net, *_ = made()
    seen = []
    plot.live(net, 100.0, lambda figure: seen.append((net.t, len(figure.axes), figure.subplots())), every=25.0)  # fmt: skip
    assert [(t, before) for t, before, _ in seen] == [(25.0, 0), (50.0, 0), (75.0, 0), (100.0, 0)]


def test_a_notebook_updates_one_cell(monkeypatch):
    pytest.importorskip("IPython")
    pytest.importorskip("IPython.display")
    events = []

    class Cell:
        def update(self, figure):
            events.append(("update", figure))

    def display(figure, *, display_id):
        assert display_id
        events.append(("display", figure))
        return Cell()

    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", type("Shell", (), {"kernel": 1}))
    monkeypatch.setattr(sys.modules["IPython.display"], "display", display)
    net, spikes, _ = made()
    figure = plot.live(net, 90.0, spikes, every=30.0)
    assert [what for what, _ in events] == ["display", "update", "update"]
    assert all(shown is figure for _, shown in events)
    assert not plt.fignum_exists(figure.number)  # else it would be shown once more


def test_an_error_of_the_run_ends_it():
    net, _, _ = made()

    def fail(_figure):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plot.live(net, 100.0, fail, every=10.0)
    assert net.t == 10.0
    net.run(10.0)


def test_recorders_may_be_younger_than_the_network():
    net, spikes, _ = made()
    net.run(100.0)
    late = net.record(net.populations[0][:3], "spikes")
    figure = plot.live(net, 20.0, [spikes, late], every=1.0)
    assert net.t == 120.0
    assert figure.axes[0].get_xlim() == (0.0, 120.0)
    plot.live(net, 5.0, net.record(net.populations[0], "spikes"), every=1.0)


def test_weights_are_drawn_as_a_history():
    net, *_ = made()
    E = net.populations[0]
    rule = sl.STDP(A_plus=1.0, A_minus=1.0, w_max=10.0)
    recorder = net.record(net.connect(E, E, sl.AllToAll(), weight=5.0, plasticity=rule), "weights", every=1.0)  # fmt: skip
    (ax,) = plot.live(net, 20.0, recorder, window=10.0).axes
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), recorder.values.mean(axis=1))
    assert ax.get_xlim() == (10.0, 20.0)


OTHER = made()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"what": OTHER[1]}, ValueError, "what must be a recorder of net"),
        ({"what": {"E": OTHER[1]}}, ValueError, "what must be a recorder of net"),
        ({"what": [OTHER[1]]}, ValueError, "what must be a recorder of net"),
        ({"what": OTHER[2]}, ValueError, "what must be a recorder of net"),
        ({"what": 3}, TypeError, "what must be a recorder"),
        ({"every": 0.05}, ValueError, "every must be a multiple"),
        ({"window": 0.0}, ValueError, "window must be > 0"),
        ({"net": "net"}, TypeError, "net must be a Network"),
    ],
)
def test_wrong_arguments_change_nothing(arguments, error, message):
    net, spikes, _ = made()
    with pytest.raises(error, match=message):
        plot.live(**{"net": net, "duration": 10.0, "what": spikes, **arguments})
    assert net.t == 0.0
