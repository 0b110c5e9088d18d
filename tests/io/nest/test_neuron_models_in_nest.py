"""Models of NEST beyond integrate and fire: what `to_nest` makes of them, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.support.nest_twins import same_spikes

import spikelet as sl
from spikelet.neurons.nest_names import NEST_MODELS

pytestmark = pytest.mark.usefixtures("fresh_nest")

nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")

MODELS: dict[str, Callable[[], Any]] = {
    "aeif_cond_exp": sl.AdEx,
    "aeif_cond_alpha": lambda: sl.AdEx(synapses="cond_alpha", method="rk4"),
    "aeif_psc_exp": lambda: sl.AdEx(synapses="psc_exp"),
    "aeif_psc_alpha": lambda: sl.AdEx(synapses="psc_alpha"),
    "aeif_psc_delta": lambda: sl.AdEx(synapses="delta"),
    "iaf_cond_exp": sl.LIFCond,
    "iaf_cond_alpha": sl.LIFCondAlpha,
    "iaf_cond_exp_sfa_rr": sl.LIFCondSFA,
    "iaf_psc_exp_multisynapse": lambda: sl.LIFMultisynapse(tau_syn={"ampa": 2.0, "gaba": 8.0}),
    "gif_psc_exp": lambda: sl.GIF(tau_stc=[20.0], q_stc=[30.0], tau_sfa=[9.0, 50.0], q_sfa=[5.0, 2.0]),
    "gif_cond_exp": lambda: sl.GIF(synapses="cond_exp"),
    "hh_psc_alpha": sl.HodgkinHuxley,
    "hh_cond_exp_traub": lambda: sl.HodgkinHuxley(channels="traub", I_e=-150.0),
    "izhikevich": sl.Izhikevich,
}  # fmt: skip
EXACT = ("iaf_psc_exp_multisynapse",)
BOUND = {"izhikevich": 0.06, "gif_psc_exp": 0.02, "hh_psc_alpha": 0.02, "hh_cond_exp_traub": 0.02}
"""Largest error of V_m as a share of its range, where NEST's method or ours is of low order."""


def by_port(model: Any, number: int) -> dict[str, str]:
    """Return the receptor to name, where the sign of a weight does not pick one."""
    return (
        {} if model.by_sign or len(model.receptors) == 1 else {"receptor": model.receptors[number]}
    )


def strength(model: Any) -> float:
    """Return a weight that moves V_m by about a millivolt."""
    return 1.0 if model.conductance or len(model.receptors) == 1 else 60.0


def driven(model: Any, rng: np.random.Generator) -> tuple[sl.Network, sl.Population]:
    """Draw neurons below their threshold, with excitation, inhibition and currents."""
    net = sl.Network(seed=3, threads=1, dtype="float64")
    cells = net.population(12, model, name="cells")
    source = net.population(4, sl.SpikeSource(np.arange(1.0, 40.0, 2.5), np.arange(16) % 4))
    w = strength(model)
    for number, sign in enumerate((1.0, -1.0)):
        weight = sign * rng.uniform(0.5, 1.0, 48) * w
        net.connect(
            source, cells, sl.AllToAll(), weight=weight, delay=1.5, **by_port(model, number)
        )
    net.inject(cells, sl.CurrentInput(rng.uniform(-0.5, 0.5, (300, 12)) * (w if w > 9 else 1.0)))
    return net, cells


def disturb(cells: sl.Population, name: str, rng: np.random.Generator) -> None:
    """Give all states that NEST takes other values; inhibitory currents stay negative."""
    size = {"V": -2.0, "U": -1.0, "A": 0.02, "I": 0.02}
    for state in NEST_MODELS[name].settable:
        most = size[state[0]] if state[0] in "VUA" or state == "Inact_h" else 2.0
        most *= -1.0 if state in ("I_syn_in", "dI_syn_in") else 1.0
        values = np.asarray(getattr(cells, state))
        setattr(cells, state, values + rng.uniform(0.2, 1.0, len(cells)) * most)


