from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyNN.errors import NoModelAvailableError, NonExistentParameterError

from spikelet.pynn.point_neuron import LIF, PointNeuron


def _response(sim: Any, membrane: Any, receptor: Any, weight: float, name: str) -> np.ndarray:
    """Return the synaptic variable after one event at 1 ms with a delay of 1 ms."""
    label = name.partition(".")[0]
    sim.setup(timestep=0.01, min_delay=0.1)
    cells = sim.Population(1, sim.PointNeuron(membrane, **{label: receptor}))
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    synapse = sim.StaticSynapse(weight=weight, delay=1.0)
    sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type=label)
    cells.record(name)
    sim.run(40.0)
    signal = cells.get_data().segments[0].filter(name=name)[0]
    return signal.magnitude[:, 0]


def test_responses_have_their_shapes(sim: Any) -> None:
    t = np.maximum(np.arange(4001) * 0.01 - 2.0, 0.0)
    exp = _response(sim, sim.LIF(), sim.ExpPSR(tau_syn=3.0), 0.01, "AMPA.gsyn")
    after = t > 0
    assert np.allclose(exp[after], 0.01 * np.exp(-t[after] / 3.0), rtol=0, atol=1e-12)
    alpha = _response(sim, sim.LIF(), sim.AlphaPSR(tau_syn=3.0), 0.01, "AMPA.gsyn")
    assert np.allclose(alpha, 0.01 * t / 3.0 * np.exp(1 - t / 3.0), rtol=0, atol=1e-12)
    beta = _response(sim, sim.AdExp(), sim.BetaPSR(tau_rise=0.5, tau_decay=5.0), 0.01, "AMPA.gsyn")
    difference = np.exp(-t / 5.0) - np.exp(-t / 0.5)
    peak = np.log(10.0) / (1 / 0.5 - 1 / 5.0)
    height = np.exp(-peak / 5.0) - np.exp(-peak / 0.5)
    assert np.allclose(beta, 0.01 * difference / height, rtol=0, atol=1e-12)
    assert beta.max() == pytest.approx(0.01, rel=1e-4)  # the weight is the peak
    current = sim.CurrExpPostSynapticResponse(tau_syn=3.0)
    isyn = _response(sim, sim.LIF(), current, -0.2, "GABA.isyn")
    assert np.allclose(isyn[after], -0.2 * np.exp(-t[after] / 3.0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("standard", ["IF_curr_exp", "IF_cond_exp", "EIF_cond_alpha_isfa_ista"])
def test_a_composition_is_the_standard_type(sim: Any, standard: str) -> None:
    sim.setup(timestep=0.01, min_delay=0.1)
    kind = getattr(sim, standard)
    membrane = sim.AdExp if standard.startswith("EIF") else sim.LIF
    values = {x: kind.default_parameters[x] for x in membrane.default_parameters}
    values |= {"i_offset": 1.5, "tau_refrac": 1.0}
    response = {
        "IF_curr_exp": sim.CurrExpPostSynapticResponse,
        "IF_cond_exp": sim.ExpPSR,
        "EIF_cond_alpha_isfa_ista": sim.AlphaPSR,
    }[standard]
    synaptic = {"tau_syn": 2.0} if standard == "IF_curr_exp" else {"tau_syn": 2.0, "e_syn": 0.0}
    composed = sim.Population(1, sim.PointNeuron(membrane(**values), AMPA=response(**synaptic)))
    plain = sim.Population(1, kind(**values, tau_syn_E=2.0))
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[3.0, 9.0]))
    for cells, receptor in ((composed, "AMPA"), (plain, "excitatory")):
        synapse = sim.StaticSynapse(weight=0.02, delay=1.0)
        sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type=receptor)
        cells.record(["spikes", "v"])
    sim.run(40.0)
    a, b = (cells.get_data().segments[0] for cells in (composed, plain))
    assert len(a.spiketrains[0]) > 1
    assert np.array_equal(a.spiketrains[0].magnitude, b.spiketrains[0].magnitude)
    assert np.abs(a.analogsignals[0].magnitude - b.analogsignals[0].magnitude).max() < 1e-6


def test_parameters_of_receptors_have_their_label(sim: Any) -> None:
    kind = sim.PointNeuron(
        sim.AdExp(tau_m=10.0), AMPA=sim.ExpPSR(tau_syn=[1.0, 2.0]), GABA=sim.AlphaPSR(e_syn=-70.0)
    )
    cells = sim.Population(2, kind)
    assert kind.receptor_types == ["AMPA", "GABA"]
    assert cells.get("AMPA.tau_syn").tolist() == [1.0, 2.0]
    assert cells.get(["GABA.e_syn", "tau_m"]) == [-70.0, 10.0]
    cells[1:].set(**{"AMPA.tau_syn": 5.0, "tau_m": 12.0, "cm": 0.5})
    assert cells.get("AMPA.tau_syn").tolist() == [1.0, 5.0]
    assert np.allclose(cells.get("tau_m"), [10.0, 12.0])
    assert np.allclose(cells.get("cm"), [0.281, 0.5])
    with pytest.raises(NonExistentParameterError):
        cells.get("AMPA.nothing")
    assert kind.has_parameter("GABA.tau_syn")


def test_receptors_have_initial_values_and_units(sim: Any) -> None:
    kind = sim.PointNeuron(sim.LIF(), X=sim.ExpPSR())
    cells = sim.Population(1, kind)
    cells.initialize(**{"X.gsyn": 0.02, "v": -60.0})
    cells.record(["X.gsyn", "v"])
    sim.run(1.0)
    signal = cells.get_data().segments[0].filter(name="X.gsyn")[0]
    assert signal.magnitude[0, 0] == pytest.approx(0.02)
    assert str(signal.units.dimensionality) == "uS"
    assert cells.celltype.scale_of("X.gsyn") == 1e-3


def test_what_cannot_be_composed_is_refused(sim: Any) -> None:
    with pytest.raises(NoModelAvailableError, match="at least one receptor"):
        PointNeuron(LIF())
    with pytest.raises(NoModelAvailableError, match="no membrane IF_cond_exp"):
        sim.PointNeuron(sim.IF_cond_exp(), E=sim.ExpPSR())
    with pytest.raises(NoModelAvailableError, match=r"no receptor of kind LIF \(E\)"):
        sim.PointNeuron(sim.LIF(), E=sim.LIF())
    with pytest.raises(Exception, match="Cannot mix"):
        sim.PointNeuron(sim.LIF(), E=sim.ExpPSR(), X=sim.CurrExpPostSynapticResponse())
