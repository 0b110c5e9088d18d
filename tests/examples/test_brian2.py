"""Scripts of Brian2, written out for spikelet, give what Brian2 gave: `record_brian2.py` wrote it, and no test needs Brian2.

A spike is stamped at the end of its step here and at its start there, so `recorded(given, later=1)` is compared.
"""

from __future__ import annotations

import numpy as np
from tests.examples.peers import example, pairs, raster, recorded, reference

import spikelet as sl


def test_cobahh() -> None:
    given = reference("brian2_cobahh")
    script = example("brian2_cobahh")
    net, neurons = script.build(
        400, pairs(given, "ex"), pairs(given, "in"), (12.0, -134.0), "float64"
    )
    neurons.V_m, neurons.ge, neurons.gi = given["v"], given["ge"], given["gi"]
    spikes = net.record(neurons, "spikes")
    net.run(150.0)
    assert len(given["steps"]) > 1000
    np.testing.assert_array_equal(raster(spikes), recorded(given, later=1))


def test_cuba() -> None:
    given = reference("brian2_cuba")
    script = example("brian2_cuba")
    net, neurons = script.build(400, pairs(given, "ex"), pairs(given, "in"), (3.24, -18.0))
    neurons.V_m = given["v"]
    spikes = net.record(neurons, "spikes")
    net.run(300.0)
    assert len(given["steps"]) > 500
    np.testing.assert_array_equal(raster(spikes), recorded(given, later=1))


def test_adaptive_threshold() -> None:
    given = reference("brian2_adaptive_threshold")
    source = sl.SpikeSource(given["drive"] * 0.1, np.zeros(len(given["drive"]), int), snap=True)
    spikes, states = example("brian2_adaptive_threshold").simulate(source)
    assert len(given["steps"]) > 100
    np.testing.assert_array_equal(raster(spikes), recorded(given, later=1))
    for name, theirs in (("V_m", "v"), ("V_th", "vt")):
        values = np.asarray(states[name].values)[: len(given[theirs]), 0]
        np.testing.assert_allclose(values, given[theirs], rtol=0, atol=1e-9, err_msg=name)


def test_if_curve_hodgkin_huxley() -> None:
    given = reference("brian2_if_curve_hodgkin_huxley")
    spikes, trace = example("brian2_if_curve_hodgkin_huxley").simulate(500.0)
    np.testing.assert_array_equal(raster(spikes), recorded(given, later=1))
    np.testing.assert_allclose(trace.values[:100, 0], given["v"], rtol=0, atol=1e-6)


def test_phase_locking() -> None:
    given = reference("brian2_phase_locking")
    script = example("brian2_phase_locking")
    spikes, trace = script.simulate(given["start"])
    np.testing.assert_array_equal(raster(spikes), recorded(given, later=1))
    np.testing.assert_allclose(trace.values[:, 0], given["v"], rtol=0, atol=1e-9)
    locked = script.locking(spikes)
    assert locked[-10:].mean() > locked[:10].mean() + 0.3  # what the script is about


def test_brunel_hakim_1999() -> None:
    """Statistics: the rate within 3 %, its spread over neurons, and the frequency of the oscillation."""
    given = reference("brian2_brunel_hakim_1999")
    script = example("brian2_brunel_hakim_1999")
    by_step, by_neuron = script.simulate()
    np.testing.assert_allclose(by_neuron.mean(), given["by_neuron"].mean(), rtol=0.03)
    np.testing.assert_allclose(by_neuron.std(), given["by_neuron"].std(), rtol=0.1)
    ours, theirs = (script.oscillation(x) for x in (by_step, given["by_step"]))
    assert 100 < theirs < 300
    assert abs(ours - theirs) < 0.1 * theirs


def test_hindmarsh_rose_1984() -> None:
    given = reference("brian2_hindmarsh_rose_1984")
    x = example("brian2_hindmarsh_rose_1984").simulate()
    assert given["x"].max() > 1.5
    np.testing.assert_allclose(x.T, given["x"], rtol=0, atol=1e-6)


def test_wang_buszaki_1996() -> None:
    given = reference("brian2_wang_buszaki_1996")
    trace = example("brian2_wang_buszaki_1996").simulate()
    for name, theirs in (("V_m", "v"), ("h", "h"), ("n", "n")):
        values = np.asarray(trace[name].values)[:, 0]
        np.testing.assert_allclose(values, given[theirs], rtol=0, atol=1e-7, err_msg=name)


def test_vogels_et_al_2011() -> None:
    given = reference("brian2_vogels_et_al_2011")
    script = example("brian2_vogels_et_al_2011")
    synapses = {name: pairs(given, name) for name in ("ex", "ii", "ie")}
    net, neurons, plastic = script.build(
        200, synapses, {"ex": 0.6, "ii": -10.0, "ie": -1.0}, 0.5, "float64"
    )
    neurons.V_m = given["v"]
    spikes = net.record(neurons, "spikes")
    net.run(400.0)
    assert np.ptp(given["w"]) > 1
    np.testing.assert_array_equal(raster(spikes), recorded(given, later=1))
    order = np.lexsort((given["ie_post"], given["ie_pre"]))
    np.testing.assert_allclose(-plastic.weights, given["w"][order], rtol=0, atol=1e-9)


def test_diesmann_et_al_1999_without_noise() -> None:
    given = reference("brian2_diesmann_et_al_1999")
    script = example("brian2_diesmann_et_al_1999")
    net, neurons = script.build(given["volley"] * 0.1, sigma=0.0, dtype="float64")
    neurons.V_m = given["V"]
    spikes = net.record(neurons, "spikes")
    net.run(60.0)
    assert len(given["steps"]) == 1000
    np.testing.assert_array_equal(raster(spikes), recorded(given, later=1))


def test_diesmann_et_al_1999() -> None:
    """With noise the volley sharpens and reaches the last group; single spikes of noise lie around it."""
    script = example("brian2_diesmann_et_al_1999")
    net, neurons = script.build(np.sort(50.0 + np.random.default_rng(1).standard_normal(85)))
    spikes = net.record(neurons, "spikes")
    net.run(80.0)
    last = spikes.times[(spikes.ids >= 900) & (spikes.times > 50.0)]
    assert len(last) > 90
    assert np.subtract(*np.percentile(last, [75, 25])) < 0.5  # 1.35 ms at the start
