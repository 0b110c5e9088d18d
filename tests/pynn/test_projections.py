from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyNN import common, errors
from pyNN.space import Space

import spikelet as sl

sys.path.insert(0, str(Path(__file__).parents[1] / "ranks"))
import launch


def _cells(sim: Any, n: int = 5, **more: Any) -> Any:
    return sim.Population(n, sim.IF_cond_exp(), label=f"{n} cells", **more)


def _stdp(sim: Any, weight: Any = 0.002, **more: Any) -> Any:
    return sim.STDPMechanism(
        sim.SpikePairRule(A_plus=0.05, A_minus=0.05), sim.AdditiveWeightDependence(w_max=0.01), weight=weight, delay=1.0, **more
    )  # fmt: skip


def test_connections_are_listed_by_source_then_target(sim: Any) -> None:
    projection = sim.Projection(
        _cells(sim, 2),
        _cells(sim, 3),
        sim.AllToAllConnector(),
        sim.StaticSynapse(weight=0.1, delay=0.5),
    )
    pairs = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert projection.get(["weight", "delay"], "list") == [(i, j, 0.1, 0.5) for i, j in pairs]
    assert projection.get("delay", "list", with_address=False) == [0.5] * 6
    assert projection.get(["weight"], "list", with_address=False) == [(0.1,)] * 6
    assert projection.get("weight", "array").tolist() == [[0.1] * 3] * 2
    assert (len(projection), projection.size(), projection.shape) == (6, 6, (2, 3))
    assert projection.label == "2 cells→3 cells"
    assert "2 cells" in projection.describe()


def test_several_connections_of_a_pair_are_combined(sim: Any) -> None:
    rows = [(0, 0, 0.2, 1.0), (0, 0, 0.1, 2.0), (0, 0, 0.4, 3.0), (1, 0, 0.5, 1.0)]
    projection = sim.Projection(_cells(sim, 2), _cells(sim, 2), sim.FromListConnector(rows))
    expected = {"sum": 0.7, "first": 0.2, "last": 0.4, "min": 0.1, "max": 0.4}
    for how, value in expected.items():
        found = projection.get("weight", "array", multiple_synapses=how)
        assert found[0, 0] == pytest.approx(value)
        assert found[1, 0] == 0.5
        assert np.isnan(found[:, 1]).all()


def test_a_connection_is_an_object(sim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = _cells(sim, 3)
    projection = sim.Projection(
        cells, cells, sim.AllToAllConnector(), sim.TsodyksMarkramSynapse(weight=0.1, U=0.3)
    )
    connections = list(projection.connections)
    assert len(connections) == 9
    one = projection[5]
    assert isinstance(one, common.Connection)
    assert (one.presynaptic_index, one.postsynaptic_index) == (1, 2)
    assert (one.source, one.postsynaptic_cell) == (cells[1], cells[2])
    one.weight, one.U = 0.2, 0.6
    assert one.as_tuple("weight", "U") == (0.2, 0.6)
    assert projection.get("weight", "array").sum() == pytest.approx(1.0)
    assert projection[-1].U == 0.3
    assert [c.weight for c in projection[4:7]] == [0.1, 0.2, 0.1]
    with pytest.raises(AttributeError, match="no 'tau_plus'"):
        _ = one.tau_plus
    with pytest.raises(AttributeError, match="no 'color' that can be set"):
        one.color = 1.0
    with pytest.raises(IndexError, match="there are 9 connections, got 9"):
        projection[9]
    monkeypatch.setattr(sim.Projection, "num_processes", 2)
    with pytest.raises(NotImplementedError, match=r"use Projection.set, in all of them"):
        one.weight = 0.3


def test_parameters_can_be_set_before_and_between_runs(sim: Any) -> None:
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0, 21.0, 41.0]))
    cells = _cells(sim, 4)
    projection = sim.Projection(
        source, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=0.01, delay=1.0)
    )
    cells.record("gsyn_exc")
    projection.set(delay=[1.0, 2.0, 3.0, 4.0], weight=0.02)
    sim.run(10.0)
    g = cells.get_data().segments[0].analogsignals[0].magnitude
    assert [int(np.flatnonzero(column)[0]) for column in g.T] == [20, 30, 40, 50]
    assert np.allclose(g.max(axis=0), 0.02)
    projection.set(weight=lambda d: 0.01 * (1 + d))
    projection[0].weight = 0.05
    sim.run(30.0)
    g = cells.get_data().segments[0].analogsignals[0].magnitude
    assert np.allclose(g[215:].max(axis=0), [0.05, 0.02, 0.03, 0.04], rtol=0.05)
    assert projection.get("weight", "list", with_address=False) == [0.05, 0.02, 0.03, 0.04]
    projection.set(delay=[1.0, 2.0, 3.0, 4.0])  # as they are
    with pytest.raises(NotImplementedError, match="delay is fixed once the network is built"):
        projection.set(delay=1.0)


