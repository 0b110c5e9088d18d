from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyNN.errors import InvalidParameterValueError, NoModelAvailableError, RecordingError

import spikelet as sl
from spikelet.pynn.native_types import NativeCellType, native_cell_type


def test_a_ready_made_model_by_name(sim: Any) -> None:
    kind = sim.native_cell_type("LIF")
    assert issubclass(kind, NativeCellType)
    assert kind.receptor_types == ("excitatory", "inhibitory")
    assert kind.default_parameters["tau_m"] == 10.0
    cells = sim.Population(3, kind(I_e=[0.0, 500.0, 600.0]))
    cells[:1].set(tau_m=15.0)
    assert cells.get("tau_m").tolist() == [15.0, 10.0, 10.0]
    assert cells[1].I_e == 500.0
    cells.record(["spikes", "V_m", "I_syn_ex"])
    sim.run(50.0)
    segment = cells.get_data().segments[0]
    units = {s.name: str(s.units.dimensionality) for s in segment.analogsignals}
    assert units == {"V_m": "mV", "I_syn_ex": "pA"}
    assert segment.filter(name="V_m")[0].magnitude[0].tolist() == [-70.0] * 3
    assert len(segment.spiketrains[2]) > 1


def test_own_equations(sim: Any) -> None:
    model = sl.Equations(
        "dv/dt = (I - v)/tau",
        threshold="v > 1",
        reset="v = 0",
        parameters={"tau": (10.0, "ms"), "I": 0.0},
        receptors={"ex": "v += weight"},
    )
    kind = native_cell_type(model)
    cells = sim.Population(2, kind(I=[0.0, 1.5]))
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[5.0]))
    synapse = sim.StaticSynapse(weight=0.25, delay=1.0)
    sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type="excitatory")
    cells.initialize(v=0.5)
    cells.record(["spikes", "v"])
    for _ in range(2):
        sim.run(10.0)
        v = cells.get_data().segments[-1].analogsignals[0].magnitude
        assert v[0].tolist() == [0.5, 0.5]
        assert v[60, 0] - v[59, 0] == pytest.approx(0.25, abs=0.01)  # weights as they are
        sim.reset()
    assert not kind.injectable


def test_a_model_gives_the_defaults(sim: Any) -> None:
    kind = native_cell_type(sl.LIFMultisynapse(tau_syn={"ampa": 2.0, "gaba": 8.0}))
    assert kind.receptor_types == ("ampa", "gaba")
    assert kind.get_parameter_names()[-2:] == ["tau_syn_ampa", "tau_syn_gaba"]
    cells = sim.Population(1, kind(tau_syn_gaba=5.0))
    assert cells.get("tau_syn_gaba") == 5.0
    source = sim.Population(1, sim.SpikeSourceArray(spike_times=[1.0]))
    synapse = sim.StaticSynapse(weight=-0.1, delay=1.0)
    with pytest.warns(UserWarning, match="Can't check weight"):  # PyNN knows no such receptor
        sim.Projection(source, cells, sim.AllToAllConnector(), synapse, receptor_type="gaba")
    cells.record("I_syn_gaba")
    sim.run(5.0)
    assert cells.get_data().segments[0].analogsignals[0].magnitude[20, 0] == pytest.approx(-100.0)
    sim.DCSource(amplitude=0.1).inject_into(cells)


def test_types_are_alike_for_conductances_and_reset(sim: Any) -> None:
    kind = native_cell_type(sl.LIFCond(reset="subtract"))
    assert kind.conductance_based
    assert kind.template.replace(tau_syn_ex=3.0).reset == "subtract"
    assert sim.Population(1, kind()).cells.population.model.reset == "subtract"


def test_what_other_simulators_have_is_named_with_the_reason(sim: Any) -> None:
    assert not hasattr(sim, "MultiCompartmentNeuron")
    with pytest.raises(NotImplementedError, match="neurons are points"):
        _ = sim.MultiCompartmentNeuron
    with pytest.raises(AttributeError, match=r"has no 'nonsense'$"):
        _ = sim.nonsense


def test_what_is_no_model_is_refused(sim: Any) -> None:
    with pytest.raises(NoModelAvailableError, match="no model 'LIFF'; there are: AdEx"):
        native_cell_type("LIFF")
    with pytest.raises(NoModelAvailableError):
        native_cell_type("Equations")
    with pytest.raises(TypeError, match="must be a name, a neuron model or Equations"):
        native_cell_type(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="tau_m has one for each neuron"):
        native_cell_type(sl.LIF(tau_m=[1.0, 2.0]))
    with pytest.raises(InvalidParameterValueError, match="tau_m"):
        sim.Population(2, native_cell_type("LIF")(tau_m=np.array([1.0, -1.0])))
    with pytest.raises(RecordingError):
        sim.Population(2, native_cell_type("LIF")()).record("v")
