"""The default neuron of connectomes: as published. `test_fly_brain.py` compares its spikes with Brian2's."""

from __future__ import annotations

from spikelet.models import fly_brain, fly_neuron


def test_parameters_as_published() -> None:
    assert fly_neuron.FlyNeuron.parameters == {
        "tau_m": 20.0, "tau_syn": 5.0, "E_L": -52.0, "V_th": -45.0, "V_reset": -52.0, "t_ref": 2.1,
    }  # fmt: skip
    assert (fly_neuron.WEIGHT, fly_neuron.DELAY, fly_neuron.REFRACTORY) == (0.275, 1.8, 2.2)
    assert fly_neuron.KICK * fly_neuron.WEIGHT == 68.75
    assert fly_brain(([0], [1], [3])).neurons.t_ref == 2.1
