"""A network and the one that `to_nest` makes of it: the same spikes, states and weights."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import spikelet as sl

nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")

MODELS = (sl.LIF, sl.LIFAlpha, sl.LIFDelta)
IGNORE: dict[str, Any] = {"coincidence": "ignore"}


@pytest.fixture(autouse=True)
def quiet() -> None:
    nest.verbosity = nest.VerbosityLevel.ERROR


def same_spikes(ours: Any, theirs: Any, at_least: int = 50) -> None:
    """Fail unless both recorded the same spikes, and some."""
    assert len(ours.times) >= at_least, "the case would show little"
    later = ours.times > 0.0  # see NestNetwork.record
    np.testing.assert_array_equal(theirs.times, ours.times[later])
    np.testing.assert_array_equal(theirs.ids, ours.ids[later])


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


def test_going_on_from_a_state() -> None:
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


# --- plasticity ------------------------------------------------------------------------------------

PAIR: dict[str, Any] = {"tau_plus": 15.0, "tau_minus": 25.0, "w_max": 100.0, **IGNORE}
TRIPLET: dict[str, Any] = {"tau_minus": 25.0, "tau_minus_triplet": 60.0, "w_max": 100.0, **IGNORE}
POWERS = {"mu_plus": 0.4, "mu_minus": 1.3}
RULES: dict[str, Any] = {
    "additive": sl.STDP(A_plus=2.0, A_minus=1.5, **PAIR),
    "down": sl.STDP(A_plus=0.0, A_minus=1.5, **PAIR),
    "up": sl.STDP(A_plus=1.0, A_minus=0.0, **PAIR),
    "multiplicative": sl.STDP(A_plus=2.0, A_minus=1.5, dependence="multiplicative", **PAIR),
    "power": sl.STDP(A_plus=2.0, A_minus=1.5, dependence="power", **POWERS, **PAIR),
    "power_law": sl.STDP(A_plus=0.1, A_minus=0.02, dependence="power_law", mu_plus=0.4, **PAIR),
    "power_law down": sl.STDP(A_plus=0, A_minus=0.02, dependence="power_law", mu_plus=1, **PAIR),
    "symmetric": sl.STDP(A_plus=2.0, A_minus=1.5, pairing="nearest_symmetric", **PAIR),
    "centered": sl.STDP(A_plus=2.0, A_minus=1.5, pairing="nearest_pre_centered", **PAIR),
    "triplet": sl.TripletSTDP(A_plus=1.0, A_minus=1.5, A_plus_triplet=2.0, **TRIPLET),
    "tsodyks": sl.TsodyksMarkram(U=0.3, tau_rec=100.0, tau_fac=30.0, tau_psc=3.0),
    "tsodyks2": sl.TsodyksMarkram(U=0.3, tau_rec=100.0, tau_fac=30.0),
}


def plastic(
    rule: Any, weight: Any, case: int, current: float = 0.0
) -> tuple[sl.Network, list[sl.Projection]]:
    """Draw a network with plastic synapses from sources and among neurons; in the last step all of them spike."""
    rng = np.random.default_rng([case, 9])
    net = sl.Network(seed=case, threads=1, dtype="float64")
    cells = net.population(
        30, sl.LIF(t_ref=0.0, I_e=current + rng.uniform(300.0, 420.0, 30)), name="cells"
    )
    cells.V_m = sl.Uniform(-70.0, -56.0)
    end = 3000
    stamps = np.append(np.sort(rng.integers(0, end - 2, 600)), np.full(20, end))
    ids = np.append(rng.integers(0, 20, 600), np.arange(20))
    source = net.population(20, sl.SpikeSource(stamps * 0.1, ids), name="source")
    kick = net.population(1, sl.SpikeSource([(end - 2) * 0.1], [0]), name="kick")
    net.connect(kick, cells, sl.AllToAll(), weight=1e9, delay=0.1)
    kwargs: Any = {"weight": weight, "delay": sl.Uniform(0.1, 5.0), "plasticity": rule}
    out = [net.connect(source, cells, sl.FixedProbability(0.4), **kwargs)]
    out.append(net.connect(cells, cells, sl.FixedIndegree(8), **kwargs))
    return net, out


def compare_weights(
    net: sl.Network, projections: list[sl.Projection], *, moved: bool = True
) -> None:
    """Run both to the spikes of the last step, and let NEST deliver these."""
    other = net.to_nest()
    assert not any("left out" in note for note in other.notes)
    before = [p.weights for p in projections]
    ours, theirs = (x.record(net.populations[0], "spikes") for x in (net, other))
    net.run(300.0)
    other.run(300.0)
    same_spikes(ours, theirs, at_least=100)
    other.run(net.dt)  # slices are of one step here
    for p, first in zip(projections, before, strict=True):
        weights, scale = p.weights, np.abs(first).max()
        assert (np.abs(weights - first).mean() > 0.01 * scale) == moved
        np.testing.assert_allclose(other.weights(p), weights, rtol=0, atol=1e-9 * scale)


@pytest.mark.parametrize("case", range(2))
@pytest.mark.parametrize("name", RULES)
def test_plastic_weights(name: str, case: int) -> None:
    compare_weights(
        *plastic(RULES[name], sl.Uniform(10.0, 90.0), case), moved="tsodyks" not in name
    )


@pytest.mark.parametrize("case", range(2))
def test_inhibitory_plasticity(case: int) -> None:
    rule = sl.InhibitorySTDP(eta=1.0, alpha=0.9, w_max=100.0, **IGNORE)
    net, projections = plastic(rule, sl.Uniform(-90.0, -10.0), case, current=200.0)
    projections[0].weights = np.where(
        np.arange(len(projections[0])) < 9, -0.0, projections[0].weights
    )
    compare_weights(net, projections)


def test_restricted_pairs() -> None:
    """Without ties, after which NEST's rule depresses: pres are at the synapse at even steps, posts at odd ones."""
    limits = {**PAIR, "w_max": 0.01}  # mV, which move nobody
    rule = sl.STDP(A_plus=2e-4, A_minus=1.5e-4, pairing="nearest_restricted", **limits)
    net = sl.Network(seed=1, threads=1, dtype="float64")
    rng = np.random.default_rng(4)
    cells = net.population(10, sl.LIFDelta(t_ref=0.0), name="cells")
    pre, post = (np.sort(rng.choice(1400, 300, replace=False)) * 2 + k for k in (2, 3))
    kicks = net.population(10, sl.SpikeSource(post * 0.1, rng.integers(0, 10, 300)))
    times, ids = np.append(pre, [2998] * 5), np.append(rng.integers(0, 5, 300), range(5))
    source = net.population(5, sl.SpikeSource(times * 0.1, ids))
    net.connect(kicks, cells, sl.OneToOne(), weight=100.0, delay=0.2)
    given = {"weight": rng.uniform(1e-3, 9e-3, 50), "delay": rng.integers(1, 20, 50) * 0.2}
    p = net.connect(source, cells, np.divmod(np.arange(50), 10), plasticity=rule, **given)
    before, other = p.weights, net.to_nest()
    assert any("restr" in note for note in other.notes)
    net.run(299.8)
    other.run(300.8)
    assert np.abs(p.weights - before).mean() > 1e-4
    np.testing.assert_allclose(other.weights(p), p.weights, rtol=0, atol=1e-11)


