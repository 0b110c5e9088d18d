"""NEST's devices as sources, inputs and recorders."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from tests.support.nest_kernel import assert_same_spikes

import spikelet as sl


def assert_runs_like_nest(cells: Any, duration: float) -> sl.Network:
    """Record all cells in NEST and in its copy, run both, and compare their spikes; return the copy."""
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder)
    net = sl.io.from_nest(nest, threads=1)
    nest.Simulate(duration)
    net.run(duration)
    assert_same_spikes(net, recorder, 1)
    return net


pytestmark = pytest.mark.usefixtures("fresh_nest")

nest: Any = pytest.importorskip("nest", minversion="3.10", reason="needs NEST 3.10")


def test_generators_of_spikes_and_currents() -> None:
    """Every deterministic device, with delays, weights, times to start and stop, and many connections to one neuron."""
    cells = nest.Create("iaf_psc_exp", 30, {"tau_syn_in": 5.0})
    rng = np.random.default_rng(2)
    for weight in (300.0, -150.0):
        trains = [
            {"spike_times": np.unique(np.round(rng.uniform(1.0, 190.0, 60), 1)), "stop": 150.0}
            for _ in range(5)
        ]
        sources = nest.Create("spike_generator", 5, params=trains)
        rule = {"rule": "pairwise_bernoulli", "p": 0.4}
        delay = nest.random.uniform(0.3, 4.0)
        nest.Connect(sources, cells, rule, {"weight": weight, "delay": delay})
    twice = nest.Create(
        "spike_generator", 1, {"spike_times": [20.0, 40.0], "spike_multiplicities": [1, 3]}
    )
    nest.Connect(twice, cells[:5], syn_spec={"weight": 400.0})
    constant = nest.Create(
        "dc_generator",
        2,
        params=[{"amplitude": 300.0, "start": 20.0, "stop": 70.0}, {"amplitude": 200.0}],
    )
    nest.Connect(constant, cells[:20], "all_to_all", {"weight": 1.2, "delay": 0.7})
    steps = nest.Create("step_current_generator", 3, params=[
        {"amplitude_times": [5.0, 30.0, 80.0 + k], "amplitude_values": [100.0, 500.0 * k, 50.0], "stop": 140.0} for k in range(3)
    ])  # fmt: skip
    nest.Connect(steps, cells[10:13], "one_to_one", {"weight": 2.0, "delay": 1.3})
    nest.Connect(steps, cells[20:], "all_to_all", {"weight": nest.random.uniform(0.2, 0.6)})
    sine = nest.Create(
        "ac_generator", 1, {"amplitude": 150.0, "offset": 250.0, "frequency": 17.0, "phase": 40.0}
    )
    nest.Connect(sine, cells, syn_spec={"weight": nest.random.uniform(0.5, 1.0), "delay": 0.1})
    recorder, meter = nest.Create("spike_recorder"), nest.Create("multimeter")
    meter.set({"record_from": ["V_m", "I_syn_ex"], "interval": 0.5})
    nest.Connect(cells, recorder)
    nest.Connect(meter, cells[5:8])
    net = sl.io.from_nest(nest, threads=1)
    nest.Simulate(200.0)
    net.run(200.0)
    assert_same_spikes(net, recorder, 1)
    events = meter.events
    spikes, states = net.recorders[0], net.recorders[1:]
    assert isinstance(spikes, sl.SpikeRecorder)
    for state, found in zip(("V_m", "I_syn_ex"), states, strict=True):
        order = np.lexsort((events["senders"], np.rint(events["times"] / 0.1)))
        expected = events[state][order].reshape(-1, 3)
        n = len(expected)
        np.testing.assert_allclose(found.values[:n], expected, rtol=0, atol=1e-9)


def test_random_input_has_the_same_statistics() -> None:
    cells = nest.Create("iaf_psc_exp", 500)
    parrots = nest.Create("parrot_neuron", 300)
    noise = nest.Create(
        "poisson_generator",
        2,
        params=[{"rate": 9000.0}, {"rate": 500.0, "start": 100.0, "stop": 200.0}],
    )
    wave = nest.Create(
        "sinusoidal_poisson_generator", 1, {"rate": 40.0, "amplitude": 20.0, "frequency": 5.0}
    )
    nest.Connect(noise[:1], cells, syn_spec={"weight": 20.0})
    nest.Connect(noise[1:], cells, syn_spec={"weight": -20.0})
    nest.Connect(wave, parrots)
    nest.Connect(nest.Create("noise_generator", 1, {"mean": 100.0, "std": 50.0}), cells)
    recorders = nest.Create("spike_recorder", 2)
    nest.Connect(cells, recorders[0])
    nest.Connect(parrots, recorders[1])
    net = sl.io.from_nest(nest, seed=5)
    nest.Simulate(500.0)
    net.run(500.0)
    for ours, theirs in zip(net.recorders, recorders, strict=True):
        assert theirs.n_events > 1000
        assert abs(len(ours) / theirs.n_events - 1) < 0.08


@pytest.mark.parametrize(
    "window", [{}, {"start": 20.0}, {"stop": 180.0}, {"start": 20.0, "stop": 180.0}]
)
def test_one_sine_drives_many_neurons(window: dict[str, float]) -> None:
    cells = nest.Create("iaf_psc_exp", 4, {"I_e": 600.0})
    cells.V_m = [-70.0, -67.0, -64.0, -61.0]
    sines = nest.Create("ac_generator", 2, [
        {"amplitude": 200.0, "frequency": 30.0, "offset": 20.0, **window}, {"amplitude": 100.0, "frequency": 11.0}
    ])  # fmt: skip
    nest.Connect(sines[0], cells[:3], syn_spec={"delay": 2.0})
    nest.Connect(sines, cells)
    assert_runs_like_nest(cells, 300.0)


def test_currents_start_and_stop_in_the_same_steps() -> None:
    """Noise without a deviation is a constant current, so that its steps can be compared."""
    cells = nest.Create("iaf_psc_exp", 3, {"V_th": 1e3})
    when = {"origin": 5.0, "start": 30.3, "stop": 81.7}
    noise = nest.Create("noise_generator", 1, {"mean": 300.0, "std": 0.0, **when})
    sine = nest.Create("ac_generator", 1, {"amplitude": 90.0, "frequency": 40.0, **when})
    late = nest.Create("ac_generator", 1, {"amplitude": 90.0, "frequency": 40.0, "start": 20_000.0})
    nest.Connect(noise, cells[:2], syn_spec={"delay": 2.3})
    nest.Connect(sine, cells[1:], syn_spec={"delay": 0.1, "weight": -2.0})
    nest.Connect(late, cells)
    meter = nest.Create("multimeter", 1, {"record_from": ["V_m"], "interval": 0.1})
    nest.Connect(meter, cells)
    nest.Simulate(20.0)  # from NEST's present on
    net = sl.io.from_nest(nest, threads=1, approximate=True)
    starts = {type(drive.input).__name__: drive.start for drive in net.inputs[:2]}
    assert starts == {"NoiseInput": 17.6, "SineCurrent": 15.4}
    assert net.inputs[2].start == 19_981.0
    nest.Simulate(100.0)
    net.run(100.0)
    events, found = meter.events, net.recorders[0]
    order = np.lexsort((events["senders"], np.rint(events["times"] / 0.1)))
    expected = events["V_m"][order].reshape(-1, 3)[200:]
    np.testing.assert_allclose(found.values[: len(expected)], expected, rtol=0, atol=1e-9)
    assert np.ptp(expected, axis=0).min() > 0.5


@pytest.mark.parametrize("start", [18.5, 20.0])
def test_noise_that_has_just_started_is_under_way_for_its_delay(start: float) -> None:
    cells = nest.Create("iaf_psc_exp")
    noise = {"mean": 300.0, "std": 0.0, "start": start, "stop": 30.0}
    nest.Connect(nest.Create("noise_generator", 1, noise), cells, syn_spec={"delay": 2.3})
    nest.Simulate(20.0)
    net = sl.io.from_nest(nest, threads=1)
    (drive,) = net.inputs
    assert (drive.start, drive.stop) == pytest.approx((start + 2.3 - 20.0, 12.3))


def test_random_generators_are_silent_before_their_start_and_after_their_stop() -> None:
    cells = nest.Create("iaf_psc_exp", 20, {"V_th": 1e9, "tau_syn_ex": 0.5})
    parrots = nest.Create("parrot_neuron", 40)
    when = {"start": 20.0, "stop": 60.0}
    noise = nest.Create("poisson_generator", 1, {"rate": 2e5, **when})
    wave = nest.Create(
        "sinusoidal_poisson_generator",
        1,
        {"rate": 2e4, "amplitude": 5e3, "frequency": 50.0, **when},
    )
    nest.Connect(noise, cells, syn_spec={"delay": 1.0})
    nest.Connect(wave, parrots, syn_spec={"delay": 1.0})
    recorder = nest.Create("spike_recorder")
    nest.Connect(parrots, recorder)
    net = sl.io.from_nest(nest, threads=1)
    meter = nest.Create("multimeter", 1, {"record_from": ["I_syn_ex"], "interval": 0.1})
    nest.Connect(meter, cells)
    arrived = net.record(net.populations[0], "I_syn_ex")
    nest.Simulate(100.0)
    net.run(100.0)
    events = meter.events
    order = np.lexsort((events["senders"], np.rint(events["times"] / 0.1)))
    theirs = events["I_syn_ex"][order].reshape(-1, 20)
    for found in (arrived.values[: len(theirs)], theirs):
        steps = np.flatnonzero((np.diff(found, axis=0, prepend=0.0) > 1e-3).any(axis=1))
        assert (steps[0], steps[-1]) == (211, 610)  # samples 0, 1, ... are at 0.1, 0.2, ... ms
    ours = net.recorders[0]
    assert isinstance(ours, sl.SpikeRecorder)
    assert abs(len(ours) / recorder.n_events - 1) < 0.05
    for times in (ours.times, recorder.events["times"]):
        np.testing.assert_allclose([times.min(), times.max()], [21.0, 60.9])


def test_precise_spikes_act_at_the_end_of_their_step() -> None:
    cells = nest.Create("iaf_psc_exp", 2)
    times = {"spike_times": 5.0 + 2.03 * np.arange(90), "precise_times": True}
    source = nest.Create("spike_generator", 1, times)
    nest.Connect(source, cells, syn_spec={"weight": 2500.0})
    assert_runs_like_nest(cells, 200.0)


def test_a_spike_at_the_start_of_its_generator_is_left_out() -> None:
    """In NEST, a generator sends what is later than its start and not later than its stop."""
    cells = nest.Create("iaf_psc_exp", 40)
    times = {
        "spike_times": [5.0, 12.0, 30.0, 50.0, 70.0],
        "origin": 2.0,
        "start": 12.0,
        "stop": 50.0,
    }
    source = nest.Create("spike_generator", 1, times)
    nest.Connect(source, cells, syn_spec={"weight": 9000.0})
    net = assert_runs_like_nest(cells, 100.0)
    assert net.recorders[0].times.min() > 30.0


@pytest.mark.parametrize(
    ("offset", "now", "noted"),
    [(0.0, 0.0, False), (0.5, 0.0, True), (0.0, 0.3, True), (0.3, 0.3, False)],
)
def test_samples_at_other_times_are_noted(offset: float, now: float, noted: bool) -> None:
    meter = nest.Create(
        "multimeter", 1, {"record_from": ["V_m"], "interval": 1.0, "offset": offset}
    )
    nest.Connect(meter, nest.Create("iaf_psc_exp"))
    if now:
        nest.Simulate(now)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sl.io.from_nest(nest, threads=1, approximate=True)
    assert any("samples at multiples of its interval" in str(w.message) for w in caught) == noted


def test_weights_of_single_spikes_are_refused() -> None:
    """Parrots pass such spikes on, without the weights."""
    cells, parrot = nest.Create("iaf_psc_exp", 2), nest.Create("parrot_neuron")
    weighted = {"spike_times": [5.0, 6.0], "spike_weights": [2000.0, 3000.0]}
    source = nest.Create("spike_generator", 1, weighted)
    nest.Connect(source, parrot)
    nest.Connect(parrot, cells, syn_spec={"weight": 2500.0})
    sl.io.from_nest(nest, threads=1)
    nest.Connect(source, cells)
    with pytest.raises(ValueError, match="spike_weights must be empty: only synapses have weights"):
        sl.io.from_nest(nest, threads=1)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("poisson_generator", {"rate": 500.0}),
        ("sinusoidal_poisson_generator", {"rate": 500.0, "amplitude": 50.0, "frequency": 5.0}),
        (
            "inhomogeneous_poisson_generator",
            {"rate_times": [1.0, 900.0], "rate_values": [500.0, 0.0]},
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:from_nest. left out")
def test_parrots_whose_generators_are_over_are_silent(kind: str, parameters: Any) -> None:
    parrots = nest.Create("parrot_neuron", 6)
    ended = nest.Create(kind, params={**parameters, "stop": 20.0})
    nest.Connect(ended, parrots)
    nest.Connect(nest.Create("spike_generator", params={"spike_times": [5.0]}), parrots)
    nest.Connect(parrots, nest.Create("spike_recorder"))
    nest.Simulate(30.0)
    over = sl.io.from_nest(nest, approximate=True)
    if "rate_times" in parameters:  # in the future
        parameters = {**parameters, "rate_times": [31.0, 900.0]}
    nest.Connect(nest.Create(kind, params={**parameters, "stop": 80.0}), parrots[2:5])
    some = sl.io.from_nest(nest, approximate=True)
    nest.Connect(nest.Create("spike_generator", params={"spike_times": [60.0]}), parrots[:1])
    with pytest.raises(ValueError, match=rf"must each be driven by .*'{kind}', 'spike_generator'"):
        sl.io.from_nest(nest, approximate=True)
    counts = []
    for net in (over, some):
        net.run(200.0)
        (spikes,) = net.recorders
        assert isinstance(spikes, sl.SpikeRecorder)
        counts.append(spikes.counts())
    np.testing.assert_array_equal(counts[0], 0)
    np.testing.assert_array_equal(counts[1] > 5, [False, False, True, True, True, False])
    assert counts[1][:2].max() == counts[1][5] == 0


def test_poisson_generators_of_one_parrot_add_up_within_the_same_times() -> None:
    parrots = nest.Create("parrot_neuron", 2)
    for rate in (500.0, 300.0):
        when = {"start": 10.0, "stop": 100.0}
        nest.Connect(nest.Create("poisson_generator", params={"rate": rate, **when}), parrots)
    (population,) = sl.io.from_nest(nest).populations
    assert population.model == sl.PoissonSource([800.0, 800.0], start=11.1, stop=101.1)
