"""The graph of a network."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot

pytest.importorskip("matplotlib")

from matplotlib.colors import same_color
from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.transforms import Bbox

from spikelet.plot import graph
from spikelet.plot.figures import BLUE, GRAY, RED


@pytest.fixture
def net():
    net = sl.Network(seed=1)
    X = net.population(5, sl.PoissonSource(rate=1.0), name="X")
    E, I = net.population(10, sl.LIF(), name="E"), net.population(4, sl.LIF(), name="I")
    net.connect(X, E, sl.AllToAll(), weight=1.0)
    net.connect(E, E, sl.AllToAll(), weight=1.0, plasticity=sl.STDP())
    net.connect(I, E, sl.AllToAll(), weight=-1.0)
    net.connect(E, I, sl.FixedProbability(0.0), weight=1.0)
    return net


def test_populations_are_circles_and_projections_are_arrows(net):
    ax = plot.network(net)
    circles = [p for p in ax.patches if isinstance(p, Circle)]
    arrows = {p.get_gid(): p for p in ax.patches if isinstance(p, FancyArrowPatch)}
    assert [c.get_linestyle() for c in circles] == [":", "-", "-"]  # sources are dotted
    assert list(arrows) == ["X -> E", "E -> E", "I -> E", "E -> I"]
    for name, shade in (("X -> E", BLUE), ("I -> E", RED), ("E -> I", GRAY)):
        assert same_color(arrows[name].get_edgecolor(), shade)
    assert arrows["E -> E"].get_linestyle() == "--"  # plastic
    assert arrows["E -> E"].get_linewidth() > arrows["I -> E"].get_linewidth()
    texts = [t.get_text() for t in ax.texts]
    assert {"50", "100", "40", "0", "E\nLIF\n10", "I\nLIF\n4", "X\nPoissonSource\n5"} == set(texts)


def test_labels_can_be_left_out(net):
    assert len(plot.network(net, labels=False).texts) == 3


@pytest.mark.parametrize("n", [1, 2, 5])
def test_nothing_is_clipped_and_circles_do_not_overlap(n):
    net = sl.Network()
    each = [net.population(2, sl.LIF(), name=f"a long name {k}") for k in range(n)]
    for population in each:
        net.connect(population, population, sl.AllToAll(), weight=1.0)
    ax = plot.network(net)
    ax.figure.canvas.draw()
    box = ax.get_tightbbox()
    for artist in (*ax.patches, *ax.texts):
        assert Bbox.intersection(box, artist.get_window_extent()).bounds == pytest.approx(
            artist.get_window_extent().bounds, abs=1.0
        )
    centers = np.array([p.center for p in ax.patches if isinstance(p, Circle)])
    distances = np.linalg.norm(centers[:, None] - centers, axis=-1)[np.triu_indices(n, 1)]
    assert (distances > 0.4).all()


def test_what_is_no_network_is_named(net):
    with pytest.raises(TypeError, match=r"plot\.network: net must be a Network"):
        plot.network(net.populations[0])
    with pytest.raises(ValueError, match="must have a population"):
        plot.network(sl.Network())


def test_labels_must_be_true_or_false(net):
    with pytest.raises(
        TypeError, match=r"plot\.network: labels must be True, False or None, got 'no'"
    ):
        plot.network(net, labels="no")


def test_weights_of_very_many_synapses_are_not_read(net, monkeypatch):
    monkeypatch.setattr(graph, "MOST_SYNAPSES", 45)
    shades = {p.get_gid(): p.get_edgecolor() for p in plot.network(net).patches}
    assert same_color(shades["E -> E"], GRAY)
    assert same_color(shades["I -> E"], RED)


def test_names_are_no_maths():
    net = sl.Network()
    net.population(2, sl.LIF(), name=r"$\x$")
    ax = plot.network(net)
    ax.figure.canvas.draw()
