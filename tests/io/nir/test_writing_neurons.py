"""Steps of neurons as time constants and resistances, and back as each reader makes its steps."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.io.nir.writing_neurons import Cell, Neurons, full

pytest.importorskip("nir")

SHAPE = (4,)
ONES = np.ones(SHAPE)


def cell(decay=0.75, gain=1.0, threshold=1.0, **options):
    made = {"decay": decay * ONES, "gain": gain * ONES}
    made["threshold"] = None if threshold is None else threshold * ONES
    return Cell(**made, **options)


def node(made, convention="nir", dt=1e-4, mode="euler", real=np.float32):
    (found,) = Neurons(convention, dt, mode, real).nodes(made, SHAPE, "here")
    return found


@pytest.mark.parametrize("mode", ["exact", "euler"])
@pytest.mark.parametrize("dt", [1e-4, 1e-3, 0.1, 1.0])
def test_decays_and_gains_come_back(mode, dt):
    rng = np.random.default_rng(0)
    decay = np.concatenate([rng.random(500), 1 - 10 ** -rng.uniform(0, 6, 500), [0, 1, 0.5, 0.75]])
    gain = rng.random(decay.size) * 3
    (lif,) = Neurons("nir", dt, mode, np.float64).nodes(
        Cell(decay, gain, np.ones(decay.size)), decay.shape, ""
    )
    a = dt / lif.tau
    back, reached = (1 - a, a) if mode == "euler" else (np.exp(-a), -np.expm1(-a))
    np.testing.assert_allclose(back, decay, rtol=0, atol=2.5e-16)
    np.testing.assert_allclose(lif.r * reached, gain, rtol=1e-15)
    assert (back == decay).mean() > 0.8  # where a double has that decay at all, it is exact
    np.testing.assert_array_equal(back.astype(np.float32), decay.astype(np.float32))
    np.testing.assert_array_equal(back[-4:-2], [0, 1])


def test_a_neuron_spikes_at_its_threshold_for_each_comparison():
    below = np.nextafter(np.float32(1), np.float32(0))
    above = np.nextafter(np.float32(1), np.float32(2))
    for strict, convention, expected in (
        (False, "nir", below),
        (True, "nir", 1),
        (False, "snntorch", below),
        (False, "spikingjelly", 1),
        (True, "spikingjelly", above),
    ):
        found = node(cell(strict=strict), convention)
        assert set(found.v_threshold.tolist()) == {float(expected)}, (strict, convention)
    double = node(cell(), real=np.float64)
    assert double.v_threshold[0] == np.nextafter(1.0, 0.0)


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (cell(), "LIF"),
        (cell(1.0), "IF"),
        (cell(threshold=None, reset="none"), "LI"),
        (cell(1.0, threshold=None, reset="none"), "I"),
        (cell(syn_decay=0.5 * ONES), "CubaLIF"),
        (cell(threshold=None, reset="none", syn_decay=0.5 * ONES), "CubaLI"),
    ],
)
def test_each_kind_of_neuron_has_its_primitive(made, kind):
    found = node(made)
    assert type(found).__name__ == kind
    for name, value in vars(found).items():
        if isinstance(value, np.ndarray):
            assert value.shape == SHAPE, name
            assert value.dtype == np.float64, name


def test_neurons_that_spike_without_a_reset_are_two_nodes():
    first, second = Neurons("nir", 1e-4, "euler", np.float32).nodes(
        cell(reset="none"), SHAPE, "here"
    )
    assert (type(first).__name__, type(second).__name__) == ("LI", "Threshold")


def test_metadata_has_only_what_a_node_cannot_hold():
    assert node(cell()).metadata == {}
    kept = node(cell(reset="subtract", threshold=0.5)).metadata["spikelet"]
    assert kept == {"reset": "subtract", "subtract": 0.5}
    varying = np.arange(4.0)
    np.testing.assert_array_equal(
        node(cell(v_init=varying)).metadata["spikelet"]["v_init"], varying
    )


@pytest.mark.parametrize("gain", [0.25, 0.5, 2.0])
def test_libraries_get_potentials_in_their_unit(gain):
    """The threshold relative to what an input adds is the same; the readers' own formulas."""
    dt = 1e-4
    for convention, step in (("snntorch", 1e-4), ("spikingjelly", 1e-4), ("norse", 1e-3)):
        found = node(cell(gain=gain), convention, step)
        np.testing.assert_allclose(1 - step / found.tau, 0.75, rtol=1e-15)
        adds = found.r * step / found.tau
        np.testing.assert_allclose(found.v_threshold / adds, 1 / gain, rtol=1e-6)
    assert set(node(cell(gain=0.25), "spikingjelly", dt).r) == {1.0}  # decay_input=True
    np.testing.assert_allclose(
        node(cell(), "spikingjelly", dt).r * dt, node(cell(), "spikingjelly", dt).tau
    )
    assert set(node(cell(gain=2.0), "norse", 1e-3).r) == {1.0}


def test_neurons_without_a_leak_for_each_reader():
    assert type(node(cell(1.0), "spikingjelly")).__name__ == "IF"
    np.testing.assert_allclose(node(cell(1.0), "spikingjelly").r, 1e4)
    leaky = node(cell(1.0), "snntorch")  # which reads an IF with a leak
    assert type(leaky).__name__ == "LIF"
    np.testing.assert_array_equal(1 - 1e-4 / leaky.tau, 1.0)
    np.testing.assert_allclose(leaky.r * 1e-4 / leaky.tau, 1.0)
    sinabs = node(cell(1.0, reset="subtract"), "sinabs", 1.0, "exact")
    np.testing.assert_array_equal(np.exp(-1 / sinabs.tau), 1.0)


