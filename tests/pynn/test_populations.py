from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyNN import mock
from pyNN.errors import (
    InvalidDimensionsError,
    InvalidParameterValueError,
    NonExistentParameterError,
)
from pyNN.standardmodels import cells as standard_cells


def _v(cells: Any) -> np.ndarray:
    return cells.get_data().segments[-1].filter(name="v")[0].magnitude


def test_parameters_can_be_numbers_arrays_functions_and_random(sim: Any) -> None:
    cells = sim.Population(4, sim.IF_curr_exp(tau_m=lambda i: 10.0 + i, cm=[1.0, 2.0, 3.0, 4.0]))
    assert cells.get("tau_m").tolist() == [10.0, 11.0, 12.0, 13.0]
    cells.set(i_offset=sim.RandomDistribution("uniform", (0.1, 0.2), rng=sim.NumpyRNG(1)))
    drawn = cells.get("i_offset")
    assert len(np.unique(drawn)) == 4
    assert np.array_equal(drawn, cells.get("i_offset"))  # drawn once
    assert cells.get(["v_rest", "cm"])[0] == -65.0
    assert cells[2].cm == pytest.approx(3.0)
    cells[2].cm = 5.0
    assert np.allclose(cells.get("cm"), [1.0, 2.0, 5.0, 4.0])


def test_views_of_views_set_and_read_their_cells(sim: Any) -> None:
    cells = sim.Population(10, sim.IF_cond_exp())
    odd = cells[1::2]
    last = odd[np.array([False, False, True, False, True])]
    assert last.indices.tolist() == [5, 9]
    assert last.root is cells
    last.set(tau_m=[5.0, 9.0], i_offset=0.1)
    assert np.allclose(cells.get("tau_m"), [20, 20, 20, 20, 20, 5, 20, 20, 20, 9])
    assert np.allclose(odd.get("tau_m"), [20, 20, 5, 20, 9])
    assert last.get("i_offset") == pytest.approx(0.1)
    assert isinstance(cells[[1, 3]] + odd, sim.Assembly)


def test_parameters_can_change_between_runs(sim: Any) -> None:
    cells = sim.Population(3, sim.IF_curr_exp())
    cells.record("v")
    sim.run(10.0)
    cells[1].i_offset = 1.0
    sim.run(10.0)
    v = _v(cells)
    assert (v[:101] == -65.0).all()
    expected = -65.0 + 20.0 * (1 - np.exp(-np.arange(101) * 0.1 / 20.0))
    assert np.allclose(v[100:, 1], expected, rtol=0, atol=1e-9)
    assert (v[:, [0, 2]] == -65.0).all()


def test_parameters_stay_after_a_reset(sim: Any) -> None:
    cells = sim.Population(1, sim.IF_curr_exp())
    cells.record("v")
    sim.run(5.0)
    cells.set(i_offset=1.0)
    sim.reset()
    sim.run(5.0)
    assert _v(cells)[-1, 0] > -65.0


@pytest.mark.parametrize(("receptor", "weight"), [("excitatory", 0.5), ("inhibitory", -0.5)])
def test_currents_of_synapses_are_in_na(sim: Any, receptor: str, weight: float) -> None:
    """The recorded current of an event is its weight, and decays with the receptor's time constant."""
    cells = sim.Population(1, sim.IF_curr_exp(tau_syn_E=5.0, tau_syn_I=5.0))
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    synapse = sim.StaticSynapse(weight=weight, delay=1.0)
    sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type=receptor)
    name = f"isyn_{receptor[:3]}"
    cells.record(name)
    sim.run(8.0)
    current = cells.get_data().segments[0].filter(name=name)[0].magnitude[:, 0]
    assert current[np.abs(current).argmax()] == pytest.approx(weight, rel=0.03)
    assert current[70] / current[60] == pytest.approx(np.exp(-1.0 / 5.0), rel=1e-9)


def test_initial_values_of_populations_views_and_cells(sim: Any) -> None:
    cells = sim.Population(4, sim.IF_cond_exp(), initial_values={"v": -60.0})
    cells[1:3].initialize(v=[-61.0, -62.0], gsyn_exc=0.01)
    cells[3].set_initial_value("v", -63.0)
    assert cells[1].get_initial_value("v") == -61.0
    cells.record(["v", "gsyn_exc"])
    for _ in range(2):
        sim.run(1.0)
        segment = cells.get_data().segments[-1]
        assert segment.filter(name="v")[0].magnitude[0].tolist() == [-60.0, -61.0, -62.0, -63.0]
        g = segment.filter(name="gsyn_exc")[0].magnitude
        assert np.allclose(g[0], [0.0, 0.01, 0.01, 0.0])
        assert np.allclose(g[10], g[0] * np.exp(-1.0 / 5.0))
        sim.reset()


