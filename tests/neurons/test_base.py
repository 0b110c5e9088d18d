"""What all neuron models share."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet.neurons import NeuronModel


def test_units_and_parameters_go_together() -> None:
    units = sl.LIF().units()
    assert set(units) == set(sl.LIF().parameters())
    assert (units["tau_m"], units["C_m"], units["V_th"]) == ("ms", "pF", "mV")


def test_the_base_itself_is_no_model() -> None:
    net = sl.Network()
    with pytest.raises(NotImplementedError):
        net.population(3, NeuronModel())


def test_array_parameters_have_one_length() -> None:
    with pytest.raises(ValueError, match="same length"):
        sl.LIF(tau_m=np.full(3, 10.0), C_m=np.full(4, 250.0))
    assert sl.LIF(tau_m=np.full(3, 10.0)).length == 3
