from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyNN import errors

import spikelet as sl
from spikelet.pynn.synapses import SynapseType


def _rule(sim: Any, synapse: Any) -> Any:
    """Return the network's rule of a projection with a synapse type."""
    cells = sim.Population(2, sim.IF_curr_exp())
    sim.Projection(cells, cells, sim.AllToAllConnector(), synapse, receptor_type="excitatory")
    sim.run(0.1)
    return sim.simulator.state.network.projections[-1].plasticity


def _pairs(sim: Any) -> Any:
    return sim.SpikePairRule(tau_plus=15.0, tau_minus=25.0, A_plus=0.02, A_minus=0.03)


def test_static_synapses_have_no_rule(sim: Any) -> None:
    assert _rule(sim, sim.StaticSynapse(weight=0.1, delay=1.0)) is None


DEPENDENCES = {
    "AdditiveWeightDependence": ({}, {"dependence": "additive"}, 0.006),
    "MultiplicativeWeightDependence": ({}, {"dependence": "multiplicative"}, 0.004),
    "AdditivePotentiationMultiplicativeDepression": (
        {},
        {"dependence": "power", "mu_plus": 0.0, "mu_minus": 1.0},
        0.004,
    ),
    "GutigWeightDependence": (
        {"mu_plus": 0.3, "mu_minus": 0.7},
        {"dependence": "power", "mu_plus": 0.3, "mu_minus": 0.7},
        0.004,
    ),
}


@pytest.mark.parametrize("name", DEPENDENCES)
def test_weight_dependences_are_those_of_stdp(sim: Any, name: str) -> None:
    given, expected, unit = DEPENDENCES[name]
    weights = getattr(sim, name)(w_min=0.002, w_max=0.006, **given)
    synapse = sim.STDPMechanism(
        _pairs(sim), weights, dendritic_delay_fraction=0.25, weight=0.003, delay=1.0
    )
    rule = _rule(sim, synapse)
    assert isinstance(rule, sl.STDP)
    assert (rule.tau_plus, rule.tau_minus, rule.pairing) == (15.0, 25.0, "all_to_all")
    assert (rule.coincidence, rule.axonal_fraction) == ("ignore", 0.75)
    assert (rule.w_min, rule.w_max) == pytest.approx((2.0, 6.0))  # pA
    assert (rule.A_plus, rule.A_minus) == pytest.approx((20.0 * unit, 30.0 * unit))
    assert {key: getattr(rule, key) for key in expected} == expected


def test_the_rule_of_vogels_aims_at_a_rate(sim: Any) -> None:
    timing = sim.Vogels2011Rule(tau=20.0, eta=1e-4, rho=3.0)
    weights = sim.AdditiveWeightDependence(w_min=0.0, w_max=0.01)
    rule = _rule(sim, sim.STDPMechanism(timing, weights, weight=0.001, delay=1.0))
    assert rule == sl.InhibitorySTDP(
        tau=20.0, eta=0.1, alpha=0.12, w_max=10.0, coincidence="ignore"
    )


def test_instances_do_not_share_translations(sim: Any) -> None:
    plain = sim.STDPMechanism(_pairs(sim), sim.AdditiveWeightDependence())
    power = sim.STDPMechanism(_pairs(sim), sim.GutigWeightDependence())
    assert "mu_plus" not in plain.translations
    assert power.get_parameter_names()[-2:] == ["mu_plus", "mu_minus"]


def test_short_term_plasticity_is_that_of_tsodyks_and_markram(sim: Any) -> None:
    rule = _rule(
        sim, sim.TsodyksMarkramSynapse(U=0.2, tau_rec=300.0, tau_facil=50.0, weight=0.1, delay=1.0)
    )
    assert rule == sl.TsodyksMarkram(U=0.2, tau_rec=300.0, tau_fac=50.0, tau_psc=5.0)


def test_the_delay_is_the_shortest_by_default(sim: Any) -> None:
    sim.setup(timestep=0.1, min_delay=0.7)
    cells = sim.Population(2, sim.IF_curr_exp())
    synapses = sim.StaticSynapse(), sim.STDPMechanism(_pairs(sim), sim.AdditiveWeightDependence())
    for synapse in synapses:
        projection = sim.Projection(cells, cells, sim.OneToOneConnector(), synapse)
        assert projection.get("delay", "list", with_address=False) == [0.7, 0.7]


WEIGHT = 1e-4  # uS


def _released(sim: Any, synapse: Any, cells: int) -> Any:
    """Return what each spike of a train of 50 Hz transmits to each cell, as multiples of the weight."""
    times = np.arange(10.0, 210.0, 20.0)
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=times))
    targets = sim.Population(cells, sim.IF_cond_exp(tau_syn_E=0.5))
    sim.Projection(source, targets, sim.AllToAllConnector(), synapse)
    targets.record("gsyn_exc")
    sim.run(220.0)
    conductance = targets.get_data().segments[0].analogsignals[0].magnitude
    return conductance[np.rint((times + 1.0) / 0.1).astype(int)] / WEIGHT