def test_random_initial_values_are_drawn_once(sim: Any) -> None:
    cells = sim.Population(5, sim.IF_curr_exp())
    cells.initialize(v=sim.RandomDistribution("uniform", (-65.0, -55.0), rng=sim.NumpyRNG(3)))
    cells.record("v")
    for _ in range(2):
        sim.run(1.0)
        sim.reset()
    first, second = (s.analogsignals[0].magnitude for s in cells.get_data().segments)
    assert len(np.unique(first[0])) == 5
    assert np.array_equal(first, second)


def test_states_can_be_set_between_runs(sim: Any) -> None:
    cells = sim.Population(2, sim.IF_curr_exp())
    cells.record("v")
    sim.run(1.0)
    cells[1:].initialize(v=-55.0)
    sim.run(1.0)
    v = _v(cells)
    assert v[11, 1] == pytest.approx(-65.0 + 10.0 * np.exp(-0.1 / 20.0))
    assert (v[:, 0] == -65.0).all()


def test_populations_can_be_made_after_a_run(sim: Any) -> None:
    sim.run(5.0)
    late = sim.Population(2, sim.IF_curr_exp(i_offset=1.0))
    late.record(["v", "spikes"])
    sim.run(5.0)
    signal = late.get_data().segments[0].analogsignals[0]
    assert float(signal.t_start) == 5.0
    assert signal.shape == (51, 2)
    assert signal.magnitude[0, 0] == -65.0


def test_bad_values_change_nothing(sim: Any) -> None:
    cells = sim.Population(3, sim.IF_cond_exp())
    with pytest.raises(InvalidParameterValueError, match="tau_syn_ex must be > 0"):
        cells.set(cm=2.0, tau_syn_E=-1.0)
    with pytest.raises(InvalidDimensionsError):
        cells.set(cm=[1.0, 2.0])
    with pytest.raises(NonExistentParameterError):
        cells.set(nothing=1.0)
    with pytest.raises(NonExistentParameterError):
        cells.initialize(nothing=1.0)
    with pytest.raises(InvalidParameterValueError, match="initial values of v must be finite"):
        cells.initialize(v=float("nan"))
    with pytest.raises(InvalidDimensionsError, match="one for each of 3 cells"):
        sim.Population(3, sim.IF_cond_exp(cm=[1.0, 2.0]))
    with pytest.raises(InvalidParameterValueError, match="at least one cell, got 0"):
        sim.Population(0, sim.IF_cond_exp())
    for foreign in (mock.IF_cond_exp(), standard_cells.IF_cond_exp()):
        with pytest.raises(NotImplementedError, match="IF_cond_exp is not of spikelet"):
            sim.Population(3, foreign)
    assert cells.get("cm") == pytest.approx(1.0)
    assert len(sim.simulator.state.network.populations) == 1


def test_assemblies_gather_parameters_and_data(sim: Any) -> None:
    a, b = sim.Population(2, sim.IF_curr_exp()), sim.Population(3, sim.IF_cond_exp(tau_m=10.0))
    both = a + b
    assert both.local_mask.tolist() == [True] * 5
    both.set(i_offset=1.0)
    both.record(["v", "spikes"])
    assert both.get("tau_m").tolist() == [20.0, 20.0, 10.0, 10.0, 10.0]
    both.initialize(v=-60.0)
    sim.run(30.0)
    segment = both.get_data().segments[0]
    assert len(segment.spiketrains) == 5
    assert sum(s.shape[1] for s in segment.filter(name="v")) == 5
    assert len(both.get_spike_counts()) == 5
    assert both.mean_spike_count() > 0


def test_positions_labels_and_descriptions(sim: Any) -> None:
    grid = sim.Population((2, 3), sim.IF_curr_exp(), label="grid")
    assert grid.size == 6
    assert grid.positions.shape == (3, 6)
    assert grid.local_mask.all()
    assert "grid" in grid.describe()
    assert grid.sample(3, rng=sim.NumpyRNG(1)).size == 3
    assert grid.cells.population.name == "grid"


def test_receptors_of_an_assembly_are_in_order(sim: Any) -> None:
    current = sim.Population(2, sim.IF_curr_exp()) + sim.Population(2, sim.IF_curr_alpha())
    assert current.receptor_types == ["excitatory", "inhibitory"]
    composed = sim.PointNeuron(sim.LIF(), inhibitory=sim.CurrExpPostSynapticResponse())
    mixed = current + sim.Population(1, composed)
    assert mixed.receptor_types == ["inhibitory"]
