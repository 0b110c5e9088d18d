"""A network and the one that `to_nest` makes of it: the same spikes, states and weights."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from tests.support.nest_twins import same_spikes

import spikelet as sl

pytestmark = pytest.mark.usefixtures("fresh_nest")

nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")


def test_nest_continues_from_a_state() -> None:
    """Potentials, currents and what is left of the input are carried over."""
    rng = np.random.default_rng(1)
    net = sl.Network(seed=1, threads=1, dtype="float64")
    cells = net.population(20, sl.LIF(tau_syn_ex=5.0, I_e=rng.uniform(100.0, 300.0, 20), t_ref=0.0))
    times = np.concatenate([np.arange(0.0, 48.0, 0.5), np.arange(50.0, 150.0, 0.5)])
    source = net.population(5, sl.SpikeSource(times, rng.integers(0, 5, len(times))))
    net.connect(source, cells, sl.AllToAll(), weight=sl.Uniform(20.0, 100.0), delay=1.0)
    net.inject(cells, sl.CurrentInput(rng.normal(0.0, 300.0, (1000, 20))))
    net.run(49.5)
    net.inject(cells, sl.CurrentInput(rng.normal(0.0, 300.0, 400)))
    assert np.any(cells.I_syn_ex)
    other = net.to_nest()
    assert other.t == net.t == 49.5
    ours, theirs = (x.record(cells, "spikes") for x in (net, other))
    net.run(100.0)
    other.run(100.0)
    same_spikes(ours, theirs)
    net.reset(at=60.0)
    other = net.to_nest()
    ours, theirs = (x.record(cells, "spikes") for x in (net, other))
    for x in (net, other):
        x.run(10.5)
    samples = [x.record(cells[3:], "V_m", every=2.0) for x in (net, other)]
    for x in (net, other):  # so that the next step is one to sample
        x.run(1.4)
    more = [x.record(cells[:3], "V_m", every=2.0) for x in (net, other)]
    for x in (net, other):
        x.run(40.0)
        x.run(1.0)  # NEST hands over the last samples in the next run
    same_spikes(ours, theirs)
    for mine, nests in (samples, more):
        k = len(nests.times)
        assert k >= 20
        np.testing.assert_array_equal(nests.times, mine.times[:k])
        np.testing.assert_allclose(nests.values, mine.values[:k], rtol=0, atol=1e-9)


@pytest.mark.filterwarnings("ignore:connect .* hyperpolarises")
@pytest.mark.parametrize("weight_dtype", ["float", "int16"])
def test_one_current(weight_dtype: Any) -> None:
    """`LIFOneCurrent` is iaf_psc_exp with equal time constants: spikes, the sum of both currents, and its past."""
    rng = np.random.default_rng(5)
    net = sl.Network(seed=5, threads=1, dtype="float64")
    model = sl.LIFOneCurrent(tau_syn=rng.uniform(2.0, 5.0, 30), I_e=rng.uniform(380.0, 600.0, 30))
    cells = net.population(30, model, name="cells")
    cells.V_m = sl.Uniform(-70.0, -56.0)
    drive = net.population(10, sl.RasterSource(rng.poisson(0.01, (3000, 10))))
    net.connect(drive, cells, sl.AllToAll(), weight=sl.Normal(0.0, 60.0), delay=1.0)
    spread = sl.Normal(0.0, 40.0)
    net.connect(
        cells, cells, sl.FixedIndegree(5), weight=spread, delay=1.5, weight_dtype=weight_dtype
    )
    # A weight of either sign goes to any receptor.
    net.connect(cells, cells, sl.FixedIndegree(5), weight=-40.0, delay=1.5, receptor="ex")
    net.run(49.5)
    before = np.asarray(cells.I_syn)
    assert before.min() < -1.0
    assert before.max() > 1.0
    other = net.to_nest(approximate=True)
    assert [note for note in other.notes if "left out" in note and "I_syn" in note] == []
    nodes = other.nodes(cells)
    np.testing.assert_array_equal(nodes.tau_syn_ex, nodes.tau_syn_in)
    np.testing.assert_array_equal(nodes.tau_syn_ex, model.tau_syn)
    net.reset()
    cells.I_syn = before
    other = net.to_nest()
    ours, theirs = (x.record(cells, "spikes") for x in (net, other))
    samples = [[x.record(cells[4:], s) for s in ("V_m", "I_syn")] for x in (net, other)]
    for x in (net, other):
        x.run(200.0)
        x.run(2.0)  # NEST hands over the last samples in the next run
    same_spikes(ours, theirs, at_least=200)
    for mine, nests in zip(*samples, strict=True):
        k = len(nests.times)
        assert k >= 2000
        assert np.std(nests.values) > 1.0
        np.testing.assert_allclose(nests.values, mine.values[:k], rtol=0, atol=1e-9)


def test_one_current_returns_with_two() -> None:
    """The network comes back from NEST with `LIF`, and spikes alike."""
    net = sl.Network(seed=6, threads=1, dtype="float64")
    cells = net.population(50, sl.LIFOneCurrent(tau_syn=3.0, I_e=380.0), name="cells")
    cells.V_m = sl.Uniform(-70.0, -56.0)
    net.connect(cells, cells, sl.FixedIndegree(10), weight=sl.Normal(0.0, 50.0), delay=1.0)
    net.to_nest()
    back = sl.io.from_nest(nest, threads=1)
    other = back.populations[0]
    assert type(other.model) is sl.LIF
    assert other.model.tau_syn_ex == other.model.tau_syn_in == 3.0
    recorders = [x.record(x.populations[0], "spikes") for x in (net, back)]
    for x in (net, back):
        x.run(100.0)
    same_spikes(*recorders)


def test_receptors_of_one_current_act_alike() -> None:
    """What `LIF` cannot take to NEST: excitatory events at the inhibitory receptor."""
    net = sl.Network(seed=7, threads=1, dtype="float64")
    cells = net.population(100, sl.LIFOneCurrent(), name="cells")
    net.inject(cells, sl.PoissonInput(2000.0, 100.0, receptor="in"))
    other = net.to_nest()
    ours, theirs = (x.record(cells, "V_m") for x in (net, other))
    for x in (net, other):
        x.run(51.0)
    mine, nests = (np.asarray(r.values)[200:500].mean() for r in (ours, theirs))
    assert mine > -69.0
    assert nests == pytest.approx(mine, abs=0.8)  # 4 standard errors


def test_conductances() -> None:
    """NEST steps adaptively: close, not equal."""
    rng = np.random.default_rng(3)
    net = sl.Network(seed=1, threads=1, dtype="float64")
    model = sl.LIFCond(V_th=0.0, tau_syn_ex=2.0, tau_syn_in=5.0, g_L=rng.uniform(10.0, 18.0, 20))
    cells = net.population(20, model, name="cells")
    cells.g_ex, cells.g_in, cells.V_m = 2.0, sl.Uniform(0.0, 3.0), sl.Uniform(-75.0, -60.0)
    source = net.population(20, sl.RasterSource(rng.poisson(0.02, (1000, 20))))
    net.connect(source[:10], cells, sl.AllToAll(), weight=sl.Uniform(-1.0, 1.0), delay=1.0)
    out = net.connect(source[10:], cells, sl.AllToAll(), weight=sl.Uniform(0.0, 1.0), receptor="in")
    other = net.to_nest()
    assert "adaptive" in " ".join(other.notes)
    traces = []
    for x in (net, other):
        recorders = [x.record(cells, s) for s in ("V_m", "g_ex", "g_in")]
        x.run(100.0)
        x.run(1.0)
        traces.append([r.values[:1000] for r in recorders])
    for ours, theirs, tolerance in zip(*traces, (2e-3, 1e-3, 1e-3), strict=True):
        assert np.std(ours) > 0.1
        np.testing.assert_allclose(theirs, ours, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(other.weights(out), out.weights)  # our sign


def test_without_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nest", None)
    with pytest.raises(ImportError, match=r"pip install 'spikelet\[nest\]'"):
        sl.Network().to_nest()


def test_bad_calls() -> None:
    net = sl.Network()
    cells = net.population(3, sl.LIFAlpha(), name="cells")
    with pytest.raises(ValueError, match="threads"):
        net.to_nest(threads=0)
    with pytest.raises(ValueError, match="seed"):
        net.to_nest(seed=0)
    other = net.to_nest()
    with pytest.raises(ValueError, match="what must be one of spikes, V_m, I_syn_ex, I_syn_in"):
        other.record(cells, "theta")
    with pytest.raises(ValueError, match="every is not for spikes"):
        other.record(cells, "spikes", every=1.0)
    with pytest.raises(ValueError, match="name of a population"):
        other.nodes("x")
    with pytest.raises(ValueError, match="multiple of dt"):
        other.run(0.05)
    stranger = sl.Network()
    theirs = stranger.population(3, sl.LIF())
    with pytest.raises(ValueError, match="belong"):
        other.nodes(theirs)
    with pytest.raises(ValueError, match="belong"):
        other.weights(stranger.connect(theirs, theirs, sl.AllToAll()))
    with pytest.raises(ValueError, match="taken to NEST"):
        other.weights(net.connect(cells, cells, sl.AllToAll()))
    with pytest.raises(ValueError, match="taken to NEST"):
        other.record(net.population(1, sl.LIF()), "spikes")
    empty = net.connect(cells, cells, (np.zeros(0, int), np.zeros(0, int)))
    assert net.to_nest().weights(empty).shape == (0,)
