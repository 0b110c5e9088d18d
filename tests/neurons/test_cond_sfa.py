"""LIFCondSFA against NEST's iaf_cond_exp_sfa_rr and scipy at 1e-12."""

from __future__ import annotations

import numpy as np
from tests.support.neuron_references import CondReference, Drive, integrate
from tests.support.neuron_runs import (
    AgainstNest,
    assert_defaults,
    assert_order,
    run,
    values_of,
)

import spikelet as sl


def test_defaults_are_nests() -> None:
    assert_defaults(sl.LIFCondSFA(), "iaf_cond_exp_sfa_rr")


def test_agrees_with_nest() -> None:
    against = AgainstNest("iaf_cond_exp_sfa_rr", sl.LIFCondSFA())
    assert (against.late == 0.0).all()
    assert np.abs(against.difference("V_m")).max() < 0.003
    for state in ("g_ex", "g_in", "g_sfa", "g_rr"):
        assert np.abs(against.difference(state)).max() < 1e-6


def test_spikes_are_those_of_scipy() -> None:
    model = sl.LIFCondSFA(E_sfa=-75.0)
    against = AgainstNest("iaf_cond_exp_sfa_rr", model)
    reference = CondReference("cond_exp", values_of(model), adaptation=True)
    exact = integrate(reference, against.drive, 0.1, 200.0)
    ours = run(model, against.drive, 0.1, 200.0)
    assert ours.spikes == exact.spikes
    assert len(exact.spikes) > 5
    np.testing.assert_allclose(ours.values["V_m"], exact.values["V_m"], atol=0.003)


def test_order() -> None:
    model = sl.LIFCondSFA()
    drive = Drive([(5.0, 200.0)], [(10.0, 6.0, None), (12.0, -3.0, None)])
    reference = CondReference("cond_exp", values_of(model), adaptation=True)
    assert_order(model, reference, drive, 30.0, model.equations.order)
