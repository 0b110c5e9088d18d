"""LIFMultisynapse is exact: NEST's iaf_psc_exp_multisynapse, and LIF, to rounding."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.neuron_references import MultisynapseReference, integrate
from tests.support.neuron_runs import AgainstNest, assert_defaults, run, values_of

import spikelet as sl

TAUS = [0.5, 2.0, 9.0, 40.0]
RECEPTORS = ("syn_1", "syn_2", "syn_3", "syn_4")


def test_defaults_are_nests() -> None:
    assert_defaults(
        sl.LIFMultisynapse(tau_syn=[2.0]), "iaf_psc_exp_multisynapse", missing={"tau_syn_1"}
    )


def test_is_nests_to_rounding() -> None:
    against = AgainstNest("iaf_psc_exp_multisynapse", sl.LIFMultisynapse(tau_syn=TAUS), RECEPTORS)
    assert (against.late == 0.0).all()
    for state in ("V_m", "I_syn_1", "I_syn_2", "I_syn_3", "I_syn_4"):
        assert np.abs(against.difference(state)).max() < 1e-11


def test_agrees_with_scipy_where_time_constants_are_equal() -> None:
    """NEST refuses a synaptic time constant that equals that of the membrane."""
    model = sl.LIFMultisynapse(tau_syn={"a": 10.0, "b": 10.0, "c": 3.0})
    assert model.receptors == ("a", "b", "c")
    assert model.equations.method == "exact"
    against = AgainstNest("iaf_psc_exp_multisynapse", model, ("a", "b", "c", "a"))
    parameters = values_of(model) | {"tau_syn": {"a": 10.0, "b": 10.0, "c": 3.0}}
    exact = integrate(MultisynapseReference(parameters), against.drive, 0.1, 200.0)
    ours = run(model, against.drive, 0.1, 200.0)
    assert ours.spikes == exact.spikes
    assert len(exact.spikes) > 3
    np.testing.assert_allclose(ours.values["V_m"], exact.values["V_m"], rtol=0, atol=1e-9)


def test_events_need_a_receptor() -> None:
    net = sl.Network(threads=1)
    source = net.population(1, sl.SpikeSource([1.0], [0]))
    neuron = net.population(1, sl.LIFMultisynapse(tau_syn={"fast": 1.0, "slow": 20.0}))
    with pytest.raises(ValueError, match="receptor"):
        net.connect(source, neuron, sl.AllToAll(), weight=1.0, delay=1.0)
    net.connect(source, neuron, sl.AllToAll(), weight=5.0, delay=1.0, receptor="slow")
    net.run(2.0)
    assert neuron.I_syn_slow[0] == 5.0
    assert neuron.I_syn_fast[0] == 0.0


def test_no_time_constants() -> None:
    with pytest.raises(ValueError, match="tau_syn must have at least one time constant"):
        sl.LIFMultisynapse(tau_syn=[])
    with pytest.raises(TypeError, match="tau_syn must be a sequence or a dictionary"):
        sl.LIFMultisynapse(tau_syn=2.0)  # type: ignore[arg-type]
