"""Each scheme has the order that it states, against an integrator of order 8 at 1e-12."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from tests.conftest import make, trace

import spikelet as sl
from spikelet.neurons.equations import schemes
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.read_model import read_model

METHODS = ["euler", "exponential_euler", "exponential_midpoint", "heun", "rk2", "rk4"]

ADEX = """
    C_m*dV_m/dt = -g_L*(V_m - E_L) + g_L*Delta_T*exp((V_m - V_th)/Delta_T) - w + I_syn_ex + I_e
    tau_w*dw/dt = a*(V_m - E_L) - w
    dI_syn_ex/dt = -I_syn_ex/tau_syn
"""
HODGKIN_HUXLEY = """
    C_m*dV_m/dt = -g_L*(V_m - E_L) - g_Na*m**3*h*(V_m - E_Na) - g_K*n**4*(V_m - E_K) + I_e
    dm/dt = 1.0/exprel(-(V_m + 40)/10)*(1 - m) - 4*exp(-(V_m + 65)/18)*m
    dh/dt = 0.07*exp(-(V_m + 65)/20)*(1 - h) - 1/(1 + exp(-(V_m + 35)/10))*h
    dn/dt = 0.1/exprel(-(V_m + 55)/10)*(1 - n) - 0.125*exp(-(V_m + 65)/80)*n