def test_delays_are_those_of_the_grid(sim: Any) -> None:
    cells = _cells(sim, 3)
    projection = sim.Projection(
        cells, cells, sim.OneToOneConnector(), sim.StaticSynapse(delay="0.95 + d")
    )
    assert projection.get("delay", "list", with_address=False) == pytest.approx([1.0] * 3)
    projection.set(delay=[0.3, 0.14, 0.16])
    assert projection.get("delay", "list", with_address=False) == pytest.approx([0.3, 0.1, 0.2])


@pytest.mark.parametrize("native", [True, False])
def test_what_is_read_does_not_change_what_follows(sim: Any, native: bool) -> None:
    counts = []
    for look in (True, False):
        sim.setup(timestep=0.1, threads=1)
        rng = sim.NativeRNG() if native else sim.NumpyRNG(1)
        cells = sim.Population(60, sim.IF_curr_exp(i_offset=0.85))
        cells.initialize(v=sim.RandomDistribution("uniform", (-65.0, -50.0), rng=sim.NumpyRNG(2)))
        made = []
        for weight in (0.2, 0.4):
            value = sim.RandomDistribution("uniform", (0.0, weight), rng=rng)
            synapse = sim.StaticSynapse(weight=value, delay=1.0)
            made.append(
                sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.2, rng=rng), synapse)
            )
        if look:
            assert made[1].get("weight", "array").shape == (60, 60)
        cells.record("spikes")
        sim.run(200.0)
        counts.append([train.tolist() for train in cells.get_data().segments[0].spiketrains])
    assert counts[0] == counts[1]
    assert sum(map(len, counts[0])) > 100


def test_distances_follow_the_space(sim: Any) -> None:
    cells = _cells(sim, 4)
    cells.positions = np.array([[0.0, 30.0, 60.0, 95.0], [0.0, 40.0, 0.0, 0.0], [0.0] * 4])
    synapse = sim.StaticSynapse(weight="d", delay=1.0)
    plain = sim.Projection(cells[:1], cells, sim.AllToAllConnector(), synapse)
    assert plain.get("weight", "array")[0].tolist() == [0.0, 50.0, 60.0, 95.0]
    ring = Space(axes="x", periodic_boundaries=((0.0, 100.0), None, None))
    around = sim.Projection(cells[:1], cells, sim.AllToAllConnector(), synapse, space=ring)
    assert around.get("weight", "array")[0].tolist() == [0.0, 30.0, 40.0, 5.0]


def test_targets_of_an_assembly_have_receptors_of_their_own(sim: Any) -> None:
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    one = sim.Population(1, sim.IF_curr_exp(tau_syn_E=1.0))
    parts = sim.PointNeuron(
        sim.LIF(), inhibitory=sim.CurrExpPostSynapticResponse(tau_syn=9.0), excitatory=sim.CurrExpPostSynapticResponse(tau_syn=1.0)
    )  # fmt: skip
    other = sim.Population(1, parts)
    delta = sim.Population(1, sim.IF_curr_delta())
    sim.Projection(
        source,
        one + other + delta,
        sim.AllToAllConnector(),
        sim.StaticSynapse(weight=0.4, delay=1.0),
        receptor_type="excitatory",
    )
    for each in (one, other, delta):
        each.record("v")
    sim.run(8.0)
    v = [
        each.get_data().segments[0].analogsignals[0].magnitude[:, 0] for each in (one, other, delta)
    ]
    assert np.allclose(v[0], v[1], atol=1e-9)
    assert v[0].max() > -64.8
    assert v[2].max() == pytest.approx(-64.6)  # mV, not nA


