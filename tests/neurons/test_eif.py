"""EIF is AdEx without adaptation."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.neuron_references import AdExReference, Drive
from tests.support.neuron_runs import assert_defaults, assert_order, run, values_of

import spikelet as sl


@pytest.mark.parametrize("kind", ["cond_exp", "cond_alpha", "psc_exp", "psc_alpha", "delta"])
def test_is_adex_without_adaptation(kind: str) -> None:
    model = sl.EIF(synapses=kind, t_ref=1.0)
    weight = {"cond": 20.0, "psc": 700.0, "delta": 3.0}[kind.split("_", maxsplit=1)[0]]
    drive = Drive([(2.0, 700.0)], [(10.0, weight, None), (22.0, -weight / 4, None)])
    ours = run(model, drive, 0.1, 60.0)
    other = run(sl.AdEx(synapses=kind, t_ref=1.0, a=0.0, b=0.0), drive, 0.1, 60.0)
    assert len(ours.spikes) >= 2
    assert ours.spikes == other.spikes
    for state, values in ours.values.items():
        np.testing.assert_allclose(values, other.values[state], rtol=1e-9, atol=1e-9)


def test_defaults_are_nests() -> None:
    assert_defaults(sl.EIF(), "aeif_cond_exp")


@pytest.mark.parametrize(("method", "order"), [("rk2", 2), ("rk4", 4)])
def test_order(method: str, order: int) -> None:
    model = sl.EIF(synapses="psc_exp", method=method)
    drive = Drive([(5.0, 400.0)], [(10.0, 300.0, None), (20.0, -300.0, None)])
    reference = AdExReference("psc_exp", values_of(model), adaptation=False)
    assert_order(model, reference, drive, 40.0, order)
