"""SpikingClassifier and SpikingRegressor are estimators as scikit-learn asks for, and learn."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.utils.estimator_checks import parametrize_with_checks

import spikelet as sl
from spikelet.estimators import SpikingClassifier, SpikingRegressor

DIGITS, LABELS = load_digits(return_X_y=True)
SMALL = {"hidden_layer_sizes": (20,), "steps": 4, "epochs": 3}


@parametrize_with_checks(
    [SpikingClassifier((20,), steps=4, epochs=10), SpikingRegressor((20,), steps=4, epochs=10)]
)
def test_scikit_learn_estimator(estimator: Any, check: Any) -> None:
    check(estimator)


def test_learns_digits() -> None:
    names = np.array([f"digit {d}" for d in LABELS])
    model = SpikingClassifier((50,), epochs=5).fit(DIGITS[:1200], names[:1200])
    assert model.score(DIGITS[1200:], names[1200:]) > 0.88
    p = model.predict_proba(DIGITS[:9])
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(DIGITS[:9]))


def test_learns_two_targets() -> None:
    X, y = load_diabetes(return_X_y=True)
    both = np.column_stack([y, 1000 - 2 * y])
    model = SpikingRegressor(**SMALL | {"epochs": 10}).fit(X, both)
    assert model.score(X, both) > 0.4
    assert model.predict(X).shape == both.shape


def test_the_deployed_model_is_the_trained_module() -> None:
    model = SpikingClassifier((20, 10), steps=4, epochs=15).fit(DIGITS[:200], LABELS[:200])
    x = model.scaler_.transform(DIGITS[:50]).astype(np.float32)
    with torch.no_grad():
        wanted = model.module_(torch.as_tensor(x)).mean(0).numpy()
    assert isinstance(model.model_, sl.SpikingModel)
    np.testing.assert_allclose(model.decision_function(DIGITS[:50]), wanted, atol=1e-4)
    assert len(np.unique(wanted.argmax(axis=1))) > 3


@pytest.mark.parametrize("kind", [SpikingClassifier, SpikingRegressor])
def test_same_bits_again_with_threads_and_when_pickled(kind: type[Any]) -> None:
    X, y = DIGITS[:150], LABELS[:150]
    torch.manual_seed(5)
    following = torch.rand(1)
    torch.manual_seed(5)
    one = kind(**SMALL).fit(X, y)
    assert torch.rand(1) == following  # fit leaves torch's generator alone
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    two = clone(one).fit(X, y)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(threads)
    copy = pickle.loads(pickle.dumps(one))
    found = one.predict(X)
    np.testing.assert_array_equal(found, two.predict(X))
    np.testing.assert_array_equal(found, copy.predict(X))
    for model in (one, copy):  # a copy goes on learning as the original does
        model.partial_fit(X, y)
    np.testing.assert_array_equal(one.module_[0].weight.detach(), copy.module_[0].weight.detach())
    other = clone(one).set_params(random_state=1).fit(X, y)
    assert not torch.equal(other.module_[0].weight, two.module_[0].weight)


def test_partial_fit_shows_each_sample_once() -> None:
    model = SpikingClassifier(**SMALL)
    for start in range(0, 600, 150):
        rows = slice(start, start + 150)
        model.partial_fit(DIGITS[rows], LABELS[rows], classes=np.arange(10))
    assert model.n_iter_ == 4
    again = SpikingClassifier(**SMALL | {"epochs": 1}).fit(DIGITS[:150], LABELS[:150])
    assert again.n_iter_ == 1
    once = SpikingClassifier(**SMALL).partial_fit(DIGITS[:150], LABELS[:150], np.arange(10))
    assert torch.equal(again.module_[0].weight, once.module_[0].weight)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_layer_sizes": ()}, "hidden_layer_sizes must have a layer"),
        ({"hidden_layer_sizes": (3, 0)}, "hidden_layer_sizes must be >= 1, got 0"),
        ({"steps": 0}, "steps must be >= 1 .*got 0"),
        ({"tau_m": -1.0}, "tau_m must be > 0, got -1"),
        ({"epochs": 0}, "epochs must be >= 1, got 0"),
        ({"batch_size": 0}, "batch_size must be >= 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be finite and > 0, got 0"),
        ({"weight_decay": -0.1}, "weight_decay must be finite and >= 0, got -0.1"),
    ],
)
@pytest.mark.parametrize("kind", [SpikingClassifier, SpikingRegressor])
def test_parameters_out_of_range(kind: type[Any], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"{kind.__name__}: {message}"):
        kind(**arguments).fit(DIGITS[:20], LABELS[:20])


def test_classes_of_partial_fit() -> None:
    model = SpikingClassifier(**SMALL)
    with pytest.raises(ValueError, match="classes must be given to the first call"):
        model.partial_fit(DIGITS[:20], LABELS[:20])
    model.partial_fit(DIGITS[:20], LABELS[:20], np.arange(10))
    with pytest.raises(ValueError, match="classes must be those of the first call"):
        model.partial_fit(DIGITS[:20], LABELS[:20], np.arange(9))
    with pytest.raises(ValueError, match=r"y must be among the classes .*got 11"):
        model.partial_fit(DIGITS[:20], np.full(20, 11))


def test_a_misspelt_parameter() -> None:
    with pytest.raises(TypeError, match="did you mean 'epochs'"):
        SpikingClassifier(epoch=3)
