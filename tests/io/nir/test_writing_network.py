"""Networks as NIR graphs: the spikes of each population, step by step."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from tests.support.nir_models import quietly

import spikelet as sl

nir = pytest.importorskip("nir")

STEPS, DT = 250, 0.5


def raster(net, target):
    """Record a population; the result returns its spikes [T, neurons] after the run."""
    recorder = net.record(target, "spikes")
    return lambda: np.stack(
        [
            np.bincount(recorder.ids[np.rint(recorder.times / DT) == t + 1], minlength=target.size)
            for t in range(STEPS)
        ]
    )


def compare(net, given, **options) -> dict[str, int]:
    """Compare the spikes of all populations of neurons; return their numbers."""
    graph = quietly(net, **options)
    neurons = [p for p in net.populations if p.name != "source"]
    wanted = {p.name: raster(net, p) for p in neurons}
    found = sl.io.read_nir(graph).run(given).outputs
    net.run(STEPS * DT)
    counts = {}
    for name, spikes in wanted.items():
        out = found["output" if len(neurons) == 1 else f"output_{name}"]
        np.testing.assert_array_equal(out, spikes(), err_msg=name)
        counts[name] = int(out.sum())
    return counts


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def driven(rng):
    given = (rng.random((STEPS, 15)) < 0.1).astype(np.uint8)
    net = sl.Network(dt=DT, dtype="float64", seed=1, threads=1)
    return net, net.population(15, sl.RasterSource(given), "source"), given


def test_delta_synapses_with_delays_and_recurrence(driven, rng):
    net, source, given = driven
    model = sl.LIFDelta(t_ref=0.0, tau_m=rng.uniform(5, 20, 20), I_e=100.0)
    a = net.population(20, model, "a")
    subtract = sl.LIFDelta(t_ref=0.0, V_reset=-70.0, reset="subtract")
    b = net.population(10, subtract, "b")
    delays = rng.choice([0.5, 1.5], (15, 20))
    net.connect(source, a, sl.AllToAll(), weight=rng.normal(2, 3, (15, 20)), delay=delays)
    net.connect(a, a, sl.FixedProbability(0.3), weight=-2.0, delay=1.0)
    net.connect(a, b, sl.FixedProbability(0.5), weight=4.0, delay=0.5)
    net.connect(b, a, sl.FixedProbability(0.2), weight=1.0, delay=3.0)
    a.V_m = rng.uniform(-70, -56, 20)
    counts = compare(net, given)
    assert min(counts.values()) > 100


def test_synaptic_currents_of_two_receptors(driven, rng):
    net, source, given = driven
    a = net.population(20, sl.LIF(t_ref=0.0, tau_syn_ex=2.0, tau_syn_in=7.0, I_e=200.0), "a")
    b = net.population(10, sl.LIF(t_ref=0.0, tau_m=5.0, tau_syn_ex=5.0), "b")
    net.connect(source, a, sl.AllToAll(), weight=rng.normal(100, 300, (15, 20)), delay=1.0)
    net.connect(a, a, sl.FixedProbability(0.3), weight=-50.0, delay=0.5)
    net.connect(a, b, sl.AllToAll(), weight=150.0, delay=1.5, receptor="ex")
    a.I_syn_ex = rng.uniform(0, 300, 20)
    for mode in ("exact", "euler"):
        assert quietly(net, mode=mode).metadata["spikelet"]["mode"] == mode
    counts = compare(net, given)
    assert min(counts.values()) > 50


def test_neurons_without_a_leak(driven):
    net, source, given = driven
    a = net.population(6, sl.IF(t_ref=0.0, V_th=-60.0), "a")
    net.connect(source, a, sl.AllToAll(), weight=120.0, delay=1.0)
    assert compare(net, given)["a"] > 50


def test_times_are_physical(driven):
    net, source, _ = driven
    a = net.population(4, sl.LIF(t_ref=0.0, tau_m=10.0, tau_syn_ex=2.0, V_th=-50.0), "a")
    net.connect(source, a, sl.AllToAll(), weight=1.0, delay=1.5)
    nodes = quietly(net).nodes
    np.testing.assert_allclose(nodes["a"].tau, 0.01, rtol=1e-14)
    np.testing.assert_allclose(nodes["a_ex"].tau, 0.002, rtol=1e-14)
    np.testing.assert_allclose(nodes["a"].v_threshold, 20.0, rtol=1e-14)
    # One step more than the synapse's: an event acts on the potential in the step after its arrival.
    np.testing.assert_allclose(nodes["source_to_a_delay"].delay, 0.002, rtol=1e-14)
    assert nodes["source_to_a"].weight.shape == (4, 15)


def test_only_potentials_away_from_rest_need_metadata(driven):
    net, source, _ = driven
    a = net.population(4, sl.LIFDelta(t_ref=0.0), "a")
    net.connect(source, a, sl.AllToAll(), weight=1.0, delay=1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sl.io.write_nir(net).nodes["a"].metadata == {}
    a.V_m = -60.0
    with pytest.warns(UserWarning, match="no initial potentials"):
        graph = sl.io.write_nir(net)
    assert graph.nodes["a"].metadata["spikelet"]["v_init"] == 10.0


def test_plastic_weights_are_written_as_they_are(driven):
    net, source, _ = driven
    a = net.population(4, sl.LIFDelta(t_ref=0.0), "a")
    net.connect(source, a, sl.AllToAll(), weight=1.0, delay=1.5, plasticity=sl.STDP(w_max=2.0))
    with pytest.warns(UserWarning, match="NIR has no plasticity"):
        graph = sl.io.write_nir(net)
    np.testing.assert_array_equal(graph.nodes["source_to_a"].weight, np.ones((4, 15)))


def _neuron(model):
    return lambda net: net.population(3, model, "a")


def _injected(net):
    net.inject(net.population(3, sl.LIFDelta(t_ref=0.0), "a"), sl.PoissonInput(1000.0, 1.0))


def _ran(net):
    net.population(3, sl.LIFDelta(t_ref=0.0), "a")
    net.run(1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_neuron(sl.LIF()), r"population 'a' \(LIF\): is refractory for t_ref = 2 ms"),
        (_neuron(sl.LIFCond(t_ref=0.0)), "is a neuron that NIR does not have"),
        (_neuron(sl.LIFDelta(t_ref=0.0, theta_plus=1.0)), "has an adaptive threshold"),
        (_neuron(sl.LIFDelta(t_ref=0.0, reset="subtract", V_reset=-65.0)), "use V_reset = E_L"),
        (_neuron(sl.IF(t_ref=0.0, I_e=1.0)), "constant current I_e"),
        (_injected, "has inputs that are part of it"),
        (_ran, "must not have run"),
        (lambda net: None, "must have a population of neurons"),
    ],
)  # fmt: skip
def test_what_nir_cannot_hold_is_refused(driven, change, message):
    change(driven[0])
    with pytest.raises(ValueError, match=f"write_nir: .*{message}"):
        sl.io.write_nir(driven[0])


def test_matrices_that_would_not_fit_are_refused_before_they_are_made():
    net = sl.Network(dt=DT, threads=1)
    a = net.population(40_000, sl.LIFDelta(t_ref=0.0), "a")
    net.connect(a, a, sl.FixedIndegree(1), weight=1.0, delay=1.0)
    with pytest.raises(ValueError, match=r"needs full matrices of 1\.6e\+09 weights"):
        sl.io.write_nir(net)


def test_options_that_a_network_does_not_have(driven):
    net, source, _ = driven
    net.connect(source, net.population(3, sl.LIFDelta(t_ref=0.0), "a"), sl.AllToAll(), weight=1.0)
    with pytest.raises(ValueError, match='convention must be "nir"'):
        sl.io.write_nir(net, convention="norse")
    with pytest.raises(ValueError, match="input_shape must be left out"):
        sl.io.write_nir(net, input_shape=(15,))
