"""NEST's models as ours: names, defaults and states are NEST's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.io.nest import neuron_models
from spikelet.neurons.nest_names import NEST_MODELS

LISTS = {
    "iaf_psc_exp_multisynapse": {"tau_syn": [2.0, 3.0]},
    "gif_psc_exp": {"tau_sfa": [5.0], "q_sfa": [1.0]},
}


@pytest.mark.parametrize("name", NEST_MODELS)
def test_there_and_back(name: str) -> None:
    found = neuron_models.make("x", name, LISTS.get(name, {}))
    cell = neuron_models.find_cell(found.model, exact=True)
    assert cell is not None
    assert cell.name == name
    parameters = cell.parameters
    for key, value in LISTS.get(name, {}).items():
        assert parameters[key] == value
    both = neuron_models.make("x", name, parameters)
    assert type(both.model) is type(found.model)
    for key in found.model.parameters():
        assert getattr(both.model, key) == getattr(found.model, key)


@pytest.mark.parametrize("name", NEST_MODELS)
def test_defaults_and_first_states_are_those_of_nest(name: str) -> None:
    nest = pytest.importorskip("nest", exc_type=ImportError)
    theirs = nest.GetDefaults(name)
    model, states, _ = neuron_models.make("x", name, LISTS.get(name, {}))
    for key in model.parameters():
        if key in theirs:
            assert getattr(model, key) == pytest.approx(theirs[key], rel=1e-15), key
    for key, value in states.items():
        assert value == theirs[key]
    net = sl.Network(dtype="float64")
    cells = net.population(1, model)
    for key in states:
        getattr(cells, key)[:] = states[key]
    for state in model.states:
        if state in theirs and state not in ("dg_ex", "dg_in"):
            assert float(getattr(cells, state)[0]) == pytest.approx(theirs[state], rel=1e-12), state


def test_a_value_for_each_neuron() -> None:
    taus = np.array([10.0, 20.0])
    found = neuron_models.make(
        "x", "iaf_psc_exp", {"tau_m": taus, "V_m": -60.0, "tau_minus": 30.0, "rho": 1.0}
    )
    np.testing.assert_array_equal(found.model.tau_m, taus)  # type: ignore[attr-defined]
    assert found.states == {"V_m": -60.0}
    assert found.plastic == {"tau_minus": 30.0}


def test_lists_are_the_structure() -> None:
    values = {"tau_sfa": [1.0, 2.0], "q_sfa": [1.0, 2.0]}
    assert dict(neuron_models.structure("x", "gif_cond_exp", values))["tau_sfa"] == 2
    assert neuron_models.structure("x", "iaf_psc_exp", {}) == ()
    with pytest.raises(ValueError, match="x: tau_sfa must be a list in gif_cond_exp, got 3"):
        neuron_models.structure("x", "gif_cond_exp", {"tau_sfa": 3})
    with pytest.raises(ValueError, match="x: tau_sfa must have at most 64 values"):
        neuron_models.structure("x", "gif_cond_exp", {"tau_sfa": [1.0] * 65})


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        (
            "iaf_psc_alhpa",
            {},
            "must be a model of NEST that spikelet has; did you mean 'iaf_psc_alpha'",
        ),
        (
            "iaf_psc_exp",
            {"tau_mm": 1.0},
            "parameter is not a parameter or a state of it; did you mean 'tau_m'",
        ),
        ("iaf_psc_exp", {"theta_plus": 1.0}, "must be one of NEST's iaf_psc_exp"),
        ("iaf_psc_exp", {"tau_m": -1.0}, "tau_m must be > 0"),
        ("iaf_psc_exp", {"delta": 1.0}, "delta must be 0.0: spikelet's model has none"),
        ("iaf_psc_alpha", {"V_min": -80.0}, "V_min must be -inf"),
        ("gif_psc_exp", {"tau_sfa": [1.0]}, "must have the same length"),
    ],
)
def test_what_there_is_not(name: str, values: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^x:? .*{text}"):
        neuron_models.make("x", name, values)


def test_models_without_a_counterpart() -> None:
    for model in (
        sl.IF(),
        sl.LIF(theta_plus=1.0),
        sl.LIF(reset="subtract"),
        sl.AdEx(method="rk4"),
        sl.EIF(),
    ):
        assert neuron_models.find_cell(model, exact=True) is None


def test_a_model_from_a_file_is_known(tmp_path: Any) -> None:
    net = sl.Network()
    net.population(2, sl.AdEx(synapses="psc_exp"))
    net.save(tmp_path / "net.npz")
    (cells,) = sl.Network.load(tmp_path / "net.npz").populations
    found = neuron_models.find_cell(cells.model, exact=True)
    assert found is not None
    assert found.name == "aeif_psc_exp"