def test_the_receptor_follows_from_the_sign(sim: Any) -> None:
    cells = sim.Population(3, sim.IF_curr_exp())
    negative = sim.Projection(cells, cells, sim.AllToAllConnector(), sim.StaticSynapse(weight=-0.1))
    assert negative.receptor_type == "inhibitory"
    assert sim.Projection(cells, cells, sim.AllToAllConnector()).receptor_type == "excitatory"


def test_weights_of_the_wrong_sign_are_refused(sim: Any) -> None:
    cells = _cells(sim)
    for weight, receptor in ((-0.1, "excitatory"), (-0.1, "inhibitory")):
        with pytest.raises(errors.ConnectionError, match="Weights must be positive"):
            sim.Projection(
                cells,
                cells,
                sim.AllToAllConnector(),
                sim.StaticSynapse(weight=weight),
                receptor_type=receptor,
            )
    projection = sim.Projection(
        cells, cells, sim.AllToAllConnector(safe=False), sim.StaticSynapse(weight=0.1)
    )
    with pytest.raises(errors.ConnectionError, match="Weights must be"):
        projection.set(weight=-0.1)
    assert projection.get("weight", "array").min() == 0.1


@pytest.mark.filterwarnings("ignore:.*hyperpolarises:UserWarning")
@pytest.mark.parametrize("native", [True, False])
def test_an_unsafe_connector_takes_weights_of_any_sign(sim: Any, native: bool) -> None:
    """Before and after changes, too; conductances stay positive."""
    cells = sim.Population(5, sim.IF_curr_exp())
    drawn = sim.NativeRNG() if native else sim.NumpyRNG(1)
    for connector in (
        sim.AllToAllConnector(safe=False),
        sim.FixedProbabilityConnector(0.9, rng=drawn, safe=False),
    ):
        synapse = sim.StaticSynapse(weight=-0.1, delay=1.0)
        projection = sim.Projection(cells, cells, connector, synapse, receptor_type="excitatory")
        projection.set(delay=2.0)
        projection.set(weight=-0.2)
        assert set(projection.get("weight", "list", with_address=False)) == {-0.2}
        post = sim.Population(2, sim.IF_cond_exp())
        with pytest.raises(errors.ConnectionError, match="must be positive"):
            sim.Projection(cells, post, connector, synapse, receptor_type="excitatory")


def test_plastic_weights_are_read_and_set_between_runs_and_go_back_at_a_reset(sim: Any) -> None:
    source = sim.Population(
        2,
        sim.SpikeSourceArray(
            spike_times=[np.arange(5.0, 100.0, 10.0), np.arange(9.0, 100.0, 10.0)]
        ),
    )
    cells = sim.Population(1, sim.IF_curr_exp(i_offset=1.2, tau_refrac=8.0))
    projection = sim.Projection(
        source, cells, sim.AllToAllConnector(), _stdp(sim), receptor_type="excitatory"
    )
    assert projection.get("weight", "list") == [(0, 0, 0.002), (1, 0, 0.002)]
    sim.run(50.0)
    first = projection.get("weight", "array")
    assert np.ptp(first) > 1e-4
    sim.reset()
    assert projection.get("weight", "array").tolist() == [[0.002], [0.002]]
    sim.run(50.0)
    assert np.array_equal(projection.get("weight", "array"), first)
    projection.set(weight=0.004)
    assert projection.get("weight", "list", with_address=False) == [0.004, 0.004]
    projection.set(A_plus=0.0, A_minus=0.0)
    sim.run(50.0)
    assert projection.get("weight", "list", with_address=False) == [0.004, 0.004]
    with pytest.raises(NotImplementedError, match="tau_plus"):
        projection.set(tau_plus=30.0)
    assert projection.get("tau_plus", "array").tolist() == [[20.0], [20.0]]
    with pytest.raises(errors.ConnectionError, match=r"weights must lie in \[0, 0.01\]"):
        projection.set(weight=0.02)


