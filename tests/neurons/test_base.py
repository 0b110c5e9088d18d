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


def test_a_default_is_checked_where_it_needs_to_be() -> None:
    """Defaults of which nothing is to be said are not checked again; the others are, in each model."""
    odd = sl.Equations(
        "dx/dt = -x / tau : 1", parameters={"tau": (0.005, "ms"), "C": (200.0, "pF")}, name="Odd"
    )
    for _ in range(2):
        with pytest.warns(UserWarning, match="tau = 0.005 ms looks like a value in SI units"):
            odd()
        with pytest.warns(UserWarning, match="C = 2e-10 pF looks like a value in SI units"):
            odd(tau=5.0, C=2e-10)
    assert type(odd(tau=5).tau) is float


def test_a_value_that_equals_a_default_is_a_float() -> None:
    model = sl.LIF(t_ref=2, I_e=np.float64(0.0), V_th=np.array(-55.0))
    assert [type(value) for value in (model.t_ref, model.I_e, model.V_th)] == [float] * 3
    assert model == sl.LIF()


def test_a_capacitance_in_nF_is_advised_about_wherever_it_is_set() -> None:
    with pytest.warns(UserWarning, match="did you mean 250 pF"):
        sl.LIF(C_m=0.25)
    with pytest.warns(UserWarning, match="did you mean 250 pF"):
        sl.LIF().replace(C_m=0.25)
    with pytest.warns(UserWarning, match="did you mean -55 mV"):
        sl.LIF(V_th=-0.055, V_reset=-70.0)