def test_a_stochastic_synapse_transmits_with_its_probability(sim: Any) -> None:
    p = np.array([0.0, 0.25, 0.75, 1.0]).repeat(1000)
    synapse = sim.SimpleStochasticSynapse(weight=WEIGHT, delay=1.0, p=p[None])
    got = np.rint(_released(sim, synapse, len(p))).reshape(-1, 4, 1000)
    assert not got[:, 0].any()
    assert (got[:, 3] == 1).all()
    assert set(np.unique(got)) == {0, 1}
    error = np.sqrt(0.25 * 0.75 / got[:, 1].size)
    assert abs(got[:, 1].mean() - 0.25) < 4 * error
    assert abs(got[:, 2].mean() - 0.75) < 4 * error
    cells = np.corrcoef(got[:, 1])  # of the spikes, over the synapses: each draws anew
    assert abs(cells[np.triu_indices(len(cells), 1)]).max() < 4 / np.sqrt(1000)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("StochasticTsodyksMarkramSynapse", {}),
        ("StochasticTsodyksMarkramSynapse", {"tau_facil": 300.0}),
        ("MultiQuantalSynapse", {"n": 5}),
        ("MultiQuantalSynapse", {"n": 16, "tau_facil": 300.0}),
    ],
)
def test_release_sites_release_and_recover_at_random(sim: Any, name: str, more: Any) -> None:
    """Sites are independent, so that mean and variance are those of n chains of two states."""
    synapse = getattr(sim, name)(weight=WEIGHT, delay=1.0, U=0.3, tau_rec=100.0, **more)
    got, n = np.rint(_released(sim, synapse, 3000)), more.get("n", 1)
    tau_facil = more.get("tau_facil", 1e-9)
    u = 0.3 * np.exp(-10.0 / tau_facil) if name == "MultiQuantalSynapse" else 0.0
    full = 1.0
    for transmitted in got:
        u += 0.3 * (1 - u)
        q = full * u
        assert abs(transmitted.mean() - n * q) < 4 * np.sqrt(n * q * (1 - q) / 3000)
        assert transmitted.var() == pytest.approx(n * q * (1 - q), rel=0.15)
        u *= np.exp(-20.0 / tau_facil)
        full = 1 - (1 - full + q) * np.exp(-20.0 / 100.0)


def test_release_that_there_is_not_is_refused(sim: Any) -> None:
    cells = sim.Population(2, sim.IF_curr_exp())
    for synapse, message in [
        (sim.MultiQuantalSynapse(n=17), "MultiQuantalSynapse: n must be .* 1 to 16 sites .* got 17"),
        (sim.StochasticTsodyksMarkramSynapse(tau_rec=np.array([[1.0, 2.0], [3.0, 4.0]])),
         "StochasticTsodyksMarkramSynapse: tau_rec must be the same"),
    ]:  # fmt: skip
        with pytest.raises(NotImplementedError, match=message):
            sim.Projection(cells, cells, sim.AllToAllConnector(), synapse)
    with pytest.raises(errors.ConnectionError, match=r"tau_rec must be > 0 .* got 0 and 0"):
        sim.Projection(cells, cells, sim.AllToAllConnector(), sim.MultiQuantalSynapse(tau_rec=0.0))
    for synapse in (sim.SimpleStochasticSynapse(p=1.5), sim.MultiQuantalSynapse(U=1.5)):
        with pytest.raises(
            errors.ConnectionError, match=r": [pU] must be a probability .* got 1\.5"
        ):
            sim.Projection(cells, cells, sim.AllToAllConnector(), synapse)
    none = sim.FixedProbabilityConnector(0.0)
    for synapse in (sim.SimpleStochasticSynapse(p=0.5), sim.MultiQuantalSynapse(n=2)):
        assert len(sim.Projection(cells, cells, none, synapse)) == 0
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), sim.MultiQuantalSynapse(n=3))
    projection.initialize(a=3, u=projection.synapse_type.parameter_space["U"])
    with pytest.raises(NotImplementedError, match=r"a must be 3.*begin at rest, got 2"):
        projection.initialize(a=2)
    with pytest.raises(
        NotImplementedError, match="ElectricalSynapse: spikelet has no gap junctions"
    ):
        sim.ElectricalSynapse(weight=0.1)


def test_combinations_that_there_are_not_are_refused(sim: Any) -> None:
    pairs, additive = _pairs(sim), sim.AdditiveWeightDependence()
    with pytest.raises(errors.NoModelAvailableError, match="plasticity models"):
        sim.STDPMechanism(sim.Vogels2011Rule(), sim.MultiplicativeWeightDependence())
    with pytest.raises(errors.NoModelAvailableError, match="needs both"):
        sim.STDPMechanism(pairs)
    with pytest.raises(NotImplementedError, match="voltage_dependence"):
        sim.STDPMechanism(pairs, additive, object())
    cells = sim.Population(2, sim.IF_curr_exp())
    refused = [
        (sim.SpikePairRule(tau_plus=np.array([[1.0, 2.0], [3.0, 4.0]])), additive, NotImplementedError, "tau_plus must be the same"),
        (pairs, sim.AdditiveWeightDependence(w_min=-1.0, w_max=0.0), NotImplementedError, "w_max must be > 0"),
        (sim.Vogels2011Rule(), sim.AdditiveWeightDependence(w_min=0.1), NotImplementedError, "w_min must be 0"),
        (sim.SpikePairRule(tau_plus=-1.0), additive, errors.ConnectionError, "tau_plus must be > 0"),
    ]  # fmt: skip
    for timing, weights, error, message in refused:
        with pytest.raises(error, match=message):
            sim.Projection(
                cells,
                cells,
                sim.AllToAllConnector(),
                sim.STDPMechanism(timing, weights),
                receptor_type="excitatory",
            )
    assert sim.simulator.state.projections == []


def test_synapse_types_of_other_simulators_are_refused(sim: Any) -> None:
    from pyNN.standardmodels import synapses  # noqa: PLC0415

    cells = sim.Population(2, sim.IF_curr_exp())

    class Other(synapses.StaticSynapse):  # type: ignore[misc]
        def _get_minimum_delay(self) -> float:
            return 0.1

    with pytest.raises(NotImplementedError, match="Other is not of spikelet"):
        sim.Projection(cells, cells, sim.AllToAllConnector(), Other())
    with pytest.raises(NotImplementedError):
        SynapseType().plasticity({}, 1.0)