@pytest.mark.parametrize("name", MODELS)
def test_potentials_follow_those_of_nest(name: str) -> None:
    """States that NEST takes, and those that events restore, are carried over; what is recorded has our signs."""
    rng = np.random.default_rng(len(name))
    model = MODELS[name]()
    net, cells = driven(model, rng)
    if not name.startswith("hh"):  # their synaptic states cannot be set
        net.run(13.0)  # no spike is in flight
    disturb(cells, name, rng)
    other = net.to_nest()
    assert set(np.atleast_1d(other.nodes(cells).model).astype(str)) == {name}
    known = ["V_m"]
    for state in set(model.states) - {"V_m"}:
        try:
            other.record(cells, state)
        except ValueError:
            continue
        known.append(state)
    assert len(known) > (name not in ("aeif_psc_delta", "gif_psc_exp")) or name.startswith("gif")
    mine, theirs = ([x.record(cells, s) for s in known] for x in (net, other))
    spikes = net.record(cells, "spikes")
    for x in (net, other):
        x.run(20.0)
        x.run(2.0)
    assert len(spikes.times) == 0, "potentials are compared below the threshold"
    for state, a, b in zip(known, mine, theirs, strict=True):
        k = len(b.times)
        assert k > 190
        size = np.ptp(a.values)
        assert size > 1e-6, state
        bound = 1e-9 if name in EXACT else BOUND.get(name, 5e-3)
        np.testing.assert_allclose(b.values, a.values[:k], rtol=0, atol=bound * size, err_msg=state)


def test_states_that_nest_does_not_take_are_named() -> None:
    net, _ = driven(sl.HodgkinHuxley(), np.random.default_rng(1))
    net.run(8.0)
    with pytest.raises(ValueError, match=r"cells: I_syn_ex and .*cannot be set in hh_psc_alpha"):
        net.to_nest()
    other = sl.Network(seed=1, threads=1, dtype="float64")
    adapting = other.population(2, sl.AdEx(synapses="psc_exp"), name="adapting")
    adapting.I_syn_in = 5.0
    with pytest.raises(ValueError, match="adapting: I_syn_in of the sign of the other receptor"):
        other.to_nest()


@pytest.mark.parametrize("name", [n for n in MODELS if not n.startswith("gif")])
def test_rates_are_those_of_nest(name: str) -> None:
    model = MODELS[name]()
    drive = {"izhikevich": 10.0, "iaf_cond_exp": 270.0, "iaf_cond_alpha": 270.0}
    model = model.replace(I_e=drive.get(name, 700.0) * np.linspace(1.0, 1.5, 8))
    net = sl.Network(seed=1, threads=1, dtype="float64")
    cells = net.population(8, model)
    net.connect(cells, cells, sl.OneToOne(), weight=strength(model), delay=1.0, **by_port(model, 0))
    other = net.to_nest()
    ours, theirs = (x.record(cells, "spikes") for x in (net, other))
    for x in (net, other):
        x.run(300.0)
    if name in EXACT:
        same_spikes(ours, theirs)
        return
    counts = [np.bincount(r.ids, minlength=8) for r in (ours, theirs)]
    assert counts[0].sum() >= 12
    np.testing.assert_allclose(counts[0], counts[1], atol=1, rtol=0.03)


def test_random_spikes_have_the_rate_of_nest() -> None:
    """Lists of parameters, one of which differs between neurons."""
    net = sl.Network(seed=1, threads=1, dtype="float64")
    model = sl.GIF(
        tau_stc=[20.0],
        q_stc=[np.linspace(0.0, 60.0, 400)],
        tau_sfa=[9.0, 50.0],
        q_sfa=[5.0, 2.0],
        I_e=300.0,
    )
    cells = net.population(400, model)
    other = net.to_nest()
    assert any("random numbers" in note for note in other.notes)
    ours, theirs = (x.record(cells, "spikes") for x in (net, other))
    for x in (net, other):
        x.run(1000.0)
    for part in (slice(0, 200), slice(200, 400)):
        counts = [np.bincount(r.ids, minlength=400)[part].mean() for r in (ours, theirs)]
        assert counts[0] > 3.0
        np.testing.assert_allclose(*counts, rtol=0.05)


def test_ports_take_projections_inputs_and_what_is_left_of_currents() -> None:
    rng = np.random.default_rng(2)
    net = sl.Network(seed=2, threads=1, dtype="float64")
    model = sl.LIFMultisynapse(tau_syn={"ampa": 2.0, "nmda": 60.0, "gaba": 8.0}, I_e=600.0)
    cells = net.population(20, model, name="cells")
    source = net.population(6, sl.RasterSource(rng.poisson(0.02, (2000, 6))))
    for receptor, weight in (("ampa", 60.0), ("nmda", 4.0), ("gaba", -50.0)):
        net.connect(source, cells, sl.FixedIndegree(4), weight=weight, delay=1.2, receptor=receptor)
    net.connect(cells, cells, sl.FixedIndegree(3), weight=-9.0, delay=2.0, receptor="nmda")
    cells.I_syn_nmda = rng.uniform(-30.0, 30.0, 20)
    other = net.to_nest()
    assert not [note for note in other.notes if "left out" in note]
    ours, theirs = (x.record(cells, "spikes") for x in (net, other))
    mine, nests = (x.record(cells, "I_syn_nmda") for x in (net, other))
    for x in (net, other):
        x.run(150.0)
        x.run(2.0)
    same_spikes(ours, theirs)
    k = len(nests.times)
    assert k >= 1490
    np.testing.assert_allclose(nests.values, mine.values[:k], atol=1e-9)
    with pytest.warns(UserWarning, match="left out"):
        again = sl.io.from_nest(nest, approximate=True)
    assert [len(p) for p in again.projections] == [80, 80, 80, 60, 20]  # and what restores I_syn


