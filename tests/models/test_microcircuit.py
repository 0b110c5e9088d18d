"""The cortical microcircuit: its published numbers, how it scales, what it contains."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.models.microcircuit import FULL_RATES, POPULATIONS, Microcircuit, parameters

PAIRS = [(i, j) for i in range(8) for j in range(8)]


@pytest.fixture(scope="module")
def circuit() -> Microcircuit:
    return sl.models.microcircuit(0.02, seed=5, threads=1, dtype="float64")


def test_the_name_is_that_of_the_function() -> None:
    assert inspect.isfunction(sl.models.microcircuit)
    importlib.import_module("spikelet.models.microcircuit")  # must not take its place
    assert inspect.isfunction(sl.models.microcircuit)


def test_full_scale_has_the_published_numbers() -> None:
    given = parameters()
    assert given.sizes.sum() == 77_169
    assert given.synapses.sum() == pytest.approx(298.88e6, abs=5e3)
    # A probability and the number of synapses that stand for it, the other way round.
    pairs = 20683.0 * 5479.0
    assert 1 - (1 - 1 / pairs) ** int(given.synapses[0, 3]) == pytest.approx(0.0818, abs=1e-7)
    assert given.synapses[0, 5] == given.synapses[0, 7] == 0
    assert given.weights[1, 0] == pytest.approx(87.81, abs=0.005)
    assert given.weights[0, 2] == 2 * given.weights[0, 0]
    assert given.weights[4, 1] == -4 * given.weights[4, 0]
    np.testing.assert_array_equal(given.currents, np.zeros(8))
    expected = 8.0 * np.array([1600, 1500, 2100, 1900, 2000, 1900, 2900, 2100])
    np.testing.assert_array_equal(given.external_rates, expected)


def test_a_mean_synapse_moves_the_potential_by_0_15_mV() -> None:
    net = sl.Network(dt=0.01, dtype="float64", threads=1)
    model = sl.models.microcircuit(0.002, seed=1, threads=1).populations["L23E"].model
    neuron = net.population(1, model.replace(I_e=0.0))
    source = net.population(1, sl.SpikeSource([1.0], [0]))
    weight = parameters().external_weight
    net.connect(source, neuron, sl.AllToAll(), weight=weight, delay=0.1)
    v_m = net.record(neuron, "V_m")
    net.run(20.0)
    assert v_m.values.max() + 65.0 == pytest.approx(0.15, rel=1e-5)


def test_a_scaled_network_keeps_mean_and_variance_of_the_input() -> None:
    full, small = parameters(), parameters(1.0, 0.3)
    rates = np.array(list(FULL_RATES.values()))

    def mean_and_variance(given: Any) -> tuple[Any, Any]:
        indegrees = given.synapses / given.sizes[:, np.newaxis]
        weights, outside = given.weights, given.external_rates
        rate = indegrees @ np.diag(rates)
        mean = (weights * rate).sum(1) + given.external_weight * outside
        variance = (weights**2 * rate).sum(1) + given.external_weight**2 * outside
        return 0.5e-3 * mean + given.currents, variance

    for expected, found in zip(mean_and_variance(full), mean_and_variance(small), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)  # numbers are whole
    assert small.synapses.sum() == pytest.approx(0.3 * full.synapses.sum(), rel=1e-6)


def test_inputs_shrink_with_the_neurons_by_default() -> None:
    assert parameters(0.1).synapses.sum() == pytest.approx(2.9888e6, abs=100)
    assert parameters(0.1, 1.0).synapses.sum() == pytest.approx(29.888e6, abs=500)
    assert parameters(0.1, 1.0).external_weight == parameters().external_weight


@pytest.mark.parametrize("K_scale", [1.0, 0.25])
def test_a_current_replaces_the_spike_trains(K_scale: float) -> None:
    noisy, constant = (parameters(0.1, K_scale, input=d) for d in ("poisson", "dc"))
    np.testing.assert_array_equal(constant.external_rates, np.zeros(8))
    outside = 0.5e-3 * noisy.external_weight * noisy.external_rates
    np.testing.assert_allclose(constant.currents, noisy.currents + outside)


def test_the_network_has_the_requested_neurons_and_synapses(circuit: Microcircuit) -> None:
    given = circuit.parameters
    assert tuple(circuit.populations) == POPULATIONS
    assert [len(p) for p in circuit.populations.values()] == given.sizes.tolist()
    for i, j in PAIRS:
        pair = POPULATIONS[j], POPULATIONS[i]
        assert given.synapses[i, j] == len(circuit.projections.get(pair, ()))
    projection = circuit.projections["L23E", "L4I"]
    assert projection.pre is circuit.populations["L23E"]
    assert projection.post is circuit.populations["L4I"]


def test_weights_and_delays(circuit: Microcircuit) -> None:
    for i, j in PAIRS:
        projection = circuit.projections.get((POPULATIONS[j], POPULATIONS[i]))
        if projection is None or len(projection) < 500:
            continue
        mean, n = circuit.parameters.weights[i, j], len(projection)
        weights, delays = projection.weights, projection.delays
        assert (weights < 0).all() if j % 2 else (weights > 0).all()
        assert weights.mean() == pytest.approx(mean, abs=0.5 * abs(mean) / np.sqrt(n))
        assert weights.std() == pytest.approx(0.1 * abs(mean), rel=4 / np.sqrt(n))
        # A normal distribution with mean m and sd m / 2 above 0.1 ms, on a grid.
        center = 0.75 if j % 2 else 1.5
        a = (center - 0.1) / (center / 2)
        density, above = np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi), 1 - _tail(a)
        assert delays.min() >= 0.1
        expected = center * (1 + 0.5 * density / above)
        assert delays.mean() == pytest.approx(expected, abs=2.5 * center / np.sqrt(n) + 2e-3)
        np.testing.assert_allclose(delays / 0.1, np.rint(delays / 0.1), atol=1e-9)


def _tail(a: float) -> float:
    """Return the part of a normal distribution more than a standard deviations below the mean."""
    from scipy.special import ndtr  # noqa: PLC0415

    return float(ndtr(-a))


@pytest.mark.parametrize("initial", ["optimized", "original"])
def test_first_potentials(initial: Any) -> None:
    circuit = sl.models.microcircuit(0.05, 0.002, seed=2, threads=1, initial=initial)
    for name, *published in (("L4E", -63.33, 4.74), ("L23E", -68.28, 5.36)):
        v_m = np.asarray(circuit.populations[name].V_m)
        mean, sd = published if initial == "optimized" else (-58.0, 10.0)
        assert v_m.mean() == pytest.approx(mean, abs=4 * sd / np.sqrt(len(v_m)))
        assert v_m.std() == pytest.approx(sd, rel=4 / np.sqrt(2 * len(v_m)))


def spikes(**kwargs: Any) -> list[Any]:
    circuit = sl.models.microcircuit(0.02, **{"seed": 7, "threads": 1, **kwargs})
    recorders = circuit.record()
    circuit.run(100.0)
    return [x for r in recorders.values() for x in (r.times, r.ids)]


def test_threads_do_not_matter_and_seeds_do() -> None:
    first, second, other = spikes(), spikes(threads=3), spikes(seed=8)
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)
    assert sum(map(len, first)) > 100
    assert any(len(x) != len(y) for x, y in zip(first, other, strict=True))


def test_rates_are_those_since_recording_began() -> None:
    circuit = sl.models.microcircuit(0.02, seed=1, threads=1)
    with pytest.raises(RuntimeError, match="nothing was recorded"):
        circuit.rates()
    recorders = circuit.record()
    with pytest.raises(ValueError, match="spikes must have been observed for some time"):
        circuit.rates()
    circuit.run(50.0)
    early = circuit.rates()
    assert early["L5E"] == pytest.approx(len(recorders["L5E"].ids) / (97 * 0.05))
    assert circuit.record() is recorders
    assert len(recorders["L5E"].ids) == 0
    circuit.run(100.0)
    assert circuit.rates()["L4E"] == pytest.approx(len(recorders["L4E"].ids) / (438 * 0.1))
    assert circuit.rates(100.0, 150.0)["L4E"] == pytest.approx(
        (recorders["L4E"].times > 100.0).sum() / (438 * 0.05)
    )
    assert "Microcircuit(Network(1544 neurons" in repr(circuit)


def test_layers_differ_as_published() -> None:
    circuit = sl.models.microcircuit(0.1, seed=1, threads=1)
    circuit.run(500.0)
    circuit.record()
    circuit.run(1000.0)
    rates = circuit.rates()
    assert max(rates["L23E"], rates["L6E"]) < 1.5 < min(rates["L4E"], rates["L5E"])
    for layer in ("L23", "L4", "L6"):
        assert rates[f"{layer}I"] > rates[f"{layer}E"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"scale": 0.0}, ValueError, "microcircuit: scale must be > 0"),
        (
            {"scale": 1e-4},
            ValueError,
            "scale must leave at least one neuron in each population, got 0.0001",
        ),
        ({"scale": "all"}, TypeError, "microcircuit: scale must be a number"),
        ({"K_scale": -1.0}, ValueError, "microcircuit: K_scale must be > 0"),
        ({"input": "noise"}, ValueError, 'input must be "poisson" or "dc", got \'noise\''),
        ({"initial": "best"}, ValueError, 'initial must be "optimized" or "original"'),
        ({"dt": 1.0}, ValueError, "dt must be at most 0.75 ms, the shortest mean delay"),
        ({"dt": 0.0}, ValueError, "dt must be > 0"),
        ({"dtype": "int8"}, ValueError, "dtype must be"),
    ],
)
def test_errors_name_the_argument(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        sl.models.microcircuit(**{"scale": 0.01, **arguments})


def test_16_bits_and_one_current_keep_the_rates() -> None:
    rates = []
    for fast in (False, True):
        circuit = sl.models.microcircuit(
            0.1, seed=1, weight_dtype="int16" if fast else "float", one_current=fast
        )
        circuit.run(200.0)
        circuit.record()
        circuit.run(1000.0)
        rates.append(np.array(list(circuit.rates().values())))
        kinds = {type(p.model) for p in circuit.populations.values()}
        assert kinds == {sl.LIFOneCurrent if fast else sl.LIF}
        for (pre, _), p in circuit.projections.items():
            step = float(repr(p).split("steps of ")[1].split()[0]) if fast else 0.0
            mean = 87.8 / np.sqrt(0.1) * (4 if pre.endswith("I") else 1)
            assert step / 2 < 1e-4 * mean
    np.testing.assert_allclose(rates[1], rates[0], rtol=0.15)