"""
PROBLEMS: dict[str, tuple[str, dict[str, float], dict[str, float], float]] = {
    "AdEx": (ADEX,
             {"C_m": 281.0, "g_L": 30.0, "Delta_T": 2.0, "E_L": -70.6, "V_th": -50.4, "tau_w": 144.0, "a": 4.0,
              "tau_syn": 3.0, "I_e": 300.0}, {"V_m": -65.0, "I_syn_ex": 500.0, "w": 10.0}, 12.8),
    "Hodgkin-Huxley": (HODGKIN_HUXLEY,
                       {"C_m": 1.0, "g_L": 0.3, "E_L": -54.4, "g_Na": 120.0, "E_Na": 50.0, "g_K": 36.0, "E_K": -77.0,
                        "I_e": 10.0}, {"V_m": -65.0, "m": 0.05, "h": 0.6, "n": 0.32}, 6.4),
    "conductances": ("C_m*dV_m/dt = -g_L*(V_m - E_L) - g*(V_m - 5) - k*(V_m + 80); dg/dt = -g/2; dk/dt = -k/7 + g/9",
                     {"C_m": 250.0, "g_L": 16.0, "E_L": -70.0}, {"V_m": -60.0, "g": 40.0, "k": 10.0}, 12.8),
    "forced pendulum": ("dx/dt = y; dy/dt = -sin(x) - 0.1*y + cos(0.7*t)", {}, {"x": 1.0, "y": 0.0}, 12.8),
    "Fitzhugh-Nagumo": ("dv/dt = v - v**3/3 - w + 0.5 + z; dw/dt = 0.08*(v + 0.7 - 0.8*w); dz/dt = -z/4",
                        {}, {"v": -1.0, "w": 1.0, "z": 1.0}, 12.8),
}  # fmt: skip


def reference(name: str) -> Mapping[str, float]:
    """Return the states at the end, from the expressions of the text."""
    text, parameters, start, duration = PROBLEMS[name]
    model = read_model(text, parameters=parameters)
    rates = {e.variable: model.expand(e.rhs) for e in model.equations}

    def derivative(t: float, y: Any) -> list[float]:
        values = {**parameters, **dict(zip(rates, y, strict=True)), "t": t}
        return [float(evaluate(rate, values)) for rate in rates.values()]

    begin = [start.get(state, 0.0) for state in rates]
    solved = solve_ivp(derivative, (0.0, duration), begin, method="DOP853", rtol=1e-12, atol=1e-12)
    return dict(zip(rates, solved.y[:, -1], strict=True))


def at_end(name: str, method: str, dt: float) -> Mapping[str, float]:
    text, parameters, start, duration = PROBLEMS[name]
    kind = sl.Equations(text, parameters=parameters, method=method, name="Problem")
    net = make(dt)
    cell = net.population(1, kind())
    for state, value in start.items():
        getattr(cell, state)[:] = value
    net.run(duration)
    return {state: float(getattr(cell, state)[0]) for state in kind.states}


@pytest.mark.parametrize("name", PROBLEMS)
def test_orders(name: str) -> None:
    expected = reference(name)
    methods = [*METHODS, *(["magnus4"] if name == "conductances" else [])]
    for method in methods:
        order = schemes.ORDERS[method]
        errors = []
        longest = 0.025 if name == "Hodgkin-Huxley" else 0.1  # it is stiff
        for halvings in range(4 if order < 4 else 3):
            got = at_end(name, method, longest / 2**halvings)
            errors.append(max(abs(got[s] - x) / (1 + abs(x)) for s, x in expected.items()))
        observed = np.log2(np.divide(errors[:-1], errors[1:]))
        # The last halving is the cleanest, unless rounding is all that is left.
        assert errors[-1] < 1e-12 or observed[-1] > order - 0.3, (method, errors, observed)
        assert observed[-1] < order + 1.3 or errors[-1] < 1e-11, (method, errors, observed)


def test_what_auto_means() -> None:
    def method(text: str, **options: Any) -> str:
        return sl.Equations(text, **options).method

    assert method("dx/dt = -x") == "exact"
    assert method("dx/dt = -x", method="rk4") == "exact"
    assert method("dx/dt = -x*y; dy/dt = -y") == "magnus4"
    assert method("dx/dt = -x*y; dy/dt = -y*x") == "exponential_midpoint"
    assert (
        method(HODGKIN_HUXLEY, parameters=PROBLEMS["Hodgkin-Huxley"][1]) == "exponential_midpoint"
    )
    assert method(ADEX, parameters=PROBLEMS["AdEx"][1]) == "rk2"
    assert method("dx/dt = floor(x) - x") == "rk2"
    assert method("dx/dt = -x + x*xi") == "exponential_euler"
    assert method("dx/dt = -x**3 + xi") == "rk2"
    assert [schemes.ORDERS[m] for m in METHODS] == [1, 1, 2, 2, 2, 4]


@pytest.mark.parametrize(
    ("text", "method", "message"),
    [
        (
            "dx/dt = -x**3; dy/dt = -y",
            "exact",
            r"^M: method cannot be exact: the equation of x is not linear",
        ),
        (
            "dx/dt = floor(x)",
            "exponential_midpoint",
            r"^M: method needs the derivative .* of x has none",
        ),
        (
            "dx/dt = -x**3 + x*xi",
            "rk4",
            r'^M: method must be "euler" or "exponential_euler" \(Ito\), or "heun" \(Stratonovich\): the noise of x',
        ),
        (
            "dx/dt = -x**3 + y*xi; dy/dt = -y",
            "rk2",
            r'^M: method must be "euler" or "exponential_euler"',
        ),
        ("dx/dt = -x*y; dy/dt = -y*x", "magnus4", r"^M: method needs rates .* unlike that of x"),
        ("dx/dt = -x**3", "leapfrog", r"^M: method must be"),
        ("dx/dt = -x**3", None, r"^M: method must be"),
    ],
)
def test_methods_that_do_not_suit(text: str, method: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sl.Equations(text, method=method, name="M")


def test_gates_stay_bounded_with_exponential_schemes() -> None:
    """However fast they are: 1000 times the step, here."""
    text = "dm/dt = (1 - m)*a*k - m*b*k; da/dt = -a*a; db/dt = b*(1 - b)"
    for method in ("exponential_euler", "exponential_midpoint"):
        kind = sl.Equations(text, method=method, parameters={"k": 1e4}, initial={"a": 1, "b": 0.3})
        net = make(0.1)
        values = trace(net, net.population(1, kind()), "m", 10.0)
        assert (values >= 0).all()
        assert (values <= 1).all()


def test_steps_without_a_derivative_are_eulers() -> None:
    kind = sl.Equations("dx/dt = 3 - floor(x)", method="exponential_euler", initial={"x": 0.25})
    net = make(0.1)
    values = trace(net, net.population(1, kind()), "x", 1.0)[:, 0]
    x, expected = 0.25, []
    for _ in range(10):
        x += 0.1 * (3 - np.floor(x))
        expected.append(x)
    np.testing.assert_allclose(values, expected, rtol=1e-14)


# Thresholds and refractory periods


def test_a_stage_sees_nothing_beyond_a_threshold_that_resets() -> None:
    """exp(V) of the last stage would overflow, and spoil w, which a reset keeps."""
    parameters = {
        **PROBLEMS["AdEx"][1],
        "V_peak": 0.0,
        "V_reset": -60.0,
        "Delta_T": 0.4,
        "t_ref": 2.0,
        "b": 40.0,
    }
    for dtype in ("float32", "float64"):
        for method in METHODS:
            kind = sl.Equations(ADEX, threshold="V_m >= V_peak", reset="V_m = V_reset; w += b", refractory="t_ref",
                                parameters=parameters, method=method)  # fmt: skip
            net = make(0.1, dtype=dtype)
            cell = net.population(1, kind(I_e=900.0))
            spikes, v, w = (
                net.record(cell, "spikes"),
                net.record(cell, "V_m"),
                net.record(cell, "w"),
            )
            net.run(100.0)
            assert 5 < len(spikes.times) < 40
            assert v.values.max() < 0.0
            assert w.values.max() < 400.0
            first = round(spikes.times[0] / 0.1)
            held = v.values[first - 1 : first + 19, 0]
            assert (held == held[0]).all()
            assert v.values[first + 20, 0] != held[0]


def test_without_a_reset_the_threshold_is_no_limit() -> None:
    text, parameters, start, _ = PROBLEMS["Hodgkin-Huxley"]
    kind = sl.Equations(
        text, threshold="V_m >= -20", refractory=3.0, parameters=parameters, initial=start
    )
    net = make(0.05)
    cell = net.population(1, kind())
    spikes, v = net.record(cell, "spikes"), net.record(cell, "V_m")
    net.run(50.0)
    free = sl.Equations(text, parameters=parameters, initial=start)
    other = make(0.05)
    # V_m is held by default, as in all models: "(unless refractory)" on another variable keeps it free.
    assert len(spikes.times) >= 2
    assert trace(other, other.population(1, free()), "V_m", 50.0).max() > 30.0
    first = round(spikes.times[0] / 0.05)
    assert v.values[first - 1, 0] > -20.0


def test_white_noise_in_an_equation_that_is_not_linear() -> None:
    """dx = -x^3 dt + s dW has the density exp(-x^4 / (2 s^2)) in the end."""
    kind = sl.Equations("dx/dt = -x**3 + s*xi", parameters={"s": 1.0})
    net = make(0.02)
    cells = net.population(20_000, kind())
    net.run(20.0)
    x = np.linspace(-4, 4, 4001)
    weight = np.exp(-(x**4) / 2)
    expected = (x**2 * weight).sum() / weight.sum()
    assert np.mean(np.asarray(cells.x) ** 2) == pytest.approx(expected, rel=0.03)


def test_multiplicative_noise_is_that_of_ito() -> None:
    """dx = -x dt + s x dW: the mean decays as without noise, the second moment as exp((s^2 - 2) t)."""
    kind = sl.Equations("dx/dt = -x + s*x*xi", parameters={"s": 0.5}, initial={"x": 1})
    assert kind.method == "exponential_euler"
    net = make(0.01)
    cells = net.population(40_000, kind())
    net.run(1.0)
    x = np.asarray(cells.x)
    assert x.mean() == pytest.approx(np.exp(-1), rel=0.01)
    assert (x**2).mean() == pytest.approx(np.exp(0.25 - 2), rel=0.03)


def test_one_noise_in_two_equations_is_the_same() -> None:
    """x is linear and y is not, but both integrate the same noise."""
    kind = sl.Equations("dx/dt = xi_a; dy/dt = 0*y**2 + xi_a; dz/dt = 0*z**2 + xi_b")
    assert kind.exact == ("x",)
    net = make(0.1)
    cells = net.population(500, kind())
    net.run(5.0)
    np.testing.assert_allclose(cells.x[:], cells.y[:], atol=1e-12)
    assert abs(np.corrcoef(cells.x, cells.z)[0, 1]) < 0.2
    assert np.std(cells.z) == pytest.approx(np.sqrt(5.0), rel=0.1)


# Noise with a factor that depends on a state -------------------------------------------------------------------------


def path(text: str, method: str, dt: float, n: int = 400, **parameters: float) -> tuple[Any, Any]:
    """Return x at the end of 10 ms, from 1, and the Wiener process that drives it, as a state w."""
    kind = sl.Equations(
        f"{text}; dw/dt = xi", parameters=parameters, initial={"x": 1.0}, method=method
    )
    net = make(dt)
    cells = net.population(n, kind())
    net.run(10.0)
    return np.array(cells.x), np.array(cells.w)


def test_heun_has_the_solution_of_stratonovich() -> None:
    """dx = sigma x o dW has the solution exp(sigma W), whose mean grows; Ito's has a mean of 1."""
    sigma = 0.2
    errors = []
    for dt in (0.4, 0.1, 0.025):
        x, w = path("dx/dt = sigma*x*xi", "heun", dt, sigma=sigma)
        errors.append(np.sqrt(np.mean((x - np.exp(sigma * w)) ** 2)))
    assert errors[0] < 0.05
    assert errors[2] < errors[1] / 2.5 < errors[0] / 6  # strong order 1
    x, w = path("dx/dt = sigma*x*xi", "exponential_euler", 0.025, sigma=sigma)
    np.testing.assert_allclose(x, np.exp(sigma * w - 0.5 * sigma**2 * 10.0), rtol=0.15)


