"""A network and the one that `to_nest` makes of it: the same spikes, states and weights."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from tests.support.nest_twins import same_spikes

import spikelet as sl

nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")


@pytest.fixture(autouse=True)
def quiet() -> None:
    nest.verbosity = nest.VerbosityLevel.ERROR


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
