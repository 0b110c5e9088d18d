"""Optimisers find the minimum of a function, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.fitting import CMAES, DifferentialEvolution, Nevergrad

TARGET = np.array([0.2, 0.7, 0.45])
OPTIMIZERS = [
    pytest.param(DifferentialEvolution(), None, id="scipy"),
    pytest.param(CMAES(10), "cma", id="cma"),
    pytest.param(Nevergrad(popsize=20), "nevergrad", id="nevergrad"),
]


class _SpentError(Exception):
    pass


def searched(optimizer, seed, most=3000, target=TARGET):
    tried = []

    def evaluate(x):
        if sum(map(len, tried)) + len(x) > most:
            raise _SpentError
        tried.append(x.copy())
        return ((x - target) ** 2).sum(1)

    with pytest.raises(_SpentError):
        optimizer(evaluate, len(target), seed)
    return np.concatenate(tried)


@pytest.mark.parametrize(("optimizer", "library"), OPTIMIZERS)
def test_the_minimum_is_found_again(optimizer, library):
    if library:
        pytest.importorskip(library)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global generator
    x = searched(optimizer, 3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert ((x >= 0) & (x <= 1)).all()
    assert np.abs(x - TARGET).max(1).min() < (0.05 if library == "nevergrad" else 1e-3)
    np.testing.assert_array_equal(searched(optimizer, 3), x)
    assert not np.array_equal(searched(optimizer, 4), x)


def test_one_dimension():
    x = searched(DifferentialEvolution(), 1, 500, np.array([0.3]))
    assert np.abs(x - 0.3).min() < 1e-3


@pytest.mark.parametrize("kind", [DifferentialEvolution, CMAES, Nevergrad])
def test_bad_sizes(kind):
    with pytest.raises(ValueError, match="popsize must be >="):
        kind(popsize=0)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cma", None)
    with pytest.raises(ImportError, match=r"pip install 'spikelet\[fit\]'"):
        CMAES()(lambda x: x.sum(1), 2, 0)
