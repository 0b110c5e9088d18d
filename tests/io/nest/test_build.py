"""What is built in NEST: nodes, generators, synapses, the kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.nest_twins import same_spikes

import spikelet as sl

pytestmark = pytest.mark.usefixtures("fresh_nest")

nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")

MODELS = (sl.LIF, sl.LIFAlpha, sl.LIFDelta)


# --- neurons, inputs and static synapses -----------------------------------------------------------


def draw(model: Any, case: int) -> sl.Network:
    """Draw a network of two populations, with all kinds of given input."""
    rng = np.random.default_rng([case, MODELS.index(model)])
    dt = (0.1, 0.25, 0.1)[case]
    net = sl.Network(dt=dt, seed=case, threads=1, dtype="float64")
    n, steps = 40, 800
    unit = 1.0 if model is sl.LIFDelta else 60.0
    params = {"tau_m": rng.uniform(8.0, 20.0, n), "C_m": rng.uniform(150.0, 300.0, n)}
    params |= {"V_th": rng.uniform(-57.0, -53.0, n), "E_L": rng.uniform(-72.0, -68.0, n)}
    params |= {"I_e": rng.uniform(100.0, 280.0, n), "t_ref": rng.choice([0.0, 1.0, 2.04], n)}
    if model is not sl.LIFDelta:
        params |= {
            "tau_syn_ex": np.where(rng.random(n) < 0.2, params["tau_m"], 2.0),
            "tau_syn_in": 5.0,
        }
    cells = net.population(n, model(**params), name="cells")
    cells.V_m = sl.Uniform(-75.0, -58.0)
    others = net.population(15, model(V_reset=-65.0, I_e=390.0), name="others")
    net.population(0, model(), name="none")
    stamps = np.sort(rng.integers(0, steps, 400)) * dt  # also at 0, and some twice
    trains = net.population(20, sl.SpikeSource(np.repeat(stamps, 2), rng.integers(0, 20, 800)))
    raster = net.population(10, sl.RasterSource(rng.poisson(0.05, (steps, 10))))
    short = {"delay": sl.Uniform((1 + 2 * (case == 1)) * dt, 4.0)}
    net.connect(trains, cells, sl.FixedProbability(0.3), weight=sl.Uniform(0, unit), **short)
    net.connect(raster, cells[3:20], sl.FixedIndegree(5), weight=sl.Normal(unit, unit), **short)
    net.connect(cells, cells, sl.FixedIndegree(8), weight=0.5 * unit, delay=1.0)
    net.connect(cells[[7, 3, 30]], others[::-1], sl.AllToAll(), weight=sl.Uniform(0, unit), **short)
    pairs = (np.array([3, 3, 5, 3]), np.array([4, 4, 5, 4]))  # multapses and a self connection
    net.connect(others, others, pairs, weight=np.array([3, 1, 5, 2]) * unit, delay=[1, 2, 1, 1])
    net.connect(others, cells, sl.FixedOutdegree(6), weight=-unit, receptor="inhibitory", **short)
    net.inject(cells[:25], sl.CurrentInput(rng.normal(0, 200, (500, 25))))
    net.inject(others, sl.CurrentInput(rng.normal(0, 100, 300)))
    return net


@pytest.mark.parametrize("case", range(3))
@pytest.mark.parametrize("model", MODELS)
def test_spikes_states_and_weights(model: Any, case: int) -> None:
    net, two = draw(model, case), case == 2 and model is sl.LIF
    cells, others, part = net.populations[0], net.populations[1], net.populations[0][17::-3]
    if model is sl.LIF:
        cells[:10].I_syn_ex, cells[5:].I_syn_in = 300.0, -200.0
    other = net.to_nest(threads=2 if two else None)
    assert nest.local_num_threads == (2 if two else 1)
    assert other.notes == ()
    shortest = min(p.delays.min() for p in net.projections)
    assert nest.min_delay == pytest.approx(shortest)
    states = [s for s in cells.model.states if s != "theta" and s[0] != "d"]
    every = 5 * net.dt
    recorded = []
    for x in (net, other):
        spikes = [x.record(p, "spikes") for p in (cells, others, part, net.populations[3])]
        recorded.append((spikes, [x.record(part, s, every=every) for s in states]))
        for duration in (50.0, 150.0, 1.0):
            x.run(duration)
    assert other.t == pytest.approx(net.t)
    for ours, theirs in zip(*(r[0] for r in recorded), strict=True):
        same_spikes(ours, theirs)
    for ours, theirs in zip(*(r[1] for r in recorded), strict=True):
        k = len(theirs.times)
        assert k >= 200.0 / every
        np.testing.assert_array_equal(theirs.times, ours.times[:k])
        scale = np.abs(ours.values).max()
        np.testing.assert_allclose(theirs.values, ours.values[:k], rtol=0, atol=1e-9 * scale)
    for p in net.projections:
        np.testing.assert_array_equal(other.weights(p), p.weights)
        assert len(other.connections(p)) == len(p)


def test_random_input() -> None:
    net = sl.Network(seed=5, threads=1)
    model = sl.LIFDelta(V_th=1e3, tau_m=10.0)
    cells = net.population(100, model, name="cells")
    halves = np.repeat([1000.0, 3000.0], 50)
    net.inject(cells, sl.PoissonInput(rate=halves, weight=0.1))
    noisy = net.population(100, model, name="noisy")
    net.inject(noisy, sl.NoiseInput(mean=np.repeat([50.0, 100.0], 50), std=200.0, every=1.0))
    source = net.population(100, sl.PoissonSource(np.repeat([50.0, 200.0], 50)), name="source")
    net.connect(source, cells[:1], sl.AllToAll(), weight=0.0)
    other = net.to_nest(seed=7)
    assert nest.rng_seed == 7
    assert any("random" in note for note in other.notes)
    assert any("float32" in note for note in other.notes)
    v, w = other.record(cells[1:], "V_m", every=5.0), other.record(noisy, "V_m", every=5.0)
    spikes = other.record(source, "spikes")
    other.run(1000.0)
    late = v.values[v.times > 50.0] + 70.0  # rate weight tau_m
    assert late[:, :49].mean() == pytest.approx(1.0, rel=0.05)
    assert late[:, 49:].mean() == pytest.approx(3.0, rel=0.05)
    late = w.values[w.times > 50.0] + 70.0  # mean R
    assert late[:, :50].mean() == pytest.approx(2.0, rel=0.1)
    assert late[:, 50:].mean() == pytest.approx(4.0, rel=0.1)
    # A current held for 1 ms is an AR(1) process of the potential.
    a = np.exp(-0.1)
    assert late.std() > 0
    assert late[:, 50:].std() == pytest.approx(8.0 * (1 - a) / np.sqrt(1 - a**2), rel=0.05)
    counts = np.bincount(spikes.ids, minlength=100)
    assert counts[:50].mean() == pytest.approx(50.0, rel=0.05)
    assert counts[50:].mean() == pytest.approx(200.0, rel=0.05)
    assert len(np.unique(counts[50:])) > 10  # each has its own


def test_what_is_given_over_time() -> None:
    net = sl.Network(seed=5, threads=1, dtype="float64")
    cells = net.population(30, sl.LIF(V_th=-40.0), name="cells")
    net.inject(cells, sl.StepCurrent([1.0, 6.0, 15.0], [200.0, 350.0, 0.0]))
    net.inject(cells[5:8], sl.StepCurrent([9.0, 22.0], [[50.0, 60.0, 70.0], [-9.0, 0.0, 9.0]]))
    net.run(7.3)
    net.inject(cells[::2], sl.SineCurrent(np.linspace(0.0, 300.0, 15), 100.0, 40.0, 30.0))
    volley = net.population(20, sl.PulsePacket([5.0, 20.0], 3, 2.0), name="volley")
    net.connect(volley, cells, sl.FixedProbability(0.5), weight=40.0, delay=0.6)
    other = net.to_nest()
    ours, theirs = (x.record(cells, "V_m") for x in (net, other))
    spikes = [x.record(volley, "spikes") for x in (net, other)]
    net.run(30.0)
    other.run(30.0)
    k = len(theirs.times)
    assert k > 250
    assert np.ptp(ours.values) > 10.0
    np.testing.assert_allclose(theirs.values, ours.values[:k], rtol=0, atol=1e-9)
    assert len(spikes[0].times) > 60
    np.testing.assert_allclose(np.sort(spikes[1].times), np.sort(spikes[0].times))


def test_starts_and_stops() -> None:
    """Of currents, step for step; of random events, what arrives in each step."""
    net = sl.Network(seed=5, threads=1, dtype="float64")
    cells = net.population(12, sl.LIF(V_th=1e9, tau_syn_ex=1e-3), name="cells")
    net.inject(cells, sl.SineCurrent(90.0, 20.0, 40.0, 30.0, start=3.0, stop=12.0))
    net.inject(cells[:6], sl.NoiseInput(200.0, 0.0, start=9.0, stop=15.5))
    net.run(7.3)
    net.inject(cells[3:], sl.NoiseInput(-50.0, 0.0, start=18.0))
    wave = sl.SinusoidalPoisson(2e5, 1e5, 50.0, start=11.0, stop=19.0)
    rows = sl.InhomogeneousPoisson([1e5, 2e5], times=[10.0, 15.0])
    rates = (1e5, wave, rows)
    others = [net.population(4, cells.model, name=name) for name in "abc"]
    for other, rate in zip(others, rates, strict=True):
        net.inject(other, sl.PoissonInput(rate, 1.0, start=9.0, stop=17.0))
    sources = [
        net.population(20, sl.PoissonSource(4e4, start=9.0, stop=17.0)),
        net.population(20, wave),
    ]
    there = net.to_nest()
    v_m = [x.record(cells, "V_m") for x in (net, there)]
    arrived = [[x.record(other, "I_syn_ex") for other in others] for x in (net, there)]
    spikes = [[x.record(source, "spikes") for source in sources] for x in (net, there)]
    net.run(20.0)
    there.run(20.0)
    k = len(v_m[1].times)
    assert k > 180
    np.testing.assert_allclose(v_m[1].values, v_m[0].values[:k], rtol=0, atol=1e-9)
    assert np.ptp(v_m[0].values, axis=0).min() > 0.5
    for of_network in arrived:
        for found, first in zip(of_network, (9.1, 11.1, 10.1), strict=True):
            steps = np.flatnonzero(found.values.max(axis=1) > 1e-9)
            ends = np.asarray(found.times)[steps[[0, -1]]]
            np.testing.assert_allclose(ends, [first, 17.0])
    for of_network in spikes:
        for found, ends in zip(of_network, ([9.1, 17.0], [11.1, 19.0]), strict=True):
            np.testing.assert_allclose([found.times.min(), found.times.max()], ends)


@pytest.mark.parametrize("now", [0.0, 2.0])
def test_rows_of_rates_count_from_the_injection_and_not_from_the_start(now: float) -> None:
    net = sl.Network(seed=5, threads=1, dtype="float64")
    cells = net.population(4, sl.LIF(V_th=1e9, tau_syn_ex=1e-3))
    rows = sl.InhomogeneousPoisson([1e5, 0.0, 2e5], every=4.0)
    net.inject(cells, sl.PoissonInput(rows, 1.0, start=6.0, stop=11.0))
    net.run(now)
    both = (net, net.to_nest())
    arrived = [x.record(cells, "I_syn_ex") for x in both]
    for x in both:
        x.run(20.0)
    for found in arrived:
        steps = np.flatnonzero(found.values.max(axis=1) > 1e-9)
        np.testing.assert_allclose(np.asarray(found.times)[steps[[0, -1]]], [8.1, 11.0])


def test_rates_over_time() -> None:
    net = sl.Network(seed=5, threads=1, dtype="float64")
    model = sl.LIF(V_th=1e9, tau_syn_ex=1e-3)  # I_syn_ex is what arrived in the step
    n, steps = 400, 400
    wave = sl.SinusoidalPoisson(5e4, 4e4, 50.0, 60.0)
    given = sl.InhomogeneousPoisson([2e4, 0.0, 6e4], every=10.0)
    net.run(7.0)
    cells = [net.population(n, model, name=name) for name in "ab"]
    net.inject(cells[0], sl.PoissonInput(wave, 1.0))
    net.inject(cells[1], sl.PoissonInput(given, 1.0))
    sources = [net.population(n, what, name=name) for what, name in ((wave, "c"), (given, "d"))]
    for source in sources:
        net.connect(source, cells[0][:1], sl.AllToAll(), weight=0.0, delay=0.5)
    other = net.to_nest()
    means = []
    for x in (net, other):
        events = [x.record(c, "I_syn_ex") for c in cells]
        spikes = [x.record(s, "spikes") for s in sources]
        x.run(steps * 0.1)
        stamps = [np.rint(s.times * 10).astype(int) - round(x.t * 10) + steps for s in spikes]
        counts = [np.bincount(s, minlength=steps + 1)[1:] / n for s in stamps]
        means.append([e.values[: steps - 1].mean(axis=1) for e in events] + counts)
    expected = 5.0 + 4.0 * np.sin(
        2 * np.pi * 0.05 * (7.0 + 0.1 * np.arange(1, steps + 1)) + np.pi / 3
    )
    rows = np.repeat([2.0, 0.0, 6.0, 0.0], 100)
    for found in means:
        for mean, rates in zip(found, (expected, rows, expected, rows), strict=True):
            rate = rates[: len(mean)]
            assert (mean[rate == 0] < 1e-12).all()
            z = (mean - rate)[rate > 0] / np.sqrt(rate[rate > 0] / n)
            assert np.abs(z).max() < 5
            assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / len(z))


def test_random_input_starts_at_our_time_0() -> None:
    net = sl.Network(seed=5, threads=1, dtype="float64")
    many = net.population(50, sl.PoissonSource(1e6), name="many")
    cells = net.population(50, sl.LIF(V_th=1e9), name="cells")
    net.inject(cells, sl.PoissonInput(1e6, np.full(50, -1.0)))
    steady = net.population(1, sl.LIF(), name="steady")
    net.inject(steady, sl.NoiseInput(mean=100.0, std=0.0, every=0.5))
    net.connect(
        many, steady, sl.AllToAll(), weight=0.0, delay=0.4
    )  # generators are ahead by more than a step
    other = net.to_nest()
    spikes, current = other.record(many, "spikes"), other.record(cells, "I_syn_in")
    ours, theirs = (x.record(steady, "V_m") for x in (net, other))
    net.run(5.0)
    other.run(5.0)
    assert (np.bincount(np.rint(spikes.times * 10).astype(int), minlength=51)[1:] > 4000).all()
    assert spikes.times.min() == 0.1
    assert current.values[0].mean() == pytest.approx(-100.0, rel=0.05)
    k = len(theirs.times)
    assert k > 40
    np.testing.assert_allclose(theirs.values, ours.values[:k], rtol=0, atol=1e-12)


def test_kernel() -> None:
    net = sl.Network(seed=0, threads=1)
    cells = net.population(3, sl.LIF(I_e=500.0), name="cells")
    nest.ResetKernel()
    mine = nest.Create("iaf_psc_exp", 2)
    other = net.to_nest(reset_kernel=False)
    assert other.nodes("cells").tolist() == [3, 4, 5] == other.nodes(cells).tolist()
    assert other.nodes(cells[[2, 0]]).tolist() == [3, 5]
    other.run(10.0)
    assert (nest.biological_time, mine.V_m, other.t) == (10.0, (-70.0, -70.0), 10.0)
    with pytest.raises(ValueError, match=r"(?s)run to 10"):
        net.to_nest(reset_kernel=False)
    nest.ResetKernel()
    nest.resolution = 0.2
    with pytest.raises(ValueError, match=r"resolution is 0\.2"):
        net.to_nest(reset_kernel=False)
    net.to_nest()
    assert (nest.resolution, nest.network_size, nest.rng_seed) == (0.1, 3, 1)


def test_empty_populations_and_projections() -> None:
    net = sl.Network(threads=1, dtype="float64")
    cells = net.population(4, sl.LIFDelta(I_e=500.0), name="cells")
    silent = net.population(2, sl.SpikeSource([], np.zeros(0, int)))
    net.population(0, sl.PoissonSource(3.0))
    net.connect(silent, cells, sl.AllToAll(), weight=1e3, delay=2.0)
    nobody = (np.zeros(0, int), np.zeros(0, int))
    net.connect(silent, cells, nobody, plasticity=sl.STDP(coincidence="ignore"))
    net.inject(cells, sl.CurrentInput(np.zeros(0)))
    net.inject(cells, sl.CurrentInput(np.zeros((0, 4))))
    net.inject(cells[:0], sl.CurrentInput(np.ones(3)))
    other = net.to_nest()
    ours, theirs = (x.record(cells, "spikes") for x in (net, other))
    net.run(100.0)
    other.run(0.0)
    other.run(100.0)
    same_spikes(ours, theirs, at_least=10)