def test_short_term_plasticity_takes_the_time_constants_of_its_targets(sim: Any) -> None:
    cells = sim.Population(3, sim.IF_curr_exp(tau_syn_E=[1.0, 2.0, 3.0]))
    sim.Projection(
        _cells(sim, 2), cells, sim.AllToAllConnector(), sim.TsodyksMarkramSynapse(weight=0.1, U=0.3)
    )
    sim.run(0.1)
    rule = sim.simulator.state.network.projections[-1].plasticity
    assert isinstance(rule, sl.TsodyksMarkram)
    assert rule.tau_psc.tolist() == [1.0, 2.0, 3.0] * 2
    assert rule.U == 0.3


def test_what_does_not_exist_is_named(sim: Any) -> None:
    cells = _cells(sim)
    projection = sim.Projection(cells, cells, sim.AllToAllConnector())
    with pytest.raises(errors.NonExistentParameterError, match="U"):
        projection.get("U", "list")
    with pytest.raises(errors.NonExistentParameterError, match="U"):
        projection.set(U=0.5)
    with pytest.raises(ValueError, match="format must be 'list' or 'array', got 'table'"):
        projection.get("weight", "table")
    with pytest.raises(ValueError, match="multiple_synapses must be one of"):
        projection.get("weight", "array", multiple_synapses="mean")
    with pytest.raises(
        errors.InvalidDimensionsError, match="one value for each of the 25 connections, got 3"
    ):
        projection.set(weight=[0.1, 0.2, 0.3])
    with pytest.raises(NotImplementedError, match="source must be None"):
        sim.Projection(cells, cells, sim.AllToAllConnector(), source="axon")
    with pytest.raises(TypeError, match="BaseSynapseType"):
        sim.Projection(cells, cells, sim.AllToAllConnector(), 0.1)
    with pytest.raises(errors.ConnectionError, match="AMPA"):
        sim.Projection(cells, cells, sim.AllToAllConnector(), receptor_type="AMPA")
    sources = sim.Population(2, sim.SpikeSourcePoisson(), label="noise")
    for post in (sources, sources[:1], cells + sources):
        with pytest.raises(errors.ConnectionError, match="no receptor that all of its cells share"):
            sim.Projection(cells, post, sim.AllToAllConnector())


def test_synapses_begin_at_rest(sim: Any) -> None:
    cells = _cells(sim)
    projection = sim.Projection(
        cells, cells, sim.AllToAllConnector(), sim.TsodyksMarkramSynapse(weight=0.1)
    )
    projection.initialize(u=0.0)
    with pytest.raises(NotImplementedError, match="u must be 0"):
        projection.initialize(u=0.5)
    with pytest.raises(errors.NonExistentParameterError, match="z"):
        projection.initialize(z=0.0)


def test_weights_have_a_histogram(sim: Any) -> None:
    cells = _cells(sim)
    synapse = sim.StaticSynapse(
        weight=sim.RandomDistribution("uniform", (0.0, 1.0), rng=sim.NumpyRNG(1))
    )
    projection = sim.Projection(cells, cells, sim.AllToAllConnector(), synapse)
    with pytest.warns(DeprecationWarning, match="weightHistogram"):
        counts, bins = projection.weightHistogram(min=0.0, max=1.0, nbins=4)
    assert counts.sum() == 25
    assert bins.tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_the_procedure_connects_cells(sim: Any) -> None:
    cells = _cells(sim)
    with pytest.warns(DeprecationWarning, match="connect"):
        projection = sim.connect(cells[0], cells, weight=0.1, delay=0.5)
    assert projection.get(["weight", "delay"], "list") == [(0, j, 0.1, 0.5) for j in range(5)]


def test_ranks_make_the_same_connections_as_one_process() -> None:
    script = str(Path(__file__).with_name("projections_on_ranks.py"))
    alone = launch.run(0, script)
    assert len(alone) > 10
    assert launch.run(2, script) == alone