def test_inhibitory_conductances_learn_by_magnitude() -> None:
    """NEST's weights are negative there."""
    net = sl.Network(seed=1, threads=1, dtype="float64")
    cells = net.population(5, sl.LIFCond(I_e=500.0), name="cells")
    source = net.population(5, sl.SpikeSource([10.0, 30.0] + [50.0] * 5, [0, 1, 0, 1, 2, 3, 4]))
    rule = sl.STDP(A_plus=0.1, A_minus=0.05, **IGNORE)
    p = net.connect(source, cells, sl.AllToAll(), weight=0.3, receptor="in", plasticity=rule)
    other = net.to_nest()
    net.run(50.0)
    other.run(60.0)
    assert (np.asarray(other.connections(p).weight) <= 0).all()
    assert np.ptp(p.weights) > 0.05
    np.testing.assert_allclose(other.weights(p), p.weights, atol=2e-3)  # spikes may be a step apart


# --- what is refused, and options -------------------------------------------------------------------


def test_all_obstacles_are_named_at_once() -> None:
    net = sl.Network(dt=0.0625, seed=1)
    a = net.population(5, sl.IF(), name="a")
    b = net.population(5, sl.LIF(reset="subtract", theta_plus=1.0), name="b")
    c = net.population(5, sl.LIF(), name="c")
    net.connect(a, b, sl.AllToAll(), plasticity=sl.DiehlCookSTDP())
    net.connect(a, b, sl.AllToAll(), plasticity=sl.RewardSTDP())
    p = net.connect(b, c, sl.AllToAll(), plasticity=sl.STDP(axonal_fraction=0.5, w_min=0.1))
    net.connect(b, c, sl.AllToAll(), weight=-3.0, receptor="excitatory")
    net.connect(a, c, sl.AllToAll(), plasticity=sl.STDP(tau_minus=11.0))
    net.connect(b, c, sl.AllToAll(), plasticity=sl.STDP(tau_minus=12.0))
    up = sl.STDP(dependence="power_law", mu_plus=0.4, pairing="nearest_symmetric")
    net.connect(a, a, sl.AllToAll(), plasticity=up)
    signs = sl.InhibitorySTDP(w_max=3.0)
    net.connect(b, a, sl.AllToAll(), weight=sl.Uniform(-1, 1), plasticity=signs)
    net.regulate(p, sl.WeightNormalisation(total=1.0, every=1.0))
    nest.ResetKernel()
    nest.Create("iaf_psc_exp", 3)
    with pytest.raises(ValueError, match="NEST cannot represent this network") as error:
        net.to_nest(approximate=True)
    text = str(error.value)
    expected = (
        "dt = 0.0625", "a: NEST has no model like IF", 'b: reset="subtract"', "b: the adaptive threshold",
        "DiehlCookSTDP", "RewardSTDP", "axonal_fraction", "w_min", "-3 pA", "12 and 11 ms",
        "for all pairs only", "weights of one sign", "WeightNormalisation",
    )  # fmt: skip
    for part in expected:
        assert part in text
    assert nest.network_size == 3, "nothing was changed"


