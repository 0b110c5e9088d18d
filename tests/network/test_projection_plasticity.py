"""The amplitudes of a plasticity rule may change, and nothing else of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import spikelet as sl


def test_amplitudes_of_a_rule_can_be_changed_and_nothing_else() -> None:
    net = sl.Network(dt=0.1)
    X, E = net.population(3, sl.PoissonSource(100.0)), net.population(2, sl.LIF(), name="E")
    p = net.connect(X, E, sl.AllToAll(), weight=0.5, plasticity=sl.STDP())
    p.plasticity = sl.STDP(A_plus=0.5)
    assert p.plasticity == sl.STDP(A_plus=0.5)
    for rule, text in (
        (sl.STDP(tau_plus=10.0), r"plasticity.tau_plus must stay 20.0: only amplitudes"),
        (sl.STDP(w_max=2.0), r"plasticity.w_max must stay 1.0"),
        (sl.STDP(pairing="nearest_symmetric"), r"plasticity.pairing must stay 'all_to_all'"),
        (sl.TripletSTDP(), r"must be of the kind that the projection was made with \(STDP\)"),
        (None, r"must be of the kind"),
    ):
        with pytest.raises(ValueError, match=text):
            p.plasticity = rule
    static = net.connect(X, E, sl.AllToAll())
    with pytest.raises(
        ValueError, match=r"must be of the kind that the projection was made with \(none\)"
    ):
        static.plasticity = sl.STDP()
    assert dataclasses.replace(sl.STDP(), A_plus=0.5) == p.plasticity


@pytest.mark.parametrize("layout", ["dense", "one delay", "many delays"])
def test_amplitudes_act_from_now_on(layout: str) -> None:
    net = sl.Network(dt=0.1, seed=2, dtype="float64")
    X, E = net.population(20, sl.PoissonSource(50.0)), net.population(30, sl.LIF(I_e=400.0))
    rule: Any = sl.AllToAll() if layout == "dense" else sl.FixedProbability(0.2)
    delay: Any = sl.Uniform(0.5, 4.0) if layout == "many delays" else 1.5
    stdp = sl.STDP(A_plus=1.0, A_minus=1.0, w_max=100.0)
    p = net.connect(X, E, rule, weight=50.0, delay=delay, plasticity=stdp)
    net.run(300.0)
    before = p.weights
    assert (before != 50.0).mean() > 0.5
    p.plasticity = dataclasses.replace(stdp, A_plus=0.0, A_minus=0.0)
    net.run(200.0)
    np.testing.assert_array_equal(p.weights, before)
    p.plasticity = dataclasses.replace(stdp, A_minus=0.0)
    net.run(200.0)
    assert (p.weights >= before).all()
    assert (p.weights > before).any()
