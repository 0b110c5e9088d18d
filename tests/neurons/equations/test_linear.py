"""What is linear is solved exactly: against matrix exponentials, and moments of noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm
from tests.conftest import make, trace

import spikelet as sl
from spikelet.neurons.equations import propagators
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import ONE, ZERO, Call, Expr, Number, nodes, substitute
from spikelet.neurons.equations.linear import Equation, Linear, linear_part
from spikelet.neurons.equations.read_model import read_model

DT = 0.1


def part(text: str, current: str | None = None, **parameters: float) -> list[str]:
    """Return the states that are solved exactly."""
    model = read_model(text, parameters=parameters)
    equations = {e.variable: Equation(model.expand(e.rhs), e.noise) for e in model.equations}
    return list(linear_part(equations, {*parameters, "dt"}, current))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dx/dt = -x/tau", ["x"]),
        ("dx/dt = -x/tau + y; dy/dt = -y/tau + x", ["x", "y"]),
        ("dx/dt = -x/tau + y; dy/dt = -y*y", []),
        ("dx/dt = -x/tau; dy/dt = -y*x", ["x"]),
        ("dx/dt = -x*tau**2 + exp(tau)", ["x"]),
        ("dx/dt = -x + t", []),
        ("dx/dt = -x + dt", ["x"]),
        ("dx/dt = -x + rand()", []),
        ("dx/dt = -x + xi", ["x"]),
        ("dx/dt = -x + tau*xi; dy/dt = -x + y*xi", ["x"]),
        ("dx/dt = -x*int(not_refractory)", []),
        ("dx/dt = where(tau > 3, -x, -2*x)", ["x"]),
        ("dx/dt = where(x > 3, -x, -2*x)", []),
        ("dx/dt = 0", ["x"]),
        ("dx/dt = -x; dy/dt = x*I", ["x"]),
        ("dx/dt = -x + I", ["x"]),
        ("dx/dt = -x + I**2", []),
        ("a = y/tau; dx/dt = -(x - a)/tau; dy/dt = -y", ["x", "y"]),
        ("da/dt = b; db/dt = c; dc/dt = d; dd/dt = d*d", []),
        ("da/dt = b; db/dt = c; dc/dt = -a; dd/dt = d*d", ["a", "b", "c"]),
    ],
)  # fmt: skip
def test_the_largest_linear_part(text: str, expected: list[str]) -> None:
    assert part(text, "I", tau=2.0, I=1.0) == expected


# Coupled variables

COUPLED = {
    "resonator": ("dv/dt = (-v - w + I_e)/tau + x/C; dw/dt = (0.5*(v - E) - w)/tau_w; dx/dt = -x/tau_x",
                  [[-0.1, -0.1, 0.004], [0.5 / 30, -1 / 30, 0], [0, 0, -0.5]], [0.08, -0.5 * 3 / 30, 0]),
    "chain": ("dv/dt = -v/tau + x/C; dx/dt = -x/tau_x + w; dw/dt = -w/tau_x",
              [[-0.1, 0.004, 0], [0, -0.5, 1], [0, 0, -0.5]], [0, 0, 0]),
    "relay": ("dv/dt = -v/tau + x/C + w; dx/dt = w; dw/dt = E/tau",
              [[-0.1, 0.004, 1], [0, 0, 1], [0, 0, 0]], [0, 0, 0.3]),
}  # fmt: skip
PARAMETERS = {"tau": 10.0, "tau_w": 30.0, "tau_x": 2.0, "C": 250.0, "E": 3.0, "I_e": 0.8}


@pytest.mark.parametrize("name", COUPLED)
def test_coupled_variables(name: str) -> None:
    text, rates, constants = COUPLED[name]
    kind = sl.Equations(text, parameters=PARAMETERS)
    assert (kind.method, kind.order) == ("exact", np.inf)
    net = make(DT)
    cells = net.population(3, kind())
    states = list(kind.states)
    start = np.array([1.0, -2.0, 5.0])
    for state, value in zip(states, start, strict=True):
        getattr(cells, state)[:] = value
    recorders = [net.record(cells, state) for state in states]
    net.run(20.0)
    order = (
        [("v", "w", "x").index(s) for s in states]
        if name == "resonator"
        else [("v", "x", "w").index(s) for s in states]
    )
    block = np.zeros((4, 4))
    block[:3, :3], block[:3, 3] = rates, constants
    for step in (1, 7, 200):
        expected = (expm(block * DT * step) @ [*start[np.argsort(order)], 1.0])[:3][order]
        got = [r.values[step - 1, 0] for r in recorders]
        np.testing.assert_allclose(got, expected, rtol=3e-13, atol=1e-14)


def test_a_kernel_and_its_text_have_the_same_coefficients() -> None:
    """All that a LIF multiplies by, for many time constants, some of them equal; its network test compares the bits."""
    text = "dV/dt = -(V - E)/tau + (I + I_e)/C; dI/dt = -I/tau_s"
    kind = sl.Equations(
        text, parameters={"tau": 10.0, "tau_s": 2.0, "C": 250.0, "E": 0.0, "I_e": 0.0}
    )
    tau = np.array([10.0, 2.0, 5.0, 7.0, 1e9])
    source = np.array([2.0, 2.0, 5.0 * (1 + 1e-9), 0.01, 3.0])
    found = dict(
        zip(
            map(str, kind.assembled.listing.coefficients),
            kind(tau=tau, tau_s=source).coefficients(DT),
            strict=True,
        )
    )
    np.testing.assert_array_equal(found["from V to V at 1.0"], propagators.decay(DT, tau))
    np.testing.assert_array_equal(
        found["from I to V at 1.0"],
        propagators.exponential_response(DT, tau, np.array(250.0), source),
    )
    np.testing.assert_array_equal(
        found["current current to V at 1.0"],
        propagators.constant_response(DT, tau, np.array(250.0)),
    )


def test_neurons_with_the_same_parameters_share_a_matrix_exponential(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text, _, _ = COUPLED["resonator"]
    kind = sl.Equations(text, parameters=PARAMETERS)
    taus, n = np.array([5.0, 10.0, 20.0]), 100_000
    few = kind(tau=taus).coefficients(DT)
    sizes, transition = [], propagators.transition
    monkeypatch.setattr(
        propagators, "transition", lambda h, a, q: sizes.append(len(a)) or transition(h, a, q)
    )
    many = kind(tau=taus[np.arange(n) % 3]).coefficients(DT)
    assert sizes == [3]
    for a, b in zip(many, few, strict=True):
        np.testing.assert_array_equal(a, b if len(b) == 1 else b[np.arange(n) % 3])


# Held variables


def held_kind(held: str) -> Any:
    return sl.Equations(
        f"dv/dt = (-v + w + 30)/tau {held}; dw/dt = (v - w)/tau_w; dx/dt = -x/tau + v",
        threshold="v >= 20", reset="v = 5", refractory=3.0, parameters={"tau": 10.0, "tau_w": 25.0},
    )  # fmt: skip


def test_what_depends_on_a_held_variable_sees_it_stand_still() -> None:
    net = make(DT)
    kind = held_kind("")
    assert kind.method == "exact"
    cell = net.population(1, kind())
    recorders = [net.record(cell, state) for state in kind.states]
    spikes = net.record(cell, "spikes")
    net.run(60.0)
    values = np.hstack([r.values for r in recorders])
    free = np.array([[-0.1, 0.1, 0, 3], [0.04, -0.04, 0, 0], [1, 0, -0.1, 0], [0, 0, 0, 0]])
    still = free * [[0], [1], [1], [1]]
    over_step = expm(DT * free), expm(DT * still)
    state, left, fired = np.array([0.0, 0, 0, 1]), 0, []
    for step in range(600):
        state = over_step[left > 0] @ state
        left = max(0, left - 1)
        if left == 0 and state[0] >= 20 and not (fired and step - fired[-1] <= 30):
            state[0] = 5.0
            left = 30
            fired.append(step)
        np.testing.assert_allclose(values[step], state[:3], rtol=1e-11)
    assert len(fired) > 2
    np.testing.assert_allclose(spikes.times, DT * (np.array(fired) + 1))


def test_flags_say_what_is_held() -> None:
    kind = sl.Equations(
        "dv/dt = (30 - v)/10; dw/dt = -w/5 + 1 (unless refractory)",
        threshold="v >= 20", reset="v = 5", refractory=3.0,
    )  # fmt: skip
    net = make(DT)
    cell = net.population(1, kind())
    v, w = net.record(cell, "v"), net.record(cell, "w")
    spikes = net.record(cell, "spikes")
    net.run(30.0)
    first = round(spikes.times[0] / DT)
    assert (np.diff(v.values[first - 1 : first + 30, 0]) > 0).all()  # v is not held
    assert (np.diff(w.values[first - 1 : first + 30, 0]) == 0).all()
    assert w.values[first + 30, 0] != w.values[first + 29, 0]


# Noise


def linear(
    text: str, sources: tuple[str, ...] = (), held: tuple[str, ...] = (), **parameters: float
) -> Linear:
    model = read_model(text, parameters=parameters)
    equations = {e.variable: Equation(model.expand(e.rhs), e.noise) for e in model.equations}
    count = iter(range(100))

    def normal() -> Expr:
        return Call("randn", (Number(next(count)),))

    return Linear(equations, sources, None, ZERO, held, normal)


def _only(draw: Call) -> Any:
    return lambda op, k: float(Call(op, (Number(k),)) is draw)


def covariance(
    system: Linear, exprs: list[Expr], parameters: dict[str, float], *, held: bool = False
) -> Any:
    """Return the covariance of expressions that are linear in normal numbers, from their coefficients."""

    def number(expr: Expr) -> Any:
        return np.atleast_1d(evaluate(expr, {**parameters, "dt": DT}))

    values = system.values(system.coefficients, DT, number)
    factors = []
    for expr in exprs:
        plain = substitute(expr, {"not_refractory": Call("eq", (ZERO, ONE if held else ZERO))})
        draws = [n for n in nodes(plain) if isinstance(n, Call) and n.op == "randn"]
        row = {}
        for draw in draws:
            base = dict.fromkeys("vwx", 0.0) | {k: v[0] for k, v in values.items()}
            full = evaluate(plain, base, _only(draw))
            none = evaluate(plain, base, lambda op, k: 0.0)
            row[draw] = float(full - none)
        factors.append(row)
    keys = dict.fromkeys(k for row in factors for k in row)
    matrix = np.array([[row.get(k, 0.0) for k in keys] for row in factors])
    return matrix @ matrix.T


def quadrature(a: Any, load: Any, h: float = DT) -> Any:
    nodes, weights = np.polynomial.legendre.leggauss(40)
    total = np.zeros((len(a), len(a)))
    for x, w in zip(nodes, weights, strict=True):
        e = expm(np.array(a) * h * (x + 1) / 2) @ np.array(load)
        total += w * h / 2 * (e @ e.T)
    return total


def test_noise_of_one_variable() -> None:
    system = linear("dv/dt = -v/tau + sigma*xi", tau=5.0, sigma=2.0)
    got = covariance(system, [system.at("v", 1.0)], {"tau": 5.0, "sigma": 2.0})
    assert got[0, 0] == pytest.approx(4 * 5 / 2 * -np.expm1(-2 * DT / 5), rel=1e-14)


def test_noise_that_variables_share() -> None:
    text = "dv/dt = -v/tau + w + xi_1; dw/dt = -w/5 + 2*xi_2 - xi_1; dx/dt = -3*x + xi_3"
    system = linear(text, tau=5.0)
    exprs = [system.at(name, 1.0) for name in "vwx"]
    got = covariance(system, exprs, {"tau": 5.0})
    expected = quadrature(
        [[-0.2, 1, 0], [0, -0.2, 0], [0, 0, -3]], [[1, 0, 0], [-1, 2, 0], [0, 0, 1]]
    )
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-16)


def test_the_integral_of_a_noise_goes_with_what_variables_get_of_it() -> None:
    system = linear("dv/dt = -v/tau + xi", ("xi", "xi_2"), tau=5.0)
    exprs = [system.increment("xi"), system.at("v", 1.0), system.increment("xi_2")]
    got = covariance(system, exprs, {"tau": 5.0})
    expected = quadrature([[0, 0, 0], [0, -0.2, 0], [0, 0, 0]], [[1, 0], [1, 0], [0, 1]])
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-16)


def test_noise_while_a_variable_is_held() -> None:
    text = "dv/dt = -v/tau + w + xi; dw/dt = -w/5 + xi; dx/dt = v - x"
    system = linear(text, (), ("v",), tau=5.0)
    exprs = [system.at(name, 1.0) for name in "vwx"]
    free, load = [[-0.2, 1, 0], [0, -0.2, 0], [1, 0, -1]], [[1], [1], [0]]
    np.testing.assert_allclose(
        covariance(system, exprs, {"tau": 5.0}), quadrature(free, load), rtol=1e-9, atol=1e-14
    )
    got = covariance(system, exprs, {"tau": 5.0}, held=True)
    still = quadrature([[0, 0, 0], [0, -0.2, 0], [1, 0, -1]], [[0], [1], [0]])
    np.testing.assert_allclose(got, still, rtol=1e-12, atol=1e-16)


def test_the_spread_of_many_neurons() -> None:
    """Ornstein and Uhlenbeck: stationary from the first step on, whatever dt."""
    kind = sl.Equations(
        "dv/dt = (mu - v)/tau + sigma*sqrt(2/tau)*xi", initial={"v": "mu + sigma*randn()"},
        parameters={"mu": 3.0, "tau": 2.0, "sigma": 0.5},
    )  # fmt: skip
    net = make(1.0)
    cells = net.population(20_000, kind())
    values = trace(net, cells, "v", 5.0)
    np.testing.assert_allclose(values.mean(axis=1), 3.0, atol=0.02)
    np.testing.assert_allclose(values.std(axis=1), 0.5, rtol=0.03)
    for lag in (1, 2):
        together = np.mean((values[lag:] - 3) * (values[:-lag] - 3)) / 0.25
        assert together == pytest.approx(np.exp(-lag / 2.0), abs=0.02)
