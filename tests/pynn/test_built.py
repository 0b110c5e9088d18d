from __future__ import annotations

from typing import Any

import pytest
from pyNN.errors import ConnectionError as PyNNConnectionError

from spikelet.pynn.built import Plan, as_pynn
from spikelet.rules import AllToAll, FixedProbability, Uniform


def test_a_plan_has_numbers_and_distributions(sim: Any) -> None:
    draw = sim.RandomDistribution("uniform", (0.1, 0.2), rng=sim.NativeRNG())
    plan = Plan(AllToAll(), {"delay": 1.5}, {"weight": draw})
    assert plan.value("weight", 10.0) == Uniform(1.0, 2.0)
    assert plan.value("delay") == 1.5
    assert not plan.whole
    plan.update({"weight": 0.3})
    assert (plan.value("weight"), plan.random, plan.whole) == (0.3, {}, True)
    assert not Plan(FixedProbability(0.5), {}, {}).whole


def test_errors_of_the_network_are_those_of_pynn() -> None:
    with pytest.raises(PyNNConnectionError, match="invalid literal"):
        as_pynn(lambda: int("a"))
    assert as_pynn(lambda: 3) == 3


def test_nothing_is_listed_that_a_rule_says(sim: Any) -> None:
    """All to all, and what NativeRNG draws, costs no list of synapses."""
    cells = sim.Population(400, sim.IF_curr_exp())
    rng = sim.NativeRNG()
    for connector in (sim.AllToAllConnector(), sim.FixedProbabilityConnector(0.5, rng=rng)):
        projection = sim.Projection(
            cells, cells, connector, sim.StaticSynapse(weight=0.001, delay=1.0)
        )
        sim.run(1.0)
        assert projection._table is None
    native = sim.simulator.state.network.projections
    assert len(native[0]) == 160_000
    assert abs(len(native[1]) - 80_000) < 1500


def test_the_network_has_a_projection_for_each_pair_of_populations(sim: Any) -> None:
    a, b = sim.Population(3, sim.IF_curr_exp()), sim.Population(4, sim.IF_curr_exp())
    synapse = sim.StaticSynapse(weight="0.1 + 0.01*d", delay=1.0)
    projection = sim.Projection(a + b, b, sim.AllToAllConnector(), synapse)
    sim.run(0.1)
    native = sim.simulator.state.network.projections
    assert [(len(p.pre), len(p.post), len(p)) for p in native] == [(3, 4, 12), (4, 4, 16)]
    first = projection.get("weight", "array")
    projection.set(weight=first * 2)
    assert native[0].weights.reshape(3, 4) == pytest.approx(2000.0 * first[:3])
    assert native[1].weights.reshape(4, 4) == pytest.approx(2000.0 * first[3:])