@pytest.mark.parametrize(
    ("made", "convention", "message"),
    [
        (cell(reset="subtract"), "snntorch", "reset by subtraction, and snnTorch's reader resets to a value"),
        (cell(), "sinabs", "reset to a value, and sinabs's reader resets by subtraction"),
        (cell(v_init=0.5), "norse", "v_init that Norse cannot take"),
        (cell(v_reset=-0.5), "norse", "v_reset that Norse cannot take"),
        (cell(v_reset=-0.5), "spikingjelly", "v_init that SpikingJelly cannot take"),
        (cell(drive=0.125), "snntorch", "rest that snnTorch cannot take"),
        (cell(0.0), "spikingjelly", "keeps nothing from step to step"),
        (cell(threshold=None, reset="none"), "norse", "a nir.LI, which Norse's reader does not have"),
        (cell(threshold=np.arange(1, 5)), "snntorch", "a threshold for each neuron; snnTorch reads one for all"),
        (cell(np.array([0.5, 0.5, 0.75, 0.75])), "spikingjelly", "a decay for each neuron"),
    ],
)  # fmt: skip
def test_what_a_reader_cannot_give_is_refused(made, convention, message):
    mode = "exact" if convention == "sinabs" else "euler"
    with pytest.raises(ValueError, match=f"^here: .*{message}"):
        node(made, convention, mode=mode)


@pytest.mark.parametrize(
    ("made", "mode", "message"),
    [
        (cell(1.5), "euler", "has a decay of 1.5 in a step"),
        (cell(-0.5), "exact", "has a decay of -0.5 in a step"),
        (cell(-1.5), "euler", "has a decay of -1.5 in a step"),
        (cell(np.nan), "euler", "has a decay of nan in a step"),
        (
            cell(threshold=1e200),
            "euler",
            "threshold must be finite and within the range of float32",
        ),
        (cell(threshold=1e-60), "euler", "threshold must be above 0 in float32"),
    ],
)
def test_what_is_no_neuron_of_nir_is_refused(made, mode, message):
    with pytest.raises(ValueError, match=f"^here:? .*{message}"):
        node(made, mode=mode)


def test_gains_that_are_not_positive_are_for_the_standard_only():
    assert set(node(cell(gain=-1.0)).r) == {-4.0}
    with pytest.raises(ValueError, match="here: has a gain that is not positive"):
        node(cell(gain=-1.0), "norse", 1e-3)


def test_oscillating_neurons_need_steps_of_euler():
    np.testing.assert_allclose(1 - 1e-4 / node(cell(-0.5)).tau, -0.5, rtol=1e-15)


def test_synapses_need_steps_of_euler():
    with pytest.raises(ValueError, match=r'here: has a synapse.*mode="euler"'):
        node(cell(syn_decay=0.5 * ONES), mode="exact")


def test_sinabs_reads_leaky_vectors_only():
    shape = (2, 2)
    made = Cell(np.full(shape, 0.5), np.ones(shape), np.ones(shape), reset="subtract")
    with pytest.raises(ValueError, match=r"leaky population of shape \(2, 2\)"):
        Neurons("sinabs", 1.0, "exact", np.float32).nodes(made, shape, "here")


def test_thresholds_of_neurons_become_factors_of_their_input():
    neurons = Neurons("spikingjelly", 1e-4, "euler", np.float32)
    found, factor = neurons.input_factor(cell(threshold=np.array([1, 2, 4, 8])))
    assert set(found.threshold) == {1.0}
    np.testing.assert_array_equal(found.gain[0] * factor, 1 / np.array([1, 2, 4, 8]))
    uneven = np.array([0.3, 49.0, 98.0, 7.7])
    found, factor = neurons.input_factor(cell(threshold=uneven))
    assert set(found.threshold) == {1.0}  # 49 * (1 / 49) is not
    np.testing.assert_allclose(found.gain[0] * factor, 1 / uneven, rtol=1e-15)
    neurons.nodes(found, (4,), "here")
    assert neurons.input_factor(cell())[1] is None
    assert (
        Neurons("norse", 1e-3, "euler", np.float32).input_factor(cell(threshold=np.arange(1, 5)))[1]
        is None
    )


def test_scaled_cells_are_the_same_neurons():
    made = cell(0.75, 0.5, 2.0, v_reset=0.25, drive=0.125, v_init=1.0).scaled(np.full(SHAPE, 4.0))
    values = [
        set(np.ravel(getattr(made, k)))
        for k in ("decay", "gain", "threshold", "v_reset", "rest", "v_init")
    ]
    assert values == [{0.75}, {2.0}, {8.0}, {1.0}, {2.0}, {4.0}]


def test_parameters_fill_the_population():
    np.testing.assert_array_equal(full([1, 2], (2, 3)), [[1, 1, 1], [2, 2, 2]])
    np.testing.assert_array_equal(full(3.0, (2,)), [3, 3])
    np.testing.assert_array_equal(full([[1, 2]], (1, 2)), [[1, 2]])
