"""Reservoir is an estimator as scikit-learn asks for; its readout is ridge regression of the liquid's states."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from spikelet.estimators import Reservoir

SERIES = np.random.default_rng(1).uniform(-1, 1, (10, 60, 1))
BEFORE = np.roll(SERIES, 1, axis=1)


@parametrize_with_checks([Reservoir(20)])
def test_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


def test_recalls_the_time_point_before() -> None:
    series = np.random.default_rng(1).uniform(-1, 1, (30, 60, 1))
    before = np.roll(series, 1, axis=1)

    def error(model: Reservoir) -> float:
        found = model.fit(series[:20], before[:20]).predict(series[20:])
        return float(np.sqrt(((found - before[20:])[:, 1:] ** 2).mean()) / before.std())

    recurrent = error(Reservoir(200))
    assert recurrent < 0.7
    assert recurrent < error(Reservoir(200, strength=0.0)) - 0.05  # neurons alone forget


@pytest.mark.parametrize("targets", [BEFORE, BEFORE[:, 5, 0], BEFORE[:, 5:8, 0]])
def test_readout_is_ridge_regression(targets: NDArray[np.float64]) -> None:
    model = Reservoir(30, alpha=2.0).fit(SERIES, targets)
    states = model.transform(SERIES)
    shape = (10, 60, 30) if targets.ndim == 3 else (10, 4 * 30)
    assert states.shape == shape
    rows = states.reshape(-1, states.shape[-1])
    wanted = Ridge(alpha=2.0).fit(rows, targets.reshape(len(rows), -1))
    np.testing.assert_allclose(model.coef_, np.atleast_2d(wanted.coef_), atol=1e-6)
    found = model.predict(SERIES)
    assert found.shape == targets.shape
    np.testing.assert_allclose(found.ravel(), wanted.predict(rows).ravel(), atol=1e-6)


def test_partial_fit_is_ridge_regression_on_all() -> None:
    model = Reservoir(30).fit(SERIES[:4], BEFORE[:4])
    first = model.coef_
    model.partial_fit(SERIES[4:7], BEFORE[4:7]).partial_fit(SERIES[7:], BEFORE[7:])
    states = model.transform(SERIES).reshape(-1, 30)
    wanted = Ridge(alpha=1.0).fit(states, BEFORE.reshape(-1, 1))
    np.testing.assert_allclose(model.coef_.ravel(), wanted.coef_.ravel(), atol=1e-6)
    assert np.abs(model.coef_ - first).max() > 1e-3


def test_series_do_not_depend_on_their_company() -> None:
    many = np.random.default_rng(2).uniform(-1, 1, (70, 8, 2))  # more than run side by side
    model = Reservoir(25).fit(many, many[:, 0])
    states = model.transform(many)
    np.testing.assert_array_equal(model.transform(many[65:]), states[65:])
    assert len(np.unique(states, axis=0)) == 70


def test_same_bits_with_threads_and_when_pickled() -> None:
    one = Reservoir(30, threads=1).fit(SERIES, BEFORE)
    two = clone(one).set_params(threads=2).fit(SERIES, BEFORE)
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(
        one.predict(SERIES), pickle.loads(pickle.dumps(one)).predict(SERIES)
    )
    other = clone(one).set_params(random_state=1).fit(SERIES, BEFORE)
    assert not np.array_equal(one.coef_, other.coef_)


def test_states_classify() -> None:
    t = np.arange(40) / 40
    phases = np.random.default_rng(3).uniform(0, 2 * np.pi, (120, 1))
    labels = np.arange(120) % 2
    waves = np.sin(2 * np.pi * (2 + 3 * labels[:, None]) * t + phases)
    model = make_pipeline(Reservoir(100), RidgeClassifier()).fit(waves[:80], labels[:80])
    assert model.score(waves[80:], labels[80:]) > 0.85


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"connectivity": 1.5}, r"Reservoir: connectivity must be in \[0, 1\], got 1.5"),
        ({"hold": 0.0}, "Reservoir: hold must be > 0, got 0"),
        ({"hold": 1.5}, "Reservoir: hold must be a multiple of dt = 1 ms, got 1.5"),
        ({"n_neurons": 2}, "Reservoir: n_neurons must be >= 5, got 2"),
        ({"alpha": 0.0}, "Reservoir: alpha must be finite and > 0, got 0"),
        ({"windows": 0}, "Reservoir: windows must be >= 1, got 0"),
    ],
)
def test_parameters_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reservoir(**arguments).fit(SERIES, BEFORE)


def test_arrays_that_do_not_fit() -> None:
    with pytest.raises(
        ValueError, match=r"y must be .*\[n, 60, n_outputs\], got shape \(10, 59, 1\)"
    ):
        Reservoir(10).fit(SERIES, BEFORE[:, 1:])
    model = Reservoir(10).fit(SERIES, BEFORE)
    with pytest.raises(ValueError, match=r"X must be \[n, n_timepoints, 1\]"):
        model.predict(np.zeros((2, 60, 2)))
    before = model.coef_
    with pytest.raises(
        ValueError, match="y must have 3 dimensions and 1 outputs, as in the first call"
    ):
        model.partial_fit(SERIES, np.zeros((10, 60, 2)))
    np.testing.assert_array_equal(model.coef_, before)
