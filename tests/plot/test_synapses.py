"""Synapses of a projection: matrices, distributions, histories."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot

pytest.importorskip("matplotlib")

from matplotlib.colors import Normalize


@pytest.fixture
def connected():
    net = sl.Network(dt=0.1, seed=1, threads=1)
    pre, post = (
        net.population(30, sl.PoissonSource(rate=50.0), name="X"),
        net.population(20, sl.LIF(), name="E"),
    )
    rule = sl.STDP(A_plus=1.0, A_minus=1.0, w_max=100.0)
    synapses = net.connect(
        pre,
        post,
        sl.FixedProbability(0.3),
        weight=sl.Uniform(10.0, 90.0),
        delay=sl.Uniform(0.5, 2.0),
        plasticity=rule,
    )
    return net, synapses  # fmt: skip


@pytest.mark.parametrize("what", ["weights", "delays", "synapses"])
def test_connectivity_has_a_cell_for_each_pair(connected, what):
    _, synapses = connected
    ax = plot.connectivity(synapses, what=what)
    image = np.ma.filled(ax.images[0].get_array().astype(float), np.nan)
    expected = np.full((30, 20), np.nan)
    values = {"weights": synapses.weights, "delays": synapses.delays, "synapses": 1.0}[what]
    expected[synapses.pre_ids, synapses.post_ids] = values
    np.testing.assert_allclose(image, expected, rtol=1e-6)
    label = {"weights": "weight (pA)", "delays": "delay (ms)", "synapses": "synapses"}[what]
    assert ax.figure.axes[1].get_ylabel() == label
    assert ax.get_ylabel() == "source, X"


def test_large_projections_are_drawn_in_cells(connected):
    _, synapses = connected
    ax = plot.connectivity(synapses, what="synapses", cells=4)
    image = np.ma.filled(ax.images[0].get_array().astype(float), 0)
    assert image.shape == (4, 4)
    assert image.sum() == len(synapses)
    assert image[0, 0] == ((synapses.pre_ids < 8) & (synapses.post_ids < 5)).sum()
    assert ax.get_xlim() == (-0.5, 19.5)


def test_weights_of_both_signs_are_centered_at_zero():
    net = sl.Network()
    E = net.population(2, sl.LIF())
    synapses = net.connect(E, E, sl.AllToAll(), weight=[1.0, -4.0, 2.0, 3.0])
    assert plot.connectivity(synapses).images[0].get_clim() == (-4.0, 4.0)


def test_weights_of_both_signs_take_a_norm():
    net = sl.Network()
    E = net.population(2, sl.LIF(), name=r"$\x$")
    synapses = net.connect(E, E, sl.AllToAll(), weight=[1.0, -4.0, 2.0, 3.0])
    norm = Normalize(-10.0, 10.0)
    ax = plot.connectivity(synapses, norm=norm)
    assert ax.images[0].norm is norm
    ax.figure.canvas.draw()  # names are no maths
    ax = plot.synapse_distribution(synapses)
    ax.legend()
    ax.figure.canvas.draw()


def test_distributions_count_all_synapses(connected):
    _, synapses = connected
    for what, values in (("weights", synapses.weights), ("delays", synapses.delays)):
        ax = plot.synapse_distribution(synapses, what=what)
        assert sum(bar.get_height() for bar in ax.patches) == len(values)
    edges = [bar.get_x() for bar in ax.patches]
    np.testing.assert_allclose(edges, np.arange(4.5, 20) * 0.1)  # one bin for each delay
    first = next(bar.get_height() for bar in ax.patches)
    assert first == (np.abs(values - 0.5) < 1e-6).sum()


def test_a_union_of_projections_is_drawn_as_one():
    net = sl.Network()
    E, I = net.population(3, sl.LIF(), name="E"), net.population(2, sl.LIF(), name="I")
    group = net.connect(E + I, E, sl.AllToAll(), weight=1.0)
    ax = plot.connectivity(group)
    assert ax.images[0].get_array().shape == (5, 3)
    assert ax.figure.axes[1].get_ylabel() == "weight (pA)"


def test_weight_history_draws_single_synapses_and_their_mean(connected):
    net, synapses = connected
    recorder = net.record(synapses, "weights", every=10.0)
    net.run(100.0)
    ax = plot.weight_history(recorder, lines=3)
    *single, mean = ax.lines
    assert len(single) == 3
    np.testing.assert_array_equal(single[-1].get_ydata(), recorder.values[:, -1])
    np.testing.assert_allclose(mean.get_ydata(), recorder.values.mean(axis=1))
    assert ax.get_ylabel() == "weight (pA)"


def test_what_is_no_projection_is_named(connected, ran):
    net, synapses = connected
    for draw in (plot.connectivity, plot.synapse_distribution):
        with pytest.raises(TypeError, match="projection must be a projection with synapses"):
            draw(net)
    with pytest.raises(ValueError, match="what must be"):
        plot.connectivity(synapses, what="colours")
    with pytest.raises(TypeError, match="must be a recorder of weights"):
        plot.weight_history(ran[1])
