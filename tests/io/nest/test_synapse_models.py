"""Plasticity rules from NEST's synapse models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.nest_kernel import assert_same_spikes

import spikelet as sl

pytestmark = pytest.mark.usefixtures("fresh_nest")

nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("stdp_synapse", {"lambda": 0.02, "alpha": 1.1, "Wmax": 100.0, "mu_plus": 0.0, "mu_minus": 0.0}),
        ("stdp_triplet_synapse", {"Wmax": 100.0, "Aplus": 0.3, "Aminus": 0.2}),
        ("vogels_sprekeler_synapse", {"eta": 1.0, "alpha": 0.1, "Wmax": 120.0}),
        ("stdp_pl_synapse_hom", {"lambda": 0.5, "alpha": 0.05, "mu": 0.4}),
        ("tsodyks2_synapse", {"U": 0.3, "tau_rec": 100.0, "tau_fac": 50.0, "u": 0.3}),
        ("tsodyks_synapse", {"U": 0.3, "tau_rec": 100.0, "tau_fac": 50.0, "tau_psc": 2.0}),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)  # fmt: skip
@pytest.mark.parametrize("copied", [False, True])
def test_plastic_synapses(model: str, more: dict[str, float], copied: bool) -> None:
    name = model
    if copied:
        name = f"mine_{model}"
        nest.CopyModel(model, name, more)
    elif model.endswith("_hom"):
        nest.SetDefaults(model, more)
    rng = np.random.default_rng(3)
    pre = nest.Create("iaf_psc_exp", 20, {"I_e": rng.uniform(400.0, 700.0, 20).tolist()})
    post = nest.Create(
        "iaf_psc_exp", 10, {"I_e": rng.uniform(350.0, 450.0, 10).tolist(), "tau_minus": 20.0}
    )
    given = {} if copied or model.endswith("_hom") else more
    nest.Connect(
        pre, post, "all_to_all", {"synapse_model": name, "weight": 50.0, "delay": 1.5, **given}
    )
    recorder = nest.Create("spike_recorder")
    nest.Connect(post, recorder)
    net = sl.io.from_nest(nest, populations={"pre": pre, "post": post}, threads=1)
    (plastic,) = net.projections
    assert plastic.plasticity is not None
    before = plastic.weights
    nest.Simulate(300.0)
    net.run(300.0)
    assert_same_spikes(net, recorder, 21)
    assert np.any(plastic.weights != before) or model.startswith("tsodyks")


@pytest.mark.parametrize("state", [{}, {"u": 0.3, "x": 0.9}])
def test_short_term_synapses_that_are_not_at_rest_at_time_0(state: dict[str, float]) -> None:
    """NEST's u begins at 0.5, whatever U is, as if the source had spiked at time 0."""
    cells = nest.Create("iaf_psc_exp", 2)
    nest.Connect(cells, cells, syn_spec={"synapse_model": "tsodyks2_synapse", "U": 0.3, **state})
    with pytest.raises(ValueError, match="at rest they have u = U and x = 1") as caught:
        sl.io.from_nest(nest)
    assert "approximate=True" in str(caught.value)
    with pytest.warns(UserWarning, match="u = U and x = 1"):
        net = sl.io.from_nest(nest, approximate=True)
    assert isinstance(net.projections[0].plasticity, sl.TsodyksMarkram)


@pytest.mark.parametrize("tau_fac", [0.0, 100.0, [0.0, 100.0]])
def test_the_rest_of_tsodyks_synapse_has_another_u(tau_fac: Any) -> None:
    """Its u decays to 0, not to U; with tau_fac = 0 at once, as in NEST's evaluate_tsodyks2_synapse.py."""
    source = nest.Create("parrot_neuron")
    train = {"spike_times": [5.0, 20.0, 40.0, 45.0]}
    nest.Connect(nest.Create("spike_generator", params=train), source)
    cells = nest.Create("iaf_psc_exp", 2, {"tau_syn_ex": 3.0})
    model = {"synapse_model": "tsodyks_synapse", "weight": 250.0, "tau_rec": 450.0, "U": 0.6}
    facs = np.broadcast_to(tau_fac, 2)
    for cell, fac in zip(cells, facs, strict=True):
        nest.Connect(source, cell, syn_spec={**model, "u": 0.6, "tau_fac": float(fac)})
    if np.any(facs):
        with pytest.raises(ValueError, match="at rest they have u = 0, x = 1 and y = 0"):
            sl.io.from_nest(nest)
        nest.GetConnections(source).u = 0.0
    meter = nest.Create("multimeter", {"record_from": ["V_m"], "interval": 0.1})
    nest.Connect(meter, cells)
    net = sl.io.from_nest(nest)
    (vm,) = (r for r in net.recorders if isinstance(r, sl.StateRecorder))
    nest.Simulate(60.0)
    net.run(60.0)
    events = meter.events
    order = np.lexsort((events["senders"], events["times"]))
    values = np.reshape(events["V_m"][order], (-1, 2))
    assert np.ptp(values) > 1.0
    np.testing.assert_allclose(vm.values[: len(values)], values, rtol=0, atol=1e-9)


def test_nearest_neighbor_rules() -> None:
    """NEST acts as if each source had spiked at time 0, so weights differ at first."""
    cells = nest.Create("iaf_psc_exp", 2, {"tau_minus": 30.0})
    for name in ("symm", "pre_centered", "restr"):
        spec = {"synapse_model": f"stdp_nn_{name}_synapse", "mu_plus": 0.3, "Wmax": 20.0}
        nest.Connect(cells, cells, syn_spec=spec)
    rules = {p.plasticity for p in sl.io.from_nest(nest).projections}
    same = {
        "tau_minus": 30.0,
        "A_plus": 0.2,
        "A_minus": 0.2,
        "w_max": 20.0,
        "coincidence": "ignore",
    }
    assert rules == {
        sl.STDP(pairing=pairing, dependence="power", mu_plus=0.3, mu_minus=1.0, **same)
        for pairing in ("nearest_symmetric", "nearest_pre_centered", "nearest_restricted")
    }


def test_copies_that_nest_does_not_tell_apart() -> None:
    nest.CopyModel("stdp_synapse", "ee", {"Wmax": 50.0})
    cells = nest.Create("iaf_psc_exp", 2)
    nest.Connect(cells, cells, syn_spec={"synapse_model": "ee"})
    with pytest.raises(ValueError, match=r'synapse_models=\{"ee": "stdp_synapse"\}'):
        sl.io.from_nest(nest)
    net = sl.io.from_nest(nest, synapse_models={"ee": "stdp_nn_pre_centered_synapse"})
    rule = net.projections[0].plasticity
    assert isinstance(rule, sl.STDP)
    assert rule.pairing == "nearest_pre_centered"
