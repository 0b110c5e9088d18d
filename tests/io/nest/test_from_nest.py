"""Networks that were built in NEST, taken into spikelet: the same spikes and weights."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from tests.support.nest_kernel import assert_same_spikes

import spikelet as sl

pytestmark = pytest.mark.usefixtures("fresh_nest")

nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")


@pytest.mark.parametrize("model", ["iaf_psc_exp", "iaf_psc_alpha", "iaf_psc_delta"])
def test_a_network_spikes_as_in_nest(model: str) -> None:
    rng = np.random.default_rng(1)
    cells = nest.Create(model, 200, {"I_e": rng.uniform(380.0, 600.0, 200).tolist(), "t_ref": 1.5})
    cells.V_m = nest.random.uniform(-70.0, -56.0)
    scale = 0.5 if model == "iaf_psc_delta" else 40.0
    rule = {"rule": "fixed_indegree", "indegree": 20}
    weight, delay = nest.random.normal(0.0, scale), nest.random.uniform(0.5, 3.0)
    nest.Connect(cells, cells, rule, {"weight": weight, "delay": delay})
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    net = sl.io.from_nest(nest, threads=2)
    assert [(p.name, len(p)) for p in net.populations] == [(f"{model}_1", 200)]
    assert (net.dt, net.seed) == (0.1, nest.rng_seed)
    nest.Simulate(200.0)
    net.run(200.0)
    assert_same_spikes(net, recorder, 1)


def test_conductances_and_adaptation() -> None:
    """NEST steps these adaptively: close, not equal."""
    cells = nest.Create("aeif_cond_exp", 5, {"I_e": 300.0, "w": 10.0})
    train = nest.Create("spike_generator", params={"spike_times": [20.0, 40.0, 60.0]})
    nest.Connect(train, cells[:3], syn_spec={"weight": 10.0})
    nest.Connect(train, cells[3:], syn_spec={"weight": -10.0})
    meter = nest.Create("voltmeter", params={"interval": 1.0})
    nest.Connect(meter, cells)
    net = sl.io.from_nest(nest, threads=1)
    np.testing.assert_array_equal(net.populations[0].w, 10.0)
    nest.Simulate(80.0)
    net.run(80.0)
    expected = np.asarray(meter.events["V_m"]).reshape(-1, 5)
    assert np.ptp(expected) > 3.0
    np.testing.assert_allclose(net.recorders[0].values[: len(expected)], expected, atol=0.02)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_there_and_back(dtype: str) -> None:
    """spikelet -> NEST -> spikelet: the same network, with its sources, inputs and rules."""
    rng = np.random.default_rng(7)
    net = sl.Network(dt=0.1, seed=3, threads=1, dtype="float64")
    a = net.population(40, sl.LIF(I_e=rng.uniform(300.0, 500.0, 40), tau_syn_in=3.0), name="a")
    b = net.population(20, sl.LIFAlpha(I_e=500.0), name="b")
    source = net.population(
        10, sl.SpikeSource.from_trains(list(rng.integers(0, 900, (10, 20)) / 10))
    )
    other = net.population(6, sl.RasterSource(rng.random((900, 6)) < 0.02))
    net.connect(
        source,
        a,
        sl.FixedProbability(0.3),
        weight=sl.Normal(100.0, 10.0),
        delay=sl.Uniform(1.0, 3.0),
    )
    net.connect(other, b, sl.AllToAll(), weight=-60.0, delay=1.2)
    rule = sl.STDP(A_plus=0.5, A_minus=0.4, w_max=80.0, coincidence="ignore")
    plastic = net.connect(a, b, sl.FixedIndegree(10), weight=40.0, delay=1.0, plasticity=rule)
    net.inject(b, sl.StepCurrent([10.0, 50.0], [100.0, -50.0]))
    ours = [net.record(p, "spikes") for p in (a, b)]
    twin = net.to_nest()
    copy = sl.io.from_nest(nest, populations={"a": twin.nodes(a), "b": twin.nodes(b)}, dtype=dtype)
    again = {p.name: p for p in copy.populations}
    recorded = [copy.record(again[name], "spikes") for name in ("a", "b")]
    net.run(90.0)
    copy.run(90.0)
    if dtype == "float64":
        for x, y in zip(ours, recorded, strict=True):
            assert len(x) > 5
            np.testing.assert_array_equal(x.ids, y.ids)
            np.testing.assert_array_equal(x.times, y.times)
        (same,) = (p for p in copy.projections if p.plasticity is not None)
        np.testing.assert_allclose(same.weights, plastic.weights, rtol=1e-13)  # NEST has A / w_max
        assert isinstance(same.plasticity, sl.STDP)
        assert same.plasticity.A_minus == pytest.approx(rule.A_minus)


def test_receptors_and_lists() -> None:
    first = nest.Create("iaf_psc_exp_multisynapse", 2, {"tau_syn": [2.0, 8.0], "I_e": 300.0})
    second = nest.Create("iaf_psc_exp_multisynapse", 2, {"tau_syn": [3.0], "I_e": 390.0})
    nest.Connect(second, first, syn_spec={"weight": 400.0, "receptor_type": 2})
    recorder = nest.Create("spike_recorder")
    nest.Connect(first, recorder)
    net = sl.io.from_nest(nest)
    assert [len(p) for p in net.populations] == [2, 2]  # the lists differ
    nest.Simulate(1500.0)
    net.run(1500.0)
    assert_same_spikes(net, recorder, 1)


def test_all_obstacles_are_listed() -> None:
    cells = nest.Create("iaf_psc_exp", 2, {"delta": 1.0})
    odd = nest.Create("iaf_psc_exp_htum", 2)
    nest.Connect(odd, odd, syn_spec={"synapse_model": "quantal_stp_synapse"})
    packets = nest.Create("pulsepacket_generator")
    nest.Connect(packets, odd)
    del cells
    with pytest.raises(ValueError, match="cannot represent") as raised:
        sl.io.from_nest(nest)
    text = str(raised.value)
    for expected in (
        "delta must be 0",
        "'iaf_psc_exp_htum'",
        "quantal_stp_synapse",
        "no pulsepacket_generator",
    ):
        assert expected in text  # fmt: skip


def test_sets_of_parameters_of_plasticity_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = nest.Create("iaf_psc_exp", 4)
    plastic = {"synapse_model": "stdp_synapse", "alpha": nest.random.uniform(0.9, 1.1)}
    nest.Connect(cells, cells, "one_to_one", plastic)
    assert len(sl.io.from_nest(nest, threads=1).projections) == 4
    module = importlib.import_module("spikelet.io.nest.from_nest")  # not the function of its name
    monkeypatch.setattr(module, "_MOST_RULES", 3)
    with pytest.raises(ValueError, match=r"at most 3 sets of values .* got sets 4"):
        sl.io.from_nest(nest, threads=1)


def test_the_past_of_a_kernel_is_not_left_out_silently() -> None:
    cells = nest.Create("iaf_psc_exp", 3, {"I_e": 500.0})
    nest.Connect(cells, cells, syn_spec={"weight": 10.0})
    nest.Simulate(50.0)
    with pytest.raises(ValueError, match=r"synaptic currents.*\n.*approximate=True"):
        sl.io.from_nest(nest)
    with pytest.warns(UserWarning, match="left out: synaptic currents"):
        net = sl.io.from_nest(nest, approximate=True)
    np.testing.assert_allclose(net.populations[0].V_m, cells.V_m)
    assert net.t == 0.0


@pytest.mark.parametrize("model", ["iaf_psc_exp", "iaf_psc_alpha", "hh_psc_alpha", "gif_psc_exp", "iaf_psc_delta", "iaf_cond_exp"])  # fmt: skip
def test_currents_that_generators_left_are_not_left_out_silently(model: str) -> None:
    """Nothing has spiked yet; NEST shows conductances, but no currents, until they have decayed."""
    cells = nest.Create(model, 3)
    train = nest.Create("spike_generator", params={"spike_times": [3.0, 150.0]})
    nest.Connect(train, cells[:2], syn_spec={"weight": 1.0, "delay": 2.0})
    nest.Simulate(4.9)
    with pytest.raises(ValueError, match=r"spikes in flight\n.*approximate=True"):
        sl.io.from_nest(nest)
    nest.Simulate(1.0)
    if model in ("iaf_psc_delta", "iaf_cond_exp"):
        sl.io.from_nest(nest)
    else:
        with pytest.raises(ValueError, match=rf"{model}_1: synaptic currents of earlier events\n"):
            sl.io.from_nest(nest)
        with pytest.warns(UserWarning, match=rf"left out: {model}_1: synaptic currents"):
            sl.io.from_nest(nest, approximate=True)
    nest.Simulate(140.0)
    net = sl.io.from_nest(nest, threads=1)
    nest.Simulate(20.0)
    net.run(20.0)
    np.testing.assert_allclose(net.populations[0].V_m, cells.V_m, rtol=1e-5)
    assert len(set(cells.V_m)) == 2


def test_currents_of_poisson_generators_that_are_over_are_not_left_out_silently() -> None:
    cells = nest.Create("iaf_psc_exp", 2, params={"tau_syn_ex": 20.0})
    noise = nest.Create("poisson_generator", params={"rate": 5000.0, "stop": 5.0})
    nest.Connect(noise, cells, syn_spec={"weight": 10.0, "delay": 1.0})
    nest.Simulate(7.0)
    with pytest.raises(ValueError, match="iaf_psc_exp_1: synaptic currents of earlier events\n"):
        sl.io.from_nest(nest)
    nest.Simulate(900.0)
    assert len(sl.io.from_nest(nest).inputs) == 0


def test_what_acts_on_an_unknown_model_is_no_further_obstacle() -> None:
    cells = nest.Create("pp_psc_delta", 2)
    train = nest.Create("spike_generator", params={"spike_times": [3.0]})
    nest.Connect(train, cells, syn_spec={"weight": 1.0, "delay": 1.0})
    nest.Simulate(6.0)
    with pytest.raises(ValueError, match="must be a model that spikelet has"):
        sl.io.from_nest(nest)


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match="must be the module nest"):
        sl.io.from_nest(3)
    cells, others = nest.Create("iaf_psc_exp", 3), nest.Create("iaf_psc_alpha", 2)
    with pytest.raises(ValueError, match=r'populations\["all"\]: nodes must be of the same model'):
        sl.io.from_nest(nest, populations={"all": cells + others})
    with pytest.raises(ValueError, match="another population"):
        sl.io.from_nest(nest, populations={"a": cells, "b": cells[:1]})
    with pytest.raises(TypeError, match="NodeCollection"):
        sl.io.from_nest(nest, populations={"a": 3})
    assert [p.name for p in sl.io.from_nest(nest, populations={"a": cells[1:]}).populations] == [
        "iaf_psc_exp_1",
        "a",
        "iaf_psc_alpha_4",
    ]


def test_devices_that_have_no_counterpart_are_named() -> None:
    weights = nest.Create("weight_recorder")
    nest.CopyModel("static_synapse", "watched", {"weight_recorder": weights})
    cells = nest.Create("iaf_psc_exp", 2)
    nest.Connect(cells, cells, syn_spec={"synapse_model": "watched"})
    nest.Connect(cells, nest.Create("spike_recorder", params={"record_to": "screen"}))
    with pytest.warns(
        UserWarning, match=r"records in memory here.*watched has no weight_recorder here"
    ):
        net = sl.io.from_nest(nest)
    assert len(net.recorders) == 1
    constant = nest.Create("dc_generator")
    with pytest.raises(
        ValueError, match=r'populations\["drive"\]: dc_generator cannot be a population'
    ):
        sl.io.from_nest(nest, populations={"drive": constant})
