"""LIFCondAlpha against NEST's iaf_cond_alpha and scipy at 1e-12."""

from __future__ import annotations

import numpy as np
import pytest
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
    assert_defaults(sl.LIFCondAlpha(), "iaf_cond_alpha")


def test_agrees_with_nest() -> None:
    """NEST steps adaptively, to a tolerance of 1e-3 a step."""
    against = AgainstNest("iaf_cond_alpha", sl.LIFCondAlpha())
    assert (against.late == 0.0).all()
    assert np.abs(against.difference("V_m")).max() < 0.001
    assert np.median(np.abs(against.difference("V_m"))) < 1e-6
    for state in ("g_ex", "g_in"):
        assert np.abs(against.difference(state)).max() < 2e-4


def test_spikes_are_those_of_scipy() -> None:
    model = sl.LIFCondAlpha()
    against = AgainstNest("iaf_cond_alpha", model)
    exact = integrate(CondReference("cond_alpha", values_of(model)), against.drive, 0.1, 200.0)
    ours = run(model, against.drive, 0.1, 200.0)
    assert len(exact.spikes) > 10
    assert ours.spikes == exact.spikes
    np.testing.assert_allclose(ours.values["V_m"], exact.values["V_m"], rtol=0, atol=0.001)
    for state in ("g_ex", "g_in", "dg_ex", "dg_in"):
        np.testing.assert_allclose(ours.values[state], exact.values[state], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("method", "order"), [("rk4", 4), ("exponential_midpoint", 2)])
def test_order(method: str, order: int) -> None:
    model = sl.LIFCondAlpha(method=method)
    drive = Drive([(5.0, 150.0)], [(10.0, 6.0, None), (12.0, -3.0, None), (20.0, 4.0, None)])
    reference = CondReference("cond_alpha", values_of(model))
    assert_order(model, reference, drive, 30.0, order, dt=0.05)
