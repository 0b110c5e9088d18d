"""Dictionaries of NEST's as models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl


def test_parameters_and_states_are_distinguished() -> None:
    given = {"tau_m": 20.0, "C_m": 200.0, "V_m": -65.0, "tau_minus": 30.0, "I_syn_ex": [1.0, 2.0]}
    model, states = sl.io.nest_model("iaf_psc_exp", given)
    assert isinstance(model, sl.LIF)
    assert (model.tau_m, model.C_m) == (20.0, 200.0)
    assert set(states) == {"V_m", "I_syn_ex"}
    net = sl.Network()
    cells = net.population(2, model)
    for state, values in states.items():
        setattr(cells, state, values)
    np.testing.assert_array_equal(cells.V_m, [-65.0, -65.0])
    np.testing.assert_array_equal(cells.I_syn_ex, [1.0, 2.0])
    assert given["V_m"] == -65.0  # what was given is as it was


def test_without_parameters_it_is_the_default() -> None:
    model, states = sl.io.nest_model("iaf_cond_exp")
    assert isinstance(model, sl.LIFCond)
    assert states == {}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("iaf_psc_expp",), ValueError, "did you mean 'iaf_psc_exp'"),
        (("iaf_psc_exp", {"tau_mem": 20.0}), ValueError, "did you mean 'tau_m'"),
        ((3,), TypeError, "name must be the name of a NEST model.*got 3"),
        (("iaf_psc_exp", [1]), TypeError, "parameters must be a mapping"),
    ],
)
def test_what_does_not_fit_is_named(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sl.io.nest_model(*arguments)


def test_a_unit_is_not_dropped() -> None:
    pq = pytest.importorskip("quantities")
    with pytest.raises(
        ValueError, match=r"^nest_model: I_e: it has a unit, but must be a plain number"
    ):
        sl.io.nest_model("iaf_psc_exp", {"tau_m": 20.0, "I_e": 0.4 * pq.nA})
