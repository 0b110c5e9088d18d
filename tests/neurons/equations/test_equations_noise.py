"""Random numbers and white noise in models from text: their distribution, their independence, and their bits."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from tests.conftest import at_each_level, make
from tests.ranks.launch import run as run_ranks
from tests.support.noisy_neurons import noisy, outcome

import spikelet as sl

N = 20_000
UNLIKELY = 1e-4  # of p values; seeds are fixed

OU = sl.Equations(
    "dx/dt = (mu - x)/tau + sigma*sqrt(2/tau)*xi",
    parameters={"mu": 1.0, "tau": 5.0, "sigma": 2.0},
    name="OU",
)
DRAWS = sl.Equations(
    "du/dt = rand() - u/0.01; dv/dt = rand() - v/0.01; dz/dt = randn() - z/0.01",
    method="auto",
    name="Draws",
)
"""Each state relaxes within a step to a hundredth of what is drawn."""


def uniform(values: Any) -> float:
    """Return the p value of a uniform distribution."""
    return float(scipy.stats.kstest(np.ravel(values), "uniform").pvalue)


def normal(values: Any, std: float = 1.0) -> float:
    """Return the p value of a normal distribution of mean 0."""
    # scipy 1.18 takes no args for "norm".
    return float(scipy.stats.kstest(np.ravel(values) / std, "norm").pvalue)


def uncorrelated(a: Any, b: Any) -> None:
    """Fail if two samples are correlated, or their squares are."""
    a, b = np.ravel(a), np.ravel(b)
    for x, y in ((a, b), ((a - a.mean()) ** 2, (b - b.mean()) ** 2)):
        assert abs(np.corrcoef(x, y)[0, 1]) < 4.5 / np.sqrt(len(a))


def drawn(dtype: str) -> tuple[np.ndarray[Any, Any], ...]:
    """Return what `DRAWS` draws, [steps, neurons] each."""
    net = make(dt=1.0, seed=5, dtype=dtype)
    cells = net.population(N // 4, DRAWS())
    recorders = [net.record(cells, name) for name in DRAWS.states]
    net.run(8.0)
    return tuple(np.asarray(r.values, dtype=float) * 100 for r in recorders)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_draws_have_their_distribution_and_are_independent(dtype: str) -> None:
    assert DRAWS.method == "exact" or DRAWS.order >= 1
    u, v, z = drawn(dtype)
    assert min(uniform(u), uniform(v), normal(z)) > UNLIKELY
    assert abs(scipy.stats.skew(np.ravel(z))) < 0.06
    assert abs(scipy.stats.kurtosis(np.ravel(z))) < 0.12
    uncorrelated(u, v)  # occurrences
    uncorrelated(u, z)
    for values in (u, v, z):
        uncorrelated(values[1:], values[:-1])  # steps
        uncorrelated(values[:, 1:], values[:, :-1])  # neurons
        uncorrelated(values[1:, :-1], values[:-1, 1:])
        uncorrelated(values[:, 64:], values[:, :-64])  # blocks of the core
        assert len(np.unique(values)) > 0.99 * values.size


def test_populations_seeds_and_initial_values_draw_apart() -> None:
    kind = sl.Equations(
        "dx/dt = randn() - x/0.01; di/dt = 0", initial={"i": "randn()"}, name="Both"
    )
    found = []
    for seed in (1, 2):
        net = make(dt=1.0, seed=seed)
        cells = [net.population(N, kind()) for _ in range(2)]
        net.run(1.0)
        found += [
            np.asarray(getattr(p, name)) * scale
            for p in cells
            for name, scale in (("x", 100), ("i", 1))
        ]
    for k, a in enumerate(found):
        assert normal(a) > UNLIKELY
        for b in found[:k]:
            uncorrelated(a, b)


def test_noise_of_a_model_is_not_that_of_an_input() -> None:
    kind = sl.Equations(
        "dx/dt = randn() - x/0.01; dy/dt = I_e - y/0.01", parameters={"I_e": 0.0}, name="Both"
    )
    net = make(dt=1.0)
    cells = net.population(N, kind())
    net.inject(cells, sl.NoiseInput(0.0, 1.0))
    net.run(3.0)
    assert normal(cells.y[:] * 100) > UNLIKELY
    uncorrelated(cells.x, cells.y)


@pytest.mark.parametrize("dt", [0.1, 1.0, 10.0])
def test_an_ornstein_uhlenbeck_process_is_exact_at_any_step(dt: float) -> None:
    """From 1, mean and variance after a time; then the stationary variance and the correlation over a step."""
    assert OU.method == "exact"
    mu, tau, sigma = 1.0, 5.0, 2.0
    net = make(dt=dt, seed=3)
    cells = net.population(N, OU())
    cells.x = 3.0
    net.run(10.0)
    mean, std = mu + 2.0 * np.exp(-10 / tau), sigma * np.sqrt(-np.expm1(-20 / tau))
    assert normal(cells.x[:] - mean, std) > UNLIKELY
    cells.x = np.random.default_rng(1).normal(mu, sigma, N)
    values = [np.asarray(cells.x) - mu]
    for _ in range(3):
        net.run(dt)
        values.append(np.asarray(cells.x) - mu)
    for k in (1, 2, 3):
        assert values[k].var() == pytest.approx(sigma**2, rel=0.045)
        lag = (values[k] * values[0]).mean() / sigma**2
        assert lag == pytest.approx(np.exp(-k * dt / tau), abs=0.045)
        # The increments of an exact step are normal, and independent of the past.
        step = values[k] - values[k - 1] * np.exp(-dt / tau)
        assert normal(step, sigma * np.sqrt(-np.expm1(-2 * dt / tau))) > UNLIKELY
        uncorrelated(step, values[k - 1])


@pytest.mark.parametrize("dt", [0.2, 5.0])
def test_coupled_noise_has_its_exact_covariance(dt: float) -> None:
    """The covariance of a linear system after some time, from the integral of its matrix exponential (van Loan)."""
    kind = sl.Equations(
        "dV_m/dt = (x - V_m)/10 + 0.1*xi_1; dx/dt = -x/3 + 0.5*xi + 0.3*xi_1; dy/dt = -y/3 + 0.5*xi",
        name="Chain",
    )
    assert kind.method == "exact"
    net = make(dt=dt, seed=9)
    cells = net.population(2 * N, kind())
    net.run(15.0)
    A = np.array([[-0.1, 0.1, 0.0], [0.0, -1 / 3, 0.0], [0.0, 0.0, -1 / 3]])
    B = np.array([[0.0, 0.1], [0.5, 0.3], [0.5, 0.0]])
    block = np.block([[-A, B @ B.T], [np.zeros((3, 3)), A.T]])
    E = scipy.linalg.expm(15.0 * block)
    expected = E[3:, 3:].T @ E[:3, 3:]
    found = np.cov([np.asarray(cells.V_m), np.asarray(cells.x), np.asarray(cells.y)])
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(found / size, expected / size, atol=0.035)
    whitened = np.linalg.solve(np.linalg.cholesky(expected), [cells.V_m[:], cells.x[:], cells.y[:]])
    assert min(normal(row) for row in whitened) > UNLIKELY


def test_noise_in_a_nonlinear_equation_has_the_size_of_its_step() -> None:
    """Euler-Maruyama: the noise of one step is normal, with sigma * sqrt(dt), also with a factor of states."""
    for rate, factor in (("-x - x**3 + 0.3*xi", 0.3), ("-x - x**3 + (0.3 + y)*xi", 0.8)):
        kind = sl.Equations(f"dx/dt = {rate}; dy/dt = 0", initial={"y": 0.5}, name="Cubic")
        net = make(dt=0.01, seed=4)
        cells = net.population(N, kind())
        net.run(0.01)
        assert normal(cells.x[:], factor * np.sqrt(0.01)) > UNLIKELY


# Bits -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits_however_it_runs(dtype: str, tmp_path: Path) -> None:
    net, cells = noisy(dtype)
    net.run(40.0)
    expected = outcome(net)
    assert 300 < len(net.recorders[0].times) == cells.n[:].sum()
    for threads in (2, 3, 7):
        other, _ = noisy(dtype, threads=threads)
        for piece in (0.1, 6.4, 6.5, 27.0):
            other.run(piece)
        assert outcome(other) == expected
    half, _ = noisy(dtype, threads=2)
    half.run(12.3)
    half.save(tmp_path / "half.npz", recorders=True)
    loaded = sl.Network.load(tmp_path / "half.npz", threads=3)
    for again in (half, loaded):
        again.run(27.7)
        assert outcome(again) == expected
    net.reset()
    net.run(40.0)
    assert outcome(net) == expected


def test_the_same_bits_at_each_level() -> None:
    found = at_each_level(
        "from tests.support.noisy_neurons import noisy, outcome\n"
        "for dtype in ('float32', 'float64'):\n"
        "    net, _ = noisy(dtype)\n"
        "    net.run(20.0)\n"
        "    print(outcome(net))\n"
    )
    assert len(found.splitlines()) == 2


@pytest.mark.skipif(importlib.util.find_spec("mpi4py") is None, reason="mpi4py is an extra")
def test_the_same_bits_on_two_ranks() -> None:
    net, _ = noisy()
    net.run(20.0)
    assert run_ranks(2, "small.py", "random_numbers").split()[-1] == outcome(net)
