"""Candidates run together as each would alone."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet.fitting.candidates import candidates_of
from spikelet.fitting.ranges import Range, Space

from .conftest import MODEL, recorded

VARY = {"tau_m": (5.0, 50.0), "V_reset": Range(-69.0, -60.0, shared=False)}


def made(model, recording, vary=VARY, threads=1):
    space = Space("fit", vary, recording.sweeps)
    return candidates_of("fit", model, space, recording, threads, 0)


def test_each_candidate_is_as_alone(recording):
    x = np.random.default_rng(1).random((5, 3))
    all_ = made(MODEL, recording)
    together = all_.run(x)
    assert together.V_m.shape == (*recording.V_m.shape, 5)
    for k in range(5):
        alone = recorded(all_.built(x[k]), recording.current)
        np.testing.assert_array_equal(together.V_m[:, :, k], alone.V_m)
        np.testing.assert_array_equal(together.times()[: len(alone.spikes), :, k].T[0],
                                      np.r_[alone.spikes.trains()[0], [np.inf] * 99][: len(together.times())][: len(alone.spikes)])  # fmt: skip
        counts = together.spikes.counts().reshape(2, 5)[:, k]
        np.testing.assert_array_equal(counts, alone.spikes.counts())


def test_the_threads_do_not_matter(recording):
    x = np.random.default_rng(2).random((50, 3))
    one, three = (made(MODEL, recording, threads=n).run(x) for n in (1, 3))
    np.testing.assert_array_equal(one.V_m, three.V_m)
    assert one.spikes == three.spikes


def test_a_model_keeps_what_does_not_vary(recording):
    model = made(MODEL, recording).built(np.zeros(3))
    assert (model.tau_m, model.C_m) == (5.0, 180.0)
    np.testing.assert_array_equal(model.V_reset, [-69.0, -69.0])


def build(I_e):
    net = sl.Network(dt=0.1, dtype="float64", threads=1)
    cells = net.population(2, sl.LIF(I_e=I_e))
    return net, net.record(cells, "spikes"), net.record(cells, "V_m")


def test_networks_are_run_as_each_would_alone():
    recording = sl.fitting.Recording(V_m=np.zeros((500, 2)), spikes=[[], []], dt=0.1)
    x = np.array([[0.0], [0.7], [1.0]])
    found = made(build, recording, {"I_e": (300.0, 600.0)}).run(x)
    assert len(found.spikes) > 0
    for k, I_e in enumerate([300.0, 510.0, 600.0]):
        net, spikes, V_m = build(I_e)
        net.run(50.0)
        np.testing.assert_array_equal(found.V_m[:, :, k], V_m.values)
        np.testing.assert_array_equal(found.spikes.counts().reshape(2, 3)[:, k], spikes.counts())


@pytest.mark.parametrize(
    ("model", "vary", "error", "text"),
    [
        (MODEL, {"tau": (1.0, 2.0)}, TypeError, "tau"),
        (MODEL, {"tau_m": (-1.0, 2.0)}, ValueError, "tau_m must be > 0"),
        (sl.LIF(I_e=[1.0, 2.0]), {"tau_m": (5.0, 9.0)}, ValueError, "I_e of the model must be one number"),
        (sl.Equations("dx/dt = (-x + I_e*GOhm)/tau : mV", parameters={"tau": (5.0, "ms"), "I_e": (0.0, "pA")}), {"tau": (1.0, 2.0)}, ValueError, "state V_m"),
        (sl.Equations("dV_m/dt = -V_m/ms : mV"), {"tau": (1.0, 2.0)}, ValueError, "must take a current"),
        ("LIF", VARY, TypeError, "must be a neuron model"),
        (build, {"I_e": Range(1.0, 2.0, shared=False)}, ValueError, "must be shared in a network"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_candidate(recording, model, vary, error, text):
    with pytest.raises(error, match=text):
        made(model, recording, vary)


def test_a_model_needs_a_current(recording):
    with pytest.raises(ValueError, match="must have the current"):
        made(MODEL, sl.fitting.Recording(V_m=recording.V_m))


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda I_e: sl.Network(dt=0.1), "must return a network and recorders"),
        (lambda I_e: (build(I_e)[0], 3), "must return a network and recorders"),
        (lambda I_e: 3, "must return a network and recorders"),
    ],
)
def test_what_a_function_must_return(recording, build, text):
    with pytest.raises(TypeError, match=text):
        made(build, recording, {"I_e": (1.0, 2.0)}).run(np.zeros((1, 1)))


def test_a_network_must_record_as_many_neurons_as_there_are_sweeps():
    recording = sl.fitting.Recording(spikes=[[1.0]], duration=10.0)
    with pytest.raises(ValueError, match="must record 1 neurons, as the data has, got neurons 2"):
        made(build, recording, {"I_e": (1.0, 2.0)}).run(np.zeros((1, 1)))
