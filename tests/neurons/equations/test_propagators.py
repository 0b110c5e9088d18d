"""Closed forms and matrix exponentials against arithmetic of 60 digits."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

from spikelet.neurons.equations import propagators

H = 0.1
INF = np.inf
TAUS = [1e-3, 0.2, 2.0, 10.0, 10.0 * (1 + 1e-9), 10.0 * (1 - 1e-12), 20.0, 3e4, 1e8, 1e14]


def exact(x: float) -> Decimal:
    return Decimal(x)


def exp(x: Decimal) -> Decimal:
    return x.exp()


def tolerance(*taus: float) -> float:
    """Return 1e-15, and more where the exponent itself, rounded, is that far off."""
    return 1e-15 * max(1.0, 0.2 * max(H / abs(tau) for tau in taus))


def one(function: Any, *values: float) -> float:
    return float(function(H, *(np.array([v]) for v in values))[0])


@pytest.fixture(autouse=True)
def digits() -> Any:
    with localcontext() as context:
        context.prec = 60
        yield


def constant(tau: float, C: float) -> float:
    h, t = exact(H), exact(tau)
    return float(t / exact(C) * (1 - exp(-h / t)))


def exponential(tau: float, C: float, source: float) -> float:
    h, t, s = exact(H), exact(tau), exact(source)
    if t == s:
        return float(h / exact(C) * exp(-h / t))
    return float((exp(-h / t) - exp(-h / s)) / (1 / s - 1 / t) / exact(C))


@pytest.mark.parametrize("tau", TAUS)
def test_a_decay_and_the_effect_of_a_constant(tau: float) -> None:
    assert one(propagators.decay, tau) == pytest.approx(
        float(exp(-exact(H) / exact(tau))), rel=tolerance(tau), abs=0
    )
    # The propagator is rounded: what it lacks to 1 cannot be better than that.
    rel = 1e-15 if tau > 1e4 else 1e-15 * max(1.0, tau / H)
    assert one(propagators.constant_response, tau, 250.0) == pytest.approx(
        constant(tau, 250.0), rel=rel, abs=0
    )


@pytest.mark.parametrize("source", TAUS)
@pytest.mark.parametrize("tau", TAUS)
def test_the_effect_of_a_decaying_current(tau: float, source: float) -> None:
    got = one(propagators.exponential_response, tau, 250.0, source)
    assert got == pytest.approx(
        exponential(tau, 250.0, source), rel=1.5 * tolerance(tau, source), abs=0
    )


@pytest.mark.parametrize("tau", [0.2, 10.0, -5.0])
def test_infinite_time_constants_are_the_limits(tau: float) -> None:
    assert one(propagators.decay, INF) == 1
    assert one(propagators.constant_response, INF, 250.0) == H / 250.0
    assert one(propagators.exponential_response, tau, 250.0, INF) == one(
        propagators.constant_response, tau, 250.0
    )
    expected = float(exact(tau) / 250 * (1 - exp(-exact(H) / exact(tau))))
    assert one(propagators.exponential_response, INF, 250.0, tau) == pytest.approx(
        expected, rel=1e-15
    )
    assert one(propagators.exponential_response, INF, 250.0, INF) == H / 250.0
    assert one(propagators.constant_response, tau, INF) == 0
    assert one(propagators.noise_variance, INF) == H


def test_growth_is_no_special_case() -> None:
    assert one(propagators.decay, -2.0) == pytest.approx(float(exp(exact(H) / 2)), rel=1e-15)
    assert one(propagators.constant_response, -2.0, 4.0) == pytest.approx(
        constant(-2.0, 4.0), rel=3e-14
    )
    assert one(propagators.exponential_response, -2.0, 4.0, 3.0) == pytest.approx(
        exponential(-2.0, 4.0, 3.0), rel=2e-15
    )


def test_many_neurons_at_once_are_as_one_by_one() -> None:
    rng = np.random.default_rng(1)
    tau, C, source = rng.uniform(0.1, 30, (3, 50))
    source[::5] = tau[::5]
    tau[::7] = INF
    together = propagators.exponential_response(H, tau, C, source)
    alone = [
        one(propagators.exponential_response, *values)
        for values in zip(tau, C, source, strict=True)
    ]
    np.testing.assert_array_equal(together, alone)


# Coupled variables


def expm(matrix: list[list[Decimal]]) -> list[list[Decimal]]:
    """Exponential by a Taylor series of a 2^-20th, squared 20 times."""
    n = len(matrix)
    small = [[x / 2**20 for x in row] for row in matrix]
    result = term = [[Decimal(int(i == j)) for j in range(n)] for i in range(n)]
    for k in range(1, 25):
        term = [[x / k for x in row] for row in times(term, small)]
        result = [
            [a + b for a, b in zip(x, y, strict=True)] for x, y in zip(result, term, strict=True)
        ]
    for _ in range(20):
        result = times(result, result)
    return result


def times(a: list[list[Decimal]], b: list[list[Decimal]]) -> list[list[Decimal]]:
    n = len(a)
    return [
        [sum((a[i][k] * b[k][j] for k in range(n)), Decimal(0)) for j in range(n)] for i in range(n)
    ]


MATRICES = {
    "a resonator": [[-0.1, -0.5], [0.3, -0.02]],
    "a chain of equal rates": [[-0.5, 1.0, 0.0], [0.0, -0.5, 1.0], [0.0, 0.0, -0.5]],
    "stiff": [[-400.0, 3.0, 0.0], [2.0, -0.01, 1.0], [0.0, 0.0, -1e-6]],
    "growing": [[0.3, 1.0], [1.0, 0.3]],
}


@pytest.mark.parametrize("name", MATRICES)
def test_the_matrix_exponential(name: str) -> None:
    a = np.array(MATRICES[name])
    expected = np.array(
        expm([[exact(H) * exact(x) for x in row] for row in a.tolist()]), dtype=float
    )
    got, none = propagators.transition(H, a[None])
    np.testing.assert_allclose(got[0], expected, rtol=3e-14, atol=1e-300)
    assert not none.any()


@pytest.mark.parametrize("name", MATRICES)
def test_the_covariance_of_noise(name: str) -> None:
    """Against the integral of the outer products, by Van Loan's block matrix in 60 digits."""
    a = np.array(MATRICES[name])
    n = len(a)
    load = np.arange(1.0, n * n + 1).reshape(n, n) / n
    density = load @ load.T
    block = np.block([[-a, density], [np.zeros((n, n)), a.T]]) * 1.0
    with localcontext() as context:
        context.prec = 120  # exp(-A h) is large and cancels
        whole = expm([[exact(H) * exact(x) for x in row] for row in block.tolist()])
        upper = [row[n:] for row in whole[:n]]
        lower = [[whole[n + j][n + i] for j in range(n)] for i in range(n)]
        expected = np.array(times(lower, upper), dtype=float)
    _, got = propagators.transition(H, a[None], density[None])
    np.testing.assert_allclose(got[0], expected, rtol=1e-13)


@pytest.mark.parametrize("tau", [1e-3, 0.5, 10.0, 1e9])
def test_the_variance_of_one_variable(tau: float) -> None:
    expected = float(exact(tau) / 2 * (1 - exp(-2 * exact(H) / exact(tau))))
    assert one(propagators.noise_variance, tau) == pytest.approx(expected, rel=1e-15)
    _, matrix = propagators.transition(H, np.array([[[-1 / tau]]]), np.ones((1, 1, 1)))
    assert matrix[0, 0, 0] == pytest.approx(expected, rel=1e-13)


def test_a_factor_of_a_covariance_may_be_singular() -> None:
    rng = np.random.default_rng(2)
    full = rng.normal(size=(20, 4, 4))
    full[::2, :, 3] = 0
    full[::2, 3] = full[::2, 0] * 2  # as one noise in two variables
    covariance = full @ full.swapaxes(1, 2)
    lower = propagators.factor(covariance)
    assert (lower[:, *np.triu_indices(4, 1)] == 0).all()
    np.testing.assert_allclose(lower @ lower.swapaxes(1, 2), covariance, atol=1e-13)
    assert (lower[::2, 3, 3] == 0).all()
    assert not propagators.factor(np.zeros((1, 2, 2))).any()
