"""Synapse models of NEST as ours."""

from __future__ import annotations

from typing import Any

import pytest

import spikelet as sl
from spikelet.io.nest.synapse_models import synapse_of
from spikelet.io.sonata.edges import read_synapse, settable

RULES = [
    sl.STDP(
        A_plus=0.3, A_minus=0.2, tau_plus=17.0, tau_minus=33.0, w_max=7.0, coincidence="ignore"
    ),
    sl.STDP(
        dependence="multiplicative", pairing="nearest_symmetric", w_max=2.0, coincidence="ignore"
    ),
    sl.STDP(
        dependence="power",
        mu_plus=0.4,
        mu_minus=0.1,
        pairing="nearest_pre_centered",
        coincidence="ignore",
    ),
    sl.STDP(pairing="nearest_restricted", coincidence="ignore"),
    sl.STDP(dependence="power_law", mu_plus=0.4, coincidence="ignore"),
    sl.TripletSTDP(tau_minus=30.0, w_max=3.0, coincidence="ignore"),
    sl.InhibitorySTDP(tau=25.0, eta=0.01, alpha=0.2, w_max=5.0, coincidence="ignore"),
    sl.TsodyksMarkram(U=0.3, tau_rec=200.0, tau_fac=50.0),
    sl.TsodyksMarkram(U=0.3, tau_rec=200.0, tau_fac=50.0, tau_psc=3.0),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.core_name)
def test_rules_come_back_from_their_names_in_nest(rule: Any) -> None:
    net = sl.Network()
    cells = net.population(2, sl.LIF())
    p = net.connect(cells, cells, sl.AllToAll(), weight=0.5, plasticity=rule)
    how = synapse_of(p, net.dt)
    exact = (
        {k: getattr(rule, k) for k in ("A_plus", "A_minus")} if isinstance(rule, sl.STDP) else {}
    )
    params = {k: float(v) for k, v in how.parameters.items()}
    again = read_synapse("w", how.model, params, exact).rule("w", how.in_target)
    assert repr(again) == repr(rule)


def test_defaults_are_those_of_nest() -> None:
    nest = pytest.importorskip("nest", exc_type=ImportError)
    for name in (
        "stdp_synapse",
        "stdp_pl_synapse_hom",
        "stdp_triplet_synapse",
        "vogels_sprekeler_synapse",
        "tsodyks2_synapse",
        "tsodyks_synapse",
    ):
        theirs = nest.GetDefaults(name)
        found = read_synapse("w", name, {}, {})
        assert {k: theirs[k] for k, _ in found.parameters} == dict(found.parameters)
        assert set(settable(name)) == {*dict(found.parameters), "receptor_type"}


def test_static_synapses_and_states_at_rest() -> None:
    found = read_synapse("w", "nest:static_synapse", {"weight": 3.0, "receptor_type": 2}, {})
    assert (found.template, found.receptor, found.rule("w", {})) == ("static_synapse", 2, None)
    assert read_synapse(
        "w", "tsodyks2_synapse", {"U": 0.2, "u": 0.2, "x": 1.0}, {}
    ) == read_synapse("w", "tsodyks2_synapse", {"U": 0.2}, {})
    assert read_synapse("w", "stdp_synapse", {"Wmax": -3.0}, {}).negative


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        (
            "static_synapze",
            {},
            "must be a synapse model of NEST that spikelet has; did you mean 'static_synapse'",
        ),
        ("static_synapse", {"tau": 1.0}, "must be one of NEST's static_synapse"),
        ("stdp_synapse", {"tau_plas": 1.0}, "did you mean 'tau_plus'"),
        ("stdp_synapse", {"tau_plus": "1"}, "tau_plus must be a number"),
        ("stdp_synapse", {"Kplus": 1.0}, "Kplus must be 0: a synapse starts at rest"),
        ("tsodyks2_synapse", {"u": 0.3}, "u must be U"),
    ],
)
def test_what_there_is_not(name: str, values: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^w: .*{text}"):
        read_synapse("w", name, values, {})


def test_errors_of_rules_name_the_edges() -> None:
    with pytest.raises(ValueError, match=r"^w: stdp_synapse: STDP: tau_plus must be"):
        read_synapse("w", "stdp_synapse", {"tau_plus": -1.0}, {}).rule("w", {})