def test_state_that_nest_cannot_take() -> None:
    net = sl.Network(seed=1, threads=1)
    cells = net.population(10, sl.LIF(I_e=400.0), name="cells")
    alpha = net.population(1, sl.LIFAlpha(), name="alpha")
    alpha.dI_syn_ex, cells.I_syn_in = 3.0, 5.0
    p = net.connect(cells, cells, sl.AllToAll(), weight=0.1, delay=5.0, plasticity=sl.STDP())
    spikes = net.record(cells, "spikes")
    while not len(spikes.times):
        net.run(1.0)
    with pytest.raises(ValueError, match=r"(?s)in flight.*approximate=True.*reset\(\)") as error:
        net.to_nest()
    for part in (
        "refractory neurons of cells",
        "I_syn_in",
        "alpha: synaptic",
        "traces",
        "coincidence",
    ):
        assert part in str(error.value)
    other = net.to_nest(approximate=True)
    assert (
        len(other.notes) == 1 + len(str(error.value).splitlines()) - 2
    )  # float32, and what was named
    np.testing.assert_array_equal(other.nodes(cells).V_m, np.asarray(cells.V_m, dtype=float))
    np.testing.assert_array_equal(other.weights(p), p.weights)
    net.reset()
    alpha.dI_syn_ex, cells.I_syn_in = 0.0, 0.0
    with pytest.raises(ValueError, match="coincidence") as error:
        net.to_nest()
    assert len(str(error.value).splitlines()) == 3


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


def test_things_of_no_size() -> None:
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
