"""Models that `Equations` made, as neuron models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.neurons.equations.test_equations import adex

from spikelet.neurons import NeuronModel
from spikelet.neurons.equations.equations_model import EquationsModel

AdEx = adex()


def test_a_model_is_a_neuron_model() -> None:
    model = AdEx(a=2.0, I_e=[100.0, 200.0])
    assert isinstance(model, NeuronModel)
    assert type(model).__mro__[1] is EquationsModel
    assert model.states == AdEx.states
    assert model.parameters() == tuple(AdEx.parameters)
    assert model.units()["C_m"] == "pF"
    assert model.length == 2
    assert (model.weight_unit, model.conductance, model.by_sign) == ("pA", False, True)
    assert model.state("V_m").unit == "mV"
    assert repr(model) == (
        "AdEx(C_m=281.0, g_L=30.0, E_L=-70.6, V_th=-50.4, Delta_T=2.0, tau_w=144.0, a=2.0, b=80.5, V_peak=0.0, "
        "V_reset=-60.0, t_ref=2.0, I_e=array([100., 200.]), tau_syn_ex=0.2, tau_syn_in=2.0)"
    )
    assert model.replace(a=3.0).a == 3.0
    with pytest.raises(AttributeError, match="cannot assign"):
        model.a = 1.0  # type: ignore[attr-defined]  # made at run time


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"C_m": 0.0}, ValueError, r"^AdEx: C_m must be > 0, got 0.0"),
        ({"a": np.nan}, ValueError, r"^AdEx: a must not contain NaN"),
        ({"a": "x"}, TypeError, r"^AdEx: a must be a number"),
        ({"alpha": 1.0}, TypeError, r"^AdEx has no parameter 'alpha' \(there are: C_m, g_L"),
        ({"a": [1.0], "b": [1.0, 2.0]}, ValueError, r"^AdEx: a and b must have the same length"),
        ({"t_ref": [1.0, -1.0]}, ValueError, r"^AdEx: t_ref must be >= 0 at index 1"),
    ],
)
def test_bad_parameters(parameters: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        AdEx(**parameters)


def test_derivatives_are_those_of_the_text() -> None:
    model = AdEx(a=2.0, I_e=100.0)
    v, w = np.linspace(-70.0, -50.0, 5), np.array([[0.0], [10.0]])
    others = {name: 0.0 for name in model.states if name not in ("V_m", "w")}
    found = model.derivatives({"V_m": v, "w": w, **others})
    p = {name: getattr(model, name) for name in model.parameters()}
    upstroke = p["g_L"] * p["Delta_T"] * np.exp((v - p["V_th"]) / p["Delta_T"])
    dv = (-p["g_L"] * (v - p["E_L"]) + upstroke - w + p["I_e"]) / p["C_m"]
    np.testing.assert_allclose(found["V_m"], dv, rtol=1e-12)
    dw = (p["a"] * (v - p["E_L"]) - w) / p["tau_w"]
    np.testing.assert_allclose(found["w"], dw, rtol=1e-12)
    with pytest.raises(ValueError, match="AdEx: states must be values of V_m, w"):
        model.derivatives({"V_m": 0.0})
