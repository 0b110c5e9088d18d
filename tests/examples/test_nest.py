"""Scripts of NEST, written out for spikelet, give what NEST gave: `record_nest.py` wrote it, and no test needs NEST."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tests.examples.peers import drive, example, pairs, raster, recorded, reference

import spikelet as sl


def test_brette_gerstner_fig_2c() -> None:
    given = reference("nest_brette_gerstner_fig_2c")
    spikes, states = example("nest_brette_gerstner_fig_2c").simulate()
    steps = raster(spikes)[0]
    assert len(steps) == len(given["steps"])
    assert abs(steps[0] - given["steps"][0]) <= 1
    # NEST resets within a step.
    np.testing.assert_allclose(np.diff(steps), np.diff(given["steps"]), rtol=0, atol=3)
    calm = np.r_[:500]  # before the first spike
    v, w = (np.asarray(states[name].values)[:-1, 0] for name in ("V_m", "w"))
    np.testing.assert_allclose(v[calm], given["V_m"][calm], rtol=0, atol=5e-4)
    np.testing.assert_allclose(w[calm], given["w"][calm], rtol=0, atol=1e-3)


def test_hh_psc_alpha() -> None:
    counts = example("nest_hh_psc_alpha").simulate(np.arange(0.0, 2000.0, 20.0))
    given = reference("nest_hh_psc_alpha")["counts"]
    assert given.max() > 80
    silent = given == 0
    assert not counts[silent].any()
    assert np.abs(counts[~silent] - given[~silent]).max() <= 1  # of 54 to 87


def test_aeif_cond_beta_multisynapse() -> None:
    given = reference("nest_aeif_cond_beta_multisynapse")
    potential = example("nest_aeif_cond_beta_multisynapse").simulate()
    assert np.ptp(given["V_m"]) > 2.0
    np.testing.assert_allclose(potential.values[:-1, 0], given["V_m"], rtol=0, atol=1e-4)


def test_gif_cond_exp_multisynapse() -> None:
    given = reference("nest_gif_cond_exp_multisynapse")
    potential = example("nest_gif_cond_exp_multisynapse").simulate()
    assert np.ptp(given["V_m"]) > 5.0
    np.testing.assert_allclose(potential.values[:-1, 0], given["V_m"], rtol=0, atol=1e-4)


def test_mc_neuron() -> None:
    given = reference("nest_mc_neuron")
    spikes, potentials = example("nest_mc_neuron").simulate()
    assert len(given["steps"]) == 6
    np.testing.assert_array_equal(raster(spikes)[0], given["steps"])
    for name, theirs in (("V_m", "V_s"), ("V_p", "V_p"), ("V_d", "V_d")):
        assert np.ptp(given[theirs]) > 3.0
        values = potentials[name].values[:-1, 0]
        np.testing.assert_allclose(values, given[theirs], rtol=0, atol=1e-4, err_msg=name)


def test_brunel_alpha_nest() -> None:
    given = reference("nest_brunel_alpha_nest")
    script = example("nest_brunel_alpha_nest")
    net, neurons = script.build(40, 370.0, pairs(given, "ex"), pairs(given, "in"))
    drive(given, net, neurons, 370.0, 1.5)
    spikes = net.record(neurons, "spikes")
    net.run(300.0)
    assert len(given["steps"]) > 1000
    np.testing.assert_array_equal(raster(spikes), recorded(given))


def test_weight_of_brunel_alpha_nest() -> None:
    """The weight that the script computes gives the PSP that it is for."""
    script = example("nest_brunel_alpha_nest")
    net = sl.Network(dt=0.01, dtype="float64")
    neuron, spike = net.population(1, script.NEURON), net.population(1, sl.SpikeSource([1.0], [0]))
    net.connect(spike, neuron, sl.AllToAll(), weight=script.weight_of(0.1), delay=0.1)
    potential = net.record(neuron, "V_m")
    net.run(20.0)
    np.testing.assert_allclose(potential.values.max(), 0.1, rtol=1e-5)


def test_evaluate_tsodyks2_synapse() -> None:
    given = reference("nest_evaluate_tsodyks2_synapse")
    script = example("nest_evaluate_tsodyks2_synapse")
    for name, synapse in script.SYNAPSES.items():
        values = script.simulate(**synapse)
        assert np.ptp(given[name]) > 0.5
        np.testing.assert_allclose(values[:-1].T, given[name], rtol=0, atol=1e-9, err_msg=name)


def test_sensitivity_to_perturbation() -> None:
    given = reference("nest_sensitivity_to_perturbation")
    script = example("nest_sensitivity_to_perturbation")
    trials = []
    for name in ("calm", "perturbed"):
        net, neurons = script.build(200, 0.05, 1.5, pairs(given, "ex"), pairs(given, "in"))
        neurons.V_m = given["V_m"]
        drive(given, net, neurons, 1.3, 0.05)
        if name == "perturbed":
            neuron = int(given["neuron"])
            script.perturb(net, neurons[neuron : neuron + 1], 100.0, 0.5)
        spikes = net.record(neurons, "spikes")
        net.run(300.0)
        np.testing.assert_array_equal(
            raster(spikes, 0.05), recorded(given, f"{name}_"), err_msg=name
        )
        trials.append(spikes)
    assert 100.0 < script.first_difference(*trials) < 110.0


def test_pulsepacket_of_given_spikes() -> None:
    given = reference("nest_pulsepacket")
    source = sl.SpikeSource(given["steps"] * 0.1, given["ids"].astype(np.int64), snap=True)
    times, values = example("nest_pulsepacket").simulate(source, 10, 450.0, 2.0, 650.0)
    np.testing.assert_allclose(times[:-1], given["times"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(values[:-1], given["V_m"], rtol=0, atol=1e-12)


def test_pulsepacket() -> None:
    """The mean over packets of our own is the convolution, within the error of a mean of 200."""
    script = example("nest_pulsepacket")
    packets = sl.PulsePacket([script.CENTER], activity=script.ACTIVITY, sdev=script.SDEV)
    times, values = script.simulate(packets, 200, 450.0, 2.0)
    expected = script.convolved(times)
    error = values.std(axis=1) / np.sqrt(values.shape[1])
    assert expected.max() > 0.03
    assert np.all(np.abs(values.mean(axis=1) - expected) < 5 * error + 1e-4)


def close(a: NDArray[np.int64], b: NDArray[np.float64], variance: NDArray[np.float64]) -> bool:
    """Return whether counts agree within five standard deviations each, and all together."""
    z = (a - b)[variance > 1] / np.sqrt(variance[variance > 1])
    return bool(np.abs(z).max() < 5 and abs(np.mean(z**2) - 1) < 5 * np.sqrt(2 / len(z)))


def test_sinusoidal_poisson_generator() -> None:
    given = reference("nest_sinusoidal_poisson_generator")
    script = example("nest_sinusoidal_poisson_generator")
    for name, counts in script.simulate().items():
        expected = script.expected(**script.GENERATORS[name])
        assert counts[expected == 0].sum() == 0
        assert close(counts, expected, expected), name
        assert close(given[name], expected, expected), (
            f"NEST, {name}"
        )  # so both draw from the same law


def test_gaussex() -> None:
    script = example("nest_gaussex")
    mean, variance = script.pairs()
    assert close(script.simulate(), mean, variance)
    assert close(reference("nest_gaussex")["counts"], mean, variance)
