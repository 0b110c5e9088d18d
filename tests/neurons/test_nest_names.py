"""Models by NEST's names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.neurons.nest_names import NEST_MODELS, model_of_nest


@pytest.mark.parametrize("name", NEST_MODELS)
def test_what_nest_says_of_a_model_is_understood(name: str) -> None:
    """Every entry of NEST's own status dictionary is a parameter, a state, or of no effect."""
    nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")
    nest.verbosity = nest.VerbosityLevel.ERROR
    defaults = nest.GetDefaults(name)
    model, states = model_of_nest("test", name, defaults)
    for parameter in model.parameters():
        if parameter in defaults:
            assert getattr(model, parameter) == defaults[parameter], parameter
    assert states["V_m"] == defaults["V_m"]
    net = sl.Network(dtype="float64", threads=1)
    cells = net.population(3, model)
    for state, value in states.items():
        setattr(cells, state, value)
    net.run(1.0)


def test_values_for_each_neuron_stay_arrays_only_where_they_differ() -> None:
    given = {"tau_m": [10.0, 20.0], "C_m": [200.0, 200.0], "V_m": [-60.0, -65.0], "tau_minus": 20.0}
    model, states = model_of_nest("test", "iaf_psc_exp", given)
    assert isinstance(model, sl.LIF)
    np.testing.assert_array_equal(model.tau_m, [10.0, 20.0])
    assert model.C_m == 200.0
    np.testing.assert_array_equal(states["V_m"], [-60.0, -65.0])


def test_lists_are_one_for_a_population() -> None:
    model, _ = model_of_nest("test", "iaf_psc_exp_multisynapse", {"tau_syn": [1.0, 5.0]})
    assert model.receptors == ("syn_1", "syn_2")
    each = {"tau_sfa": [[1.0, 2.0], [1.0, 2.0]], "q_sfa": [[3.0, 4.0], [3.0, 4.0]]}
    model, _ = model_of_nest("test", "gif_cond_exp", each)
    assert (model.tau_sfa_2, model.q_sfa_1) == (2.0, 3.0)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="tau_sfa must be the same for all neurons"):
        model_of_nest("test", "gif_cond_exp", {"tau_sfa": [[1.0], [2.0]], "q_sfa": [[1.0], [1.0]]})


def test_what_is_unknown_is_named_with_the_nearest() -> None:
    with pytest.raises(
        ValueError,
        match=r"model must be a model that spikelet has; did you mean 'iaf_psc_exp'.*Equations.*'iaf_psc_ex'",
    ):
        model_of_nest("test", "iaf_psc_ex", {})
    with pytest.raises(ValueError, match=r"parameter .*did you mean 'tau_m'.*got 'tau_mem'"):
        model_of_nest("test", "iaf_psc_exp", {"tau_mem": 10.0})


def test_what_only_nest_has_must_be_without_effect() -> None:
    with pytest.raises(ValueError, match="iaf_psc_alpha: V_min must be -inf"):
        model_of_nest("test", "iaf_psc_alpha", {"V_min": -90.0})
    with pytest.raises(ValueError, match="iaf_psc_exp: delta must be 0"):
        model_of_nest("test", "iaf_psc_exp", {"delta": [0.0, 0.1]})
    with pytest.raises(ValueError, match="ignore_and_spike must be False"):
        model_of_nest("test", "iaf_cond_exp", {"ignore_and_spike": True})
