"""STDPClassifier is an estimator as scikit-learn asks for, and learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet import datasets

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from spikelet.models import STDPClassifier


@parametrize_with_checks([STDPClassifier(n_neurons=10)])
def test_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("network", ["winner_take_all", "diehl_cook"])
def test_learns_digits(network: str) -> None:
    images, labels = datasets.digits("train")
    n = 600 if network == "winner_take_all" else 150
    X, y = images[:n].reshape(n, -1), np.array([f"digit {d}" for d in labels[:n]])
    test, expected = datasets.digits("test")
    model = STDPClassifier(60, network=network, random_state=1).fit(X, y)
    read = model.predict(test[:200].reshape(200, -1))
    right = np.mean(read == np.array([f"digit {d}" for d in expected[:200]]))
    assert right > (0.6 if network == "winner_take_all" else 0.4)


@pytest.mark.parametrize("network", ["winner_take_all", "diehl_cook"])
def test_threads_do_not_matter(network: str) -> None:
    images, labels = datasets.digits("train", 60)
    X = images.reshape(60, -1)
    model = STDPClassifier(60, network=network, random_state=1, threads=1)
    one, two = (clone(model).set_params(threads=n).fit(X[:40], labels[:40]) for n in (1, 2))
    answers = one.predict(X)
    np.testing.assert_array_equal(answers, two.predict(X))
    assert len(np.unique(answers)) > 3


def test_unknown_network() -> None:
    with pytest.raises(ValueError, match=r"network must be .*diehl_cook.*got 'deep'"):
        STDPClassifier(5, network="deep").fit(np.eye(4), [0, 1, 0, 1])
