"""What one event does to a neuron of each model, against closed forms and an ODE solver."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from tests.conftest import Floats, make, single_input, trace

import spikelet as sl

NEVER = 1e6
TAUS = [(10.0, 2.0), (10.0, 10.0), (2.0, 10.0), (20.0, 0.2), (5.0, 5.0 * (1 + 1e-9)), (7.0, 6.9)]


def exponential_psp(t: Floats, w: float, C_m: float, tau_m: float, tau_s: float) -> Floats:
    """Potential t after an event of an exponential current."""
    if abs(tau_m - tau_s) < 1e-6:
        return w / C_m * t * np.exp(-t / tau_m)
    a, b = 1 / tau_s, 1 / tau_m
    return w / C_m * (np.exp(-b * t) - np.exp(-a * t)) / (a - b)


def alpha_psp(t: Floats, w: float, C_m: float, tau_m: float, tau_s: float) -> Floats:
    """Potential t after an event of an alpha current."""
    peak = w * np.e / tau_s / C_m
    if abs(tau_m - tau_s) < 1e-6:
        return peak * t**2 / 2 * np.exp(-t / tau_m)
    a, b = 1 / tau_s, 1 / tau_m
    c = a - b
    return peak * ((np.exp(-b * t) - np.exp(-a * t)) / c**2 - t * np.exp(-a * t) / c)


def taus(tau_s: float, sign: int) -> dict[str, float]:
    """Give the receptor of a sign its time constant, and the other one a different one."""
    pair = (tau_s, 3.3) if sign > 0 else (3.3, tau_s)
    return {"tau_syn_ex": pair[0], "tau_syn_in": pair[1]}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("tau_m", "tau_s"), TAUS)
@pytest.mark.parametrize(("model", "psp"), [(sl.LIF, exponential_psp), (sl.LIFAlpha, alpha_psp)])
def test_psp_of_a_current(model: Any, psp: Any, tau_m: float, tau_s: float, sign: int) -> None:
    w = sign * 150.0
    cell = model(E_L=0.0, V_reset=-1.0, V_th=NEVER, C_m=200.0, tau_m=tau_m, **taus(tau_s, sign))
    net, neuron = single_input(cell, w, [30], delay=12)
    current = net.record(neuron, "I_syn_ex" if sign > 0 else "I_syn_in")
    other = net.record(neuron, "I_syn_in" if sign > 0 else "I_syn_ex")
    v = trace(net, neuron, "V_m", 40.0)[:, 0]
    t = 0.1 * (np.arange(1, 401) - 42)
    expected = np.where(t > 0, psp(np.maximum(t, 0.0), w, 200.0, tau_m, tau_s), 0.0)
    # Next to a singularity the closed forms themselves cancel.
    rtol = 1e-5 if 0 < abs(tau_m - tau_s) < 0.5 else 1e-10
    np.testing.assert_allclose(v, expected, rtol=rtol, atol=1e-15)
    shape = np.exp(-t / tau_s) if model is sl.LIF else np.e * t / tau_s * np.exp(-t / tau_s)
    np.testing.assert_allclose(
        current.values[:, 0], np.where(t >= 0, w * shape, 0.0), rtol=1e-10, atol=1e-13
    )
    assert not other.values.any()


@pytest.mark.parametrize("relative", [1e-3, 1e-6, 1e-9, 1e-12, 1e-15])
@pytest.mark.parametrize(("model", "psp"), [(sl.LIF, exponential_psp), (sl.LIFAlpha, alpha_psp)])
def test_psp_is_smooth_where_time_constants_meet(model: Any, psp: Any, relative: float) -> None:
    cell = model(E_L=0.0, V_reset=-1.0, V_th=NEVER, tau_m=10.0, tau_syn_ex=10.0 * (1 + relative))
    net, neuron = single_input(cell, 100.0, [1])
    v = trace(net, neuron, "V_m", 50.0)[2:, 0]
    equal = psp(0.1 * np.arange(1, 499), 100.0, 250.0, 10.0, 10.0)
    np.testing.assert_allclose(v, equal, rtol=5 * relative + 1e-7)


@pytest.mark.parametrize("w", [3.0, -2.0])
def test_psp_of_a_delta_synapse(w: float) -> None:
    cell = sl.LIFDelta(E_L=0.0, V_reset=-1.0, V_th=NEVER)
    net, neuron = single_input(cell, w, [30], delay=12)
    v = trace(net, neuron, "V_m", 20.0)[:, 0]
    t = 0.1 * (np.arange(1, 201) - 42)
    expected = np.where(t > -0.05, w * np.exp(-t / 10.0), 0.0)  # at once: at the end of step 42
    np.testing.assert_allclose(v, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("w", [90.0, -70.0])
def test_psp_without_a_leak(w: float) -> None:
    cell = sl.IF(E_L=0.0, V_reset=-1.0, V_th=NEVER, C_m=100.0, **taus(4.0, 1 if w > 0 else -1))
    net, neuron = single_input(cell, w, [30], delay=12)
    v = trace(net, neuron, "V_m", 20.0)[:, 0]
    t = np.maximum(0.1 * (np.arange(1, 201) - 42), 0.0)
    np.testing.assert_allclose(v, -w * 4.0 / 100.0 * np.expm1(-t / 4.0), rtol=1e-10, atol=1e-15)


def test_a_delta_event_can_trigger_a_spike_in_its_own_step() -> None:
    net, neuron = single_input(sl.LIFDelta(), 20.0, [5], delay=3)
    spikes = net.record(neuron, "spikes")
    net.run(2.0)
    np.testing.assert_allclose(spikes.times, [0.8])


@pytest.mark.parametrize("held", [0, 1, 5])
def test_delta_events_that_meet_a_refractory_neuron_are_lost(held: int) -> None:
    cell = sl.LIFDelta(E_L=0.0, V_th=15.0, V_reset=0.0, t_ref=0.1 * held)
    net, neuron = single_input(cell, 1.0, range(10, 20))  # one acts in each step 11 .. 20
    neuron.V_m[:] = 0.0
    net.connect(source(net, 9), neuron, sl.AllToAll(), weight=20.0, delay=0.1)  # fires in step 10
    spikes = net.record(neuron, "spikes")
    v = trace(net, neuron, "V_m", 2.0)[:, 0]
    decay = np.exp(-0.1 / 10.0)
    np.testing.assert_allclose(spikes.times, [1.0])
    expected = sum(decay**k for k in range(10 - held))
    assert v[19] == pytest.approx(expected, rel=1e-12)


def source(net: sl.Network, step: int) -> Any:
    """One spike."""
    return net.population(1, sl.SpikeSource([0.1 * step], [0], snap=True))


# Conductances: a scheme of order 4


DRIVEN = [(1.0, 20.0, 0.0), (3.0, 0.0, 40.0), (4.0, 35.0, 0.0)]  # [ms, nS, nS]


def solve_cond(model: sl.LIFCond, t_end: float) -> float:
    """V at t_end, when the conductances jump as DRIVEN says."""
    m: Any = model

    def rate(_: float, y: Floats) -> list[float]:
        v, ex, inh = y
        current = -m.g_L * (v - m.E_L) - ex * (v - m.E_ex) - inh * (v - m.E_in) + m.I_e
        return [current / m.C_m, -ex / m.tau_syn_ex, -inh / m.tau_syn_in]

    y, t = np.array([m.E_L, 0.0, 0.0]), 0.0
    for time, ex, inh in [*DRIVEN, (t_end, 0.0, 0.0)]:
        y = solve_ivp(rate, (t, time), y, rtol=1e-13, atol=1e-13, method="DOP853").y[:, -1]
        y, t = y + np.array([0.0, ex, inh]), time
    return float(y[0])


def cond_errors(model: sl.LIFCond, t_end: float) -> dict[float, float]:
    """Return how far V_m at t_end is from the solution, for steps that halve; the current is injected in part."""
    errors = {}
    for dt in (0.2, 0.1, 0.05, 0.025):
        net = make(dt)
        neuron = net.population(1, model.replace(I_e=0.25 * model.I_e))
        net.inject(neuron, sl.CurrentInput(np.full(round(t_end / dt), 0.75 * model.I_e)))
        for time, ex, inh in DRIVEN:
            pre = net.population(1, sl.SpikeSource([time - dt], [0], snap=True))
            net.connect(pre, neuron, sl.OneToOne(), weight=ex - inh, delay=dt)
        net.run(t_end)
        errors[dt] = abs(float(neuron.V_m[0]) - solve_cond(model, t_end))
    return errors


@pytest.mark.parametrize(
    ("tau_ex", "tau_in", "I_e", "t_end"),
    [(1.5, 3.0, 0.0, 9.0), (3.0, 1.5, 300.0, 9.0), (5.0, 5.0, -200.0, 7.0), (0.2, 2.0, 0.0, 4.2)],
)
def test_cond_converges_with_order_four(
    tau_ex: float, tau_in: float, I_e: float, t_end: float
) -> None:
    model = sl.LIFCond(tau_syn_ex=tau_ex, tau_syn_in=tau_in, I_e=I_e, V_th=NEVER)
    errors = cond_errors(model, t_end)
    assert 1e-10 < errors[0.1] < 1e-6
    e = np.array(list(errors.values()))[1:]  # 0.2 ms is as long as the shortest time constant
    np.testing.assert_allclose(np.log2(e[:-1] / e[1:]), 4.0, atol=0.2)


@pytest.mark.parametrize("sign", [1, -1])
def test_conductances_jump_and_decay_exactly(sign: int) -> None:
    net, neuron = single_input(sl.LIFCond(V_th=NEVER, **taus(2.5, sign)), sign * 4.0, [10], delay=2)
    g = net.record(neuron, "g_ex" if sign > 0 else "g_in")
    net.run(10.0)
    t = 0.1 * (np.arange(1, 101) - 12)
    np.testing.assert_allclose(
        g.values[:, 0], np.where(t > -0.05, 4.0 * np.exp(-t / 2.5), 0.0), rtol=1e-12
    )


def test_cond_is_exact_for_a_constant_conductance() -> None:
    net = make()
    neuron = net.population(1, sl.LIFCond(V_th=NEVER, tau_syn_ex=1e12, tau_syn_in=1e12, I_e=50.0))
    neuron.g_ex[:] = 5.0
    neuron.g_in[:] = 9.0
    v = trace(net, neuron, "V_m", 30.0)[:, 0]
    g = 16.6667 + 5.0 + 9.0
    limit = (16.6667 * -70.0 + 9.0 * -85.0 + 50.0) / g
    t = 0.1 * np.arange(1, 301)
    np.testing.assert_allclose(v, limit + (-70.0 - limit) * np.exp(-t * g / 250.0), rtol=1e-11)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1.0, 1e3, 1e7])
@pytest.mark.parametrize("taus", [(0.2, 2.0), (3.0, 1e-3), (1e-3, 1e4), (1e9, 0.05)])
def test_cond_stays_between_its_reversal_potentials(
    size: float, taus: tuple[float, float], dtype: str
) -> None:
    net = make(dtype=dtype)
    strength = size * np.maximum(1.0, 0.1 / np.array(taus))  # fast ones still move V_m
    model = sl.LIFCond(V_th=100.0, tau_syn_ex=taus[0], tau_syn_in=taus[1])
    neurons = net.population(100, model)
    net.inject(neurons, sl.PoissonInput(rate=3000.0, weight=strength[0]))
    net.inject(neurons, sl.PoissonInput(rate=3000.0, weight=-strength[1]))
    v = trace(net, neurons, "V_m", 100.0)
    assert v.min() >= -85.0 - 1e-4
    assert v.max() <= 1e-4
    if taus == (0.2, 2.0):
        assert np.ptp(v) > (3.0 if size < 10.0 else 80.0)


@pytest.mark.filterwarnings("ignore:LIFCond")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("C_m", "g_L"), [(1e-30, 10.0), (1e30, 10.0), (1e-6, 1e9), (250.0, 1e-30)])
def test_cond_is_finite_for_any_membrane(C_m: float, g_L: float, dtype: str) -> None:
    """Conductances that sum to nothing or to very much give a potential between the reversal potentials."""
    net = make(dtype=dtype)
    neurons = net.population(3, sl.LIFCond(V_th=100.0, C_m=C_m, g_L=g_L))
    neurons.g_ex[:] = [0.0, 1.0, 1e7]
    neurons.g_in[:] = [0.0, 1e7, 1.0]
    v = trace(net, neurons, "V_m", 5.0)
    assert np.isfinite(v).all()
    assert v.min() >= -85.0 - 1e-4
    assert v.max() <= 1e-4