def test_heun_is_itos_rule_with_the_correction() -> None:
    """The two converge to each other: with a drift of g g' / 2, Ito's solution is Stratonovich's."""
    text, drift = "dx/dt = -0.1*x**3 + sigma*sin(x)*xi", " + 0.5*sigma**2*sin(x)*cos(x)"
    differences = []
    for dt in (0.1, 0.025, 0.00625):
        (x, w), (y, v) = (
            path(t, m, dt, n=200, sigma=0.3)
            for t, m in ((text, "heun"), (text + drift, "exponential_euler"))
        )
        np.testing.assert_array_equal(w, v)  # the same noise
        differences.append(np.sqrt(np.mean((x - y) ** 2)))
    assert differences[2] < differences[1] / 1.5 < differences[0] / 2.2  # Euler's strong order 1/2
    without, _ = path(text, "exponential_euler", 0.00625, n=200, sigma=0.3)
    assert np.sqrt(np.mean((x - without) ** 2)) > 5 * differences[2]


def test_heun_takes_several_noises_and_holds_refractory_neurons() -> None:
    kind = sl.Equations(
        "dv/dt = (2 - v)/5 + 0.1*v*xi_a + 0.2*y*xi_b (unless refractory); dy/dt = (1 - y)/3 + 0.1*xi_b",
        threshold="v >= 1.2", reset="v = 0.1", refractory=1.0, method="heun",
    )  # fmt: skip
    net = make()
    cells = net.population(50, kind())
    spikes = net.record(cells, "spikes")
    v = trace(net, cells, "v", 50.0)
    assert np.isfinite(v).all()
    assert spikes.counts().min() > 3
    steps, ids = np.rint(spikes.times / 0.1).astype(int), spikes.ids
    inside = steps < 485
    for later in range(10):
        np.testing.assert_array_equal(v[steps[inside] - 1 + later, ids[inside]], 0.1)


def test_euler_is_the_rule_by_hand() -> None:
    """Izhikevich's network of 2003 uses steps of 1 ms; here a single neuron, in numpy."""
    kind = sl.Equations(
        "dv/dt = 0.04*v**2 + 5*v + 140 - u + I_e; du/dt = a*(b*v - u)",
        threshold="v >= 30", reset="v = c; u += d", method="euler", initial={"v": -65.0, "u": -13.0},
        parameters={"a": 0.02, "b": 0.2, "c": -65.0, "d": 8.0, "I_e": 10.0},
    )  # fmt: skip
    assert (kind.method, kind.order) == ("euler", 1)
    net = make(1.0)
    cell = net.population(1, kind())
    spikes = net.record(cell, "spikes")
    traced = trace(net, cell, "u", 300.0)[:, 0]
    v, u, times, us = -65.0, -13.0, [], []
    for step in range(300):
        v, u = v + (0.04 * v**2 + 5 * v + 140 - u + 10.0), u + 0.02 * (0.2 * v - u)
        if v >= 30:
            times.append(step + 1.0)
            v, u = -65.0, u + 8.0
        us.append(u)
    assert len(times) > 5
    assert spikes.times.tolist() == times
    np.testing.assert_allclose(traced, us, rtol=1e-9)