def test_random_input_at_a_port_and_at_a_conductance() -> None:
    net = sl.Network(seed=4, threads=1, dtype="float64")
    multi = net.population(60, sl.LIFMultisynapse(tau_syn={"ampa": 2.0, "gaba": 8.0}, V_th=1e3))
    cond = net.population(60, sl.LIFCond(V_th=-40.0))
    net.inject(multi, sl.PoissonInput(rate=5000.0, weight=-20.0, receptor="gaba"))
    net.inject(cond, sl.PoissonInput(rate=5000.0, weight=0.5, receptor="in"))
    other = net.to_nest()
    means = []
    for x in (net, other):
        gaba, g_in = x.record(multi, "I_syn_gaba"), x.record(cond, "g_in")
        x.run(300.0)
        x.run(2.0)
        means.append([np.mean(r.values[500:]) for r in (gaba, g_in)])
    assert means[0][0] < -100.0
    assert means[0][1] > 1.0
    np.testing.assert_allclose(means[0], means[1], rtol=0.03)


@pytest.mark.parametrize("name", [n for n in MODELS if not n.startswith("gif")])
def test_states_of_nest_come_back(name: str) -> None:
    """NEST's values of states are ours after a factor: slopes of alpha functions, magnitudes of inhibition."""
    rng = np.random.default_rng(9)
    model = MODELS[name]()
    net = sl.Network(seed=1, threads=1, dtype="float64")
    cells = net.population(5, model)
    disturb(cells, name, rng)
    net.to_nest()
    again = sl.io.from_nest(nest)
    back = again.populations[0]
    assert back.model.parameters() == model.parameters() or name == "iaf_psc_exp_multisynapse"
    for state in NEST_MODELS[name].settable:
        mine = np.asarray(getattr(cells, state))
        np.testing.assert_allclose(
            np.asarray(getattr(back, state)), mine, rtol=1e-14, err_msg=state
        )


@pytest.mark.parametrize(
    "name", ["aeif_cond_alpha", "aeif_psc_alpha", "aeif_psc_exp", "iaf_cond_alpha"]
)
def test_states_set_in_nest_act_here_as_there(name: str) -> None:
    for state in NEST_MODELS[name].settable:
        nest.ResetKernel()
        nest.resolution = 0.1
        node = nest.Create(name)
        node.set({state: node.get(state) + (2.0 if state == "V_m" else 30.0)})
        net = sl.io.from_nest(nest)
        mine = net.record(net.populations[0], "V_m")
        meter = nest.Create("multimeter", params={"record_from": ["V_m"], "interval": 0.1})
        nest.Connect(meter, node)
        net.run(5.0)
        nest.Simulate(6.5)
        theirs = np.asarray(meter.events["V_m"])[:50]
        size = np.ptp(theirs)
        assert size > 1e-4
        np.testing.assert_allclose(
            mine.values[:, 0], theirs, rtol=0, atol=0.03 * size, err_msg=state
        )


@pytest.mark.parametrize(
    ("model", "text"),
    [
        (sl.LIFNMDA, "cells: LIFNMDA is not translated"),
        (sl.EIF, "cells: EIF is a model from text that NEST does not have"),
        (lambda: sl.AdEx(V_peak=-52.0), "V_peak must not lie below V_th"),
        (lambda: sl.AdEx(Delta_T=0.01), r"\(V_peak - V_th\) / Delta_T must be below 66"),
    ],
)  # fmt: skip
def test_what_nest_refuses_is_named_before_the_kernel_changes(model: Any, text: str) -> None:
    net = sl.Network(seed=1, threads=1, dtype="float64")
    net.population(2, model(), name="cells")
    nest.ResetKernel()
    nest.Create("iaf_psc_exp", 3)
    with pytest.raises(ValueError, match=text):
        net.to_nest()
    assert nest.network_size == 3


def test_the_sign_of_currents_must_be_that_of_the_receptor() -> None:
    net = sl.Network(seed=1, threads=1, dtype="float64")
    cells = net.population(2, sl.AdEx(synapses="psc_exp"), name="cells")
    with pytest.warns(UserWarning, match="hyperpolarises"):
        net.connect(cells, cells, sl.AllToAll(), weight=-3.0, delay=1.0, receptor="ex")
    with pytest.raises(ValueError, match=r"a weight of -3 pA cannot go to the other one"):
        net.to_nest()
