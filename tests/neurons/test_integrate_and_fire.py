"""Membrane dynamics against closed forms and short references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import KERNELS, STRONG, Floats, make, to_steps, trace, train

import spikelet as sl

NEVER = 1e6  # a threshold that is not reached


@pytest.mark.parametrize("dt", [0.025, 0.1, 1.0])
@pytest.mark.parametrize(
    ("tau_m", "C_m", "I_e"), [(10.0, 250.0, 300.0), (20.0, 200.0, -150.0), (3.7, 81.0, 1234.5)]
)
@pytest.mark.parametrize("E_L", [0.0, -70.0])
@pytest.mark.parametrize("model", [sl.LIF, sl.LIFAlpha, sl.LIFDelta])
def test_constant_current_gives_the_closed_form(
    model: Any, E_L: float, tau_m: float, C_m: float, I_e: float, dt: float
) -> None:
    net = make(dt)
    neuron = net.population(1, model(tau_m=tau_m, C_m=C_m, I_e=I_e, E_L=E_L, V_th=NEVER))
    v = trace(net, neuron, "V_m", 400 * dt)[:, 0]
    t = dt * np.arange(1, 401)
    expected = E_L - tau_m / C_m * I_e * np.expm1(-t / tau_m)
    np.testing.assert_allclose(v, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("C_m", [100.0, 333.3])
def test_if_integrates_a_constant_current(C_m: float) -> None:
    net = make()
    neuron = net.population(1, sl.IF(C_m=C_m, I_e=70.0, E_L=0.0, V_th=NEVER))
    v = trace(net, neuron, "V_m", 100.0)[:, 0]
    np.testing.assert_allclose(v, 70.0 / C_m * 0.1 * np.arange(1, 1001), rtol=1e-12, atol=0)


@pytest.mark.parametrize("E_L", [0.0, -65.0])
def test_cond_without_conductance_is_a_leaky_integrator(E_L: float) -> None:
    net = make()
    neuron = net.population(1, sl.LIFCond(C_m=200.0, g_L=10.0, I_e=150.0, E_L=E_L, V_th=NEVER))
    v = trace(net, neuron, "V_m", 60.0)[:, 0]
    expected = E_L - 15.0 * np.expm1(-0.1 * np.arange(1, 601) / 20.0)
    np.testing.assert_allclose(v, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("model", [sl.LIF, sl.LIFAlpha, sl.LIFDelta, sl.LIFCond])
def test_potential_decays_from_where_it_was_set(model: Any) -> None:
    net = make()
    neurons = net.population(3, model(E_L=-60.0, V_th=NEVER, V_reset=-90.0))
    start = np.array([-80.0, -60.0, -20.0])
    neurons.V_m[:] = start
    tau = 250.0 / 16.6667 if model is sl.LIFCond else 10.0
    v = trace(net, neurons, "V_m", 20.0)
    t = 0.1 * np.arange(1, 201)[:, None]
    np.testing.assert_allclose(v, -60.0 + (start + 60.0) * np.exp(-t / tau), rtol=1e-12)


@pytest.mark.parametrize(
    ("tau_m", "current", "V_reset", "t_ref"),
    [(10.0, 500.0, -70.0, 2.0), (20.0, 400.0, -60.0, 0.0), (7.3, 1111.0, -75.0, 3.33)],
)
@pytest.mark.parametrize("model", [sl.LIF, sl.LIFAlpha, sl.LIFDelta])
def test_interval_between_spikes_is_the_analytic_one(
    model: Any, tau_m: float, current: float, V_reset: float, t_ref: float
) -> None:
    net = make()
    neuron = net.population(
        1, model(tau_m=tau_m, C_m=250.0, I_e=current, V_reset=V_reset, t_ref=t_ref)
    )
    spikes = net.record(neuron, "spikes")
    net.run(1000.0)
    limit = -70.0 + tau_m / 250.0 * current

    def climb(start: float) -> int:
        exact = tau_m * np.log((limit - start) / (limit + 55.0)) / 0.1
        assert abs(exact - round(exact)) > 1e-6, "the threshold is met between grid points"
        return int(np.ceil(exact))

    steps = to_steps(spikes.times)
    assert steps[0] == climb(-70.0)
    assert np.all(np.diff(steps) == climb(V_reset) + np.ceil(t_ref / 0.1 - 1e-9))
    assert len(steps) > 30


@pytest.mark.parametrize(
    ("t_ref", "dt", "held"),
    [
        (0.0, 0.1, 0), (2.0, 0.1, 20), (2.04, 0.1, 21), (0.05, 0.1, 1), (0.3, 0.1, 3),
        (2.0004, 0.1, 20),  # 2000 tics of 0.001 ms
        (3.0, 1.0, 3), (2.5, 1.0, 3), (1.0, 0.025, 40), (0.7, 0.1, 7),
    ],
)  # fmt: skip
@pytest.mark.parametrize("model", KERNELS)
def test_potential_is_held_for_the_refractory_steps(
    model: Any, t_ref: float, dt: float, held: int
) -> None:
    net = make(dt)
    neuron = net.population(1, model(t_ref=t_ref, V_reset=-62.0, I_e=600.0))
    neuron.V_m[:] = -54.0  # spikes in the first step
    spikes = net.record(neuron, "spikes")
    v = trace(net, neuron, "V_m", (held + 2) * dt)[:, 0]
    assert to_steps(spikes.times, dt)[0] == 1
    assert np.all(v[: held + 1] == v[0])
    assert v[0] == pytest.approx(-62.0, abs=1e-12)
    assert v[held + 1] != v[0]


def test_a_refractory_neuron_does_not_spike_however_high_it_is() -> None:
    net = make()
    neuron = net.population(1, sl.LIF(t_ref=1.0, I_e=1e5, reset="subtract"))
    spikes = net.record(neuron, "spikes")
    net.run(20.0)
    assert np.all(np.diff(to_steps(spikes.times)) >= 11)


def test_threshold_is_reached_by_equality() -> None:
    net = make(1.0)
    cells = net.population(2, sl.IF(C_m=1.0, E_L=0.0, V_reset=0.0, V_th=[4.0, 4.5], t_ref=0.0))
    net.inject(cells, sl.CurrentInput(np.ones(20)))
    spikes = net.record(cells, "spikes")
    net.run(10.0)
    assert train(spikes, 1.0) == [(4, 0), (5, 1), (8, 0), (10, 1)]


def reference_adaptive(
    current: Floats, *, subtract: bool, theta_plus: float, tau_theta: float, held: int
) -> tuple[list[int], Floats, Floats]:
    """LIF of the default parameters, step by step."""
    P22, v, theta, left = np.exp(-0.1 / 10.0), 0.0, 0.0, 0
    P20 = 10.0 / 250.0 * (1 - P22)
    stamps, vs, thetas = [], [], []
    for step, i in enumerate(current):
        theta *= np.exp(-0.1 / tau_theta)
        if left == 0:
            v = v * P22 + i * P20
            if v >= 15.0 + theta:
                v = v - (15.0 + theta) if subtract else 0.0
                theta += theta_plus
                left = held
                stamps.append(step + 1)
        else:
            left -= 1
        vs.append(v)
        thetas.append(theta)
    return stamps, np.array(vs), np.array(thetas)


@pytest.mark.parametrize("held", [0, 12])
@pytest.mark.parametrize("theta_plus", [0.0, 1.3])
@pytest.mark.parametrize("tau_theta", [30.0, np.inf])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_reset_and_threshold_follow_a_scalar_reference(
    reset: Any, tau_theta: float, theta_plus: float, held: int
) -> None:
    current = np.random.default_rng(2).uniform(0.0, 2500.0, 3000)
    net = make()
    model = sl.LIF(reset=reset, theta_plus=theta_plus, tau_theta=tau_theta, t_ref=held * 0.1)
    neuron = net.population(1, model)
    net.inject(neuron, sl.CurrentInput(current))
    theta, spikes = net.record(neuron, "theta"), net.record(neuron, "spikes")
    v = trace(net, neuron, "V_m", 300.0)[:, 0]
    stamps, v_expected, theta_expected = reference_adaptive(
        current, subtract=reset == "subtract", theta_plus=theta_plus, tau_theta=tau_theta, held=held
    )
    assert to_steps(spikes.times).tolist() == stamps
    assert len(stamps) > 10
    np.testing.assert_allclose(theta.values[:, 0], theta_expected, rtol=1e-12)
    np.testing.assert_allclose(v, v_expected - 70.0, rtol=1e-12)


def test_subtraction_loses_no_charge() -> None:
    net = make()
    neuron = net.population(
        1, sl.IF(C_m=100.0, E_L=0.0, V_th=1.0, V_reset=0.0, t_ref=0.0, I_e=737.3, reset="subtract")
    )
    spikes = net.record(neuron, "spikes")
    net.run(100.0)
    total = 737.3 / 100.0 * 100.0  # mV
    assert spikes.counts()[0] == int(total)
    assert float(neuron.V_m[0]) == pytest.approx(total % 1.0, abs=1e-9)


@pytest.mark.parametrize("model", KERNELS)
def test_float32_follows_float64(model: Any) -> None:
    rng = np.random.default_rng(4)
    current = rng.normal(100.0, 300.0, 2000)
    times, ids = np.sort(rng.integers(1, 2000, 300)) * 0.1, rng.integers(0, 5, 300)
    traces = []
    for dtype in ("float32", "float64"):
        net = make(dtype=dtype)
        neurons = net.population(5, model(V_th=NEVER))
        inputs = net.population(5, sl.SpikeSource(times, ids, snap=True))
        w = 0.2 * STRONG[model.__name__]
        net.connect(inputs, neurons, sl.OneToOne(), weight=[w, w, -w, w, -w], delay=0.3)
        net.inject(neurons, sl.CurrentInput(current))
        traces.append(trace(net, neurons, "V_m", 200.0))
        assert traces[-1].dtype == np.dtype(dtype)
    assert np.ptp(traces[1]) > 5.0
    np.testing.assert_allclose(traces[0], traces[1], rtol=0, atol=5e-4)


ARRAYS: dict[str, Any] = {
    "E_L": (-75.0, -65.0), "V_th": (-55.0, -50.0), "V_reset": (-70.0, -60.0), "t_ref": (0.0, 4.0),
    "theta_plus": (0.0, 1.0), "tau_theta": (5.0, 100.0), "tau_m": (5.0, 30.0), "C_m": (150.0, 300.0),
    "g_L": (10.0, 20.0), "E_ex": (-10.0, 0.0), "E_in": (-90.0, -80.0), "tau_syn_ex": (0.5, 10.0),
    "tau_syn_in": (0.5, 10.0), "tau_syn": (0.5, 10.0), "I_e": (300.0, 500.0),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kept", [(), ("theta_plus", "tau_theta"), ("tau_m", "t_ref", "E_L")])
@pytest.mark.parametrize("model", KERNELS)
def test_heterogeneous_neurons_equal_separate_ones(
    model: Any, kept: tuple[str, ...], dtype: str
) -> None:
    n, rng = 70, np.random.default_rng(8)
    names = [p for p in model().parameters() if p not in kept]
    arrays = {p: rng.uniform(*ARRAYS[p], n) for p in names}
    current = rng.normal(200.0, 200.0, 600)
    w = STRONG[model.__name__]

    def build(net: sl.Network, which: list[int], values: dict[str, Any]) -> Any:
        neurons = net.population(len(which), model(**values))
        net.inject(neurons, sl.CurrentInput(current))
        inputs = net.population(1, sl.SpikeSource([5.0, 6.0, 20.0, 21.5], [0] * 4))
        net.connect(inputs, neurons, sl.AllToAll(), weight=w, delay=1.0)
        net.connect(inputs, neurons, sl.AllToAll(), weight=-0.3 * w, delay=1.7)
        return neurons

    net = make(dtype=dtype)
    whole = build(net, list(range(n)), arrays)
    spikes = net.record(whole, "spikes")
    together = trace(net, whole, "V_m", 60.0)
    assert np.median(spikes.counts()) > 2
    for i in (0, 1, 17, 63, 64, 69):
        alone = make(dtype=dtype)
        one = build(alone, [i], {p: float(a[i]) for p, a in arrays.items()})
        np.testing.assert_array_equal(trace(alone, one, "V_m", 60.0)[:, 0], together[:, i])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
@pytest.mark.parametrize("model", KERNELS)
def test_populations_of_any_size(model: Any, n: int, threads: int) -> None:
    net = make(threads=threads)
    neurons = net.population(n, model(I_e=900.0))
    other = net.population(1, model(I_e=900.0))
    spikes, one = net.record(neurons, "spikes"), net.record(other, "spikes")
    v = trace(net, neurons, "V_m", 40.0)
    stamps = to_steps(one.times)
    assert len(stamps) > 1
    assert train(spikes) == [(int(s), i) for s in stamps for i in range(n)]
    assert v.shape == (400, n)
    assert len(neurons.V_m) == n
    assert (v == v[:, :1]).all()


def test_a_padded_neuron_never_spikes() -> None:
    net = make()
    neurons = net.population(3, sl.LIF(E_L=-50.0))  # rests above its threshold
    after = net.population(3, sl.LIFDelta(V_th=-69.0))
    net.connect(neurons, after, sl.OneToOne(), weight=0.3)
    spikes, count = net.record(neurons, "spikes"), net.record(after, "spikes")
    net.run(10.0)
    assert set(spikes.ids) == {0, 1, 2}
    assert set(count.ids) <= {0, 1, 2}


def test_parameters_change_between_runs() -> None:
    net = make()
    neurons = net.population(2, sl.LIF(V_th=NEVER, I_e=100.0))
    recorder = net.record(neurons, "V_m")
    net.run(5.0)
    neurons.I_e = [100.0, 300.0]
    net.run(5.0)
    neurons.tau_m = 20.0
    assert np.all(neurons.tau_m == 20.0)
    net.run(5.0)
    v, expected = np.full(2, -70.0), []
    for tau, current in ((10.0, [100.0, 100.0]), (10.0, [100.0, 300.0]), (20.0, [100.0, 300.0])):
        limit = -70.0 + tau / 250.0 * np.array(current)
        expected.append(limit + (v - limit) * np.exp(-0.1 * np.arange(1, 51)[:, None] / tau))
        v = expected[-1][-1]
    np.testing.assert_allclose(recorder.values, np.concatenate(expected), rtol=1e-12)


def test_a_new_resting_potential_keeps_the_potential() -> None:
    net = make()
    neurons = net.population(2, sl.LIF())
    neurons.V_m[:] = [-66.0, -58.0]
    neurons.E_L = -75.0
    np.testing.assert_allclose(neurons.V_m[:], [-66.0, -58.0], rtol=1e-15)
    net.run(0.1)
    np.testing.assert_allclose(
        neurons.V_m[:], -75.0 + np.array([9.0, 17.0]) * np.exp(-0.01), rtol=1e-13
    )


def test_adaptation_switched_on_and_off_between_runs() -> None:
    net = make()
    neuron = net.population(1, sl.LIF(I_e=900.0, t_ref=0.0))
    spikes = net.record(neuron, "spikes")
    net.run(50.0)
    before = spikes.counts()[0]
    neuron.theta_plus = 5.0
    net.run(50.0)
    assert 0 < spikes.counts()[0] - before < before
    assert float(neuron.theta[0]) == 5.0 * (spikes.counts()[0] - before)
    neuron.theta[:] = 0.0
    neuron.theta_plus = 0.0
    neuron.V_m[:] = -70.0
    spikes.clear()
    net.run(50.0)
    assert spikes.counts()[0] == before


@pytest.mark.parametrize("t_ref", [3e5, 1e9])
def test_a_very_long_refractory_period(t_ref: float) -> None:
    net = make()
    neuron = net.population(1, sl.LIF(I_e=900.0, t_ref=t_ref))
    spikes = net.record(neuron, "spikes")
    net.run(100.0)
    assert len(spikes.times) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("signs", [(1,), (-1,), (1, -1)])
def test_one_current_is_lif_with_equal_time_constants(dtype: str, signs: tuple[int, ...]) -> None:
    values, spikes = [], []
    for model in (
        sl.LIF(tau_syn_ex=0.5, tau_syn_in=0.5, I_e=300.0),
        sl.LIFOneCurrent(tau_syn=0.5, I_e=300.0),
    ):
        net = sl.Network(dt=0.1, seed=3, threads=1, dtype=dtype)  # type: ignore[arg-type]
        cells = net.population(70, model)
        for sign in signs:
            net.inject(cells, sl.PoissonInput(rate=3000.0, weight=sign * 90.0))
        recorder = net.record(cells, "V_m")
        fired = net.record(cells, "spikes")
        net.run(60.0)
        values.append(np.asarray(recorder.values))
        spikes.append(len(fired.times))
    assert np.ptp(values[0]) > 5.0
    if len(signs) == 1:
        np.testing.assert_array_equal(values[1], values[0])
        assert spikes[0] == spikes[1]
    elif dtype == "float64":
        np.testing.assert_allclose(values[1], values[0], rtol=1e-9)


@pytest.mark.parametrize(
    "kind", [sl.LIF, sl.LIFOneCurrent, sl.LIFAlpha, sl.LIFDelta, sl.LIFCond, sl.IF]
)
def test_arrays_of_parameters_give_each_neuron_the_bits_it_has_alone(kind: Any) -> None:
    rng, n = np.random.default_rng(3), 40
    choices = {
        "E_L": (-65.0, -63.0), "V_th": (-52.0, -51.0), "V_reset": (-65.0, -60.0), "t_ref": (0.0, 2.0, 3.1),
        "theta_plus": (0.0, 0.5), "tau_theta": (20.0, 50.0), "tau_m": (10.0, 15.0), "C_m": (200.0, 250.0),
        "tau_syn": (3.0, 4.0), "tau_syn_ex": (3.0, 4.0), "tau_syn_in": (5.0, 6.0), "I_e": (500.0, 650.0),
        "g_L": (15.0, 20.0), "E_ex": (0.0, 5.0), "E_in": (-80.0, -75.0),
    }  # fmt: skip
    used = [name for name in kind().parameters() if name in choices]
    # Runs of equal values, of which one parameter or several change from a neuron to the next.
    each = {name: np.repeat(rng.choice(choices[name], n // 2), 2) for name in used}
    each = {name: np.roll(values, k % 3) for k, (name, values) in enumerate(each.items())}
    net = make(dtype="float32")
    together = net.population(n, kind())
    alone = [net.population(1, kind(**{k: float(v[i]) for k, v in each.items()})) for i in range(n)]
    for name, values in each.items():
        setattr(together, name, values)
    for p in (together, *alone):
        p.V_m = -58.0
        net.inject(p, sl.StepCurrent([1.0, 60.0], [300.0, 0.0]))
    net.run(120.0)
    for state in together.states:
        np.testing.assert_array_equal(
            getattr(together, state), np.concatenate([getattr(p, state) for p in alone])
        )
