"""Models and plasticity in NEST's terms, and what has none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.nest_twins import same_spikes

import spikelet as sl

pytestmark = pytest.mark.usefixtures("fresh_nest")

nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")
IGNORE: dict[str, Any] = {"coincidence": "ignore"}


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
    "tsodyks by synapse": sl.TsodyksMarkram(
        U=sl.Uniform(0.1, 0.9),
        tau_rec=sl.Uniform(50.0, 300.0),
        tau_fac=sl.Uniform(5.0, 60.0),
        tau_psc=sl.Uniform(2.0, 4.0),
    ),
    "tsodyks2 by synapse": sl.TsodyksMarkram(U=sl.Uniform(0.1, 0.9), tau_rec=100.0, tau_fac=30.0),
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
    limits = {**PAIR, "w_max": 0.01}  # mV, too small to cause spikes
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


@pytest.mark.filterwarnings("ignore:connect .* weight")
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
    net.regulate(p, sl.WeightNormalization(total=1.0, every=1.0))
    net.inject(c, sl.PoissonInput(100.0, 1.0, receptor="in"))
    nest.ResetKernel()
    nest.Create("iaf_psc_exp", 3)
    with pytest.raises(ValueError, match="NEST cannot represent this network") as error:
        net.to_nest(approximate=True)
    text = str(error.value)
    expected = (
        "dt = 0.0625", "a: NEST has no model like IF", 'b: reset="subtract"', "b: the adaptive threshold",
        "DiehlCookSTDP", "RewardSTDP", "axonal_fraction", "w_min", "-3 pA", "12 and 11 ms",
        "for all pairs only", "weights of one sign", "WeightNormalization",
        "PoissonInput to c with receptor='in'",
    )  # fmt: skip
    for part in expected:
        assert part in text
    assert nest.network_size == 3, "nothing was changed"


def test_states_that_nest_cannot_represent() -> None:
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
        "alpha: I_syn_ex and dI_syn_ex, which cannot be set",
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
