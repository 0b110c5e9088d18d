"""Labelled images: MNIST and scikit-learn's digits."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from spikelet import datasets


def test_first_n(folder, arrays):
    for n in (0, 1, 7):
        images, labels = datasets.mnist(folder, n=n)
        assert images.shape == (n, 28, 28)
        np.testing.assert_array_equal(labels, arrays[1][:n])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"split": "valid"},
            ValueError,
            'mnist: split must be "train" or "test", got \'valid\'',
        ),
        ({"n": -1}, ValueError, "mnist: n must be >= 0 and <= 7, got -1"),
        ({"n": 8}, ValueError, "mnist: n must be .* <= 7, got 8"),
        ({"n": 1.5}, TypeError, "mnist: n must be an integer, got 1.5"),
    ],
)
def test_bad_arguments(folder, arguments, error, message):
    with pytest.raises(error, match=message):
        datasets.mnist(folder, **arguments)


def test_digits_split_is_fixed_and_disjoint():
    train, train_labels = datasets.digits()
    test, test_labels = datasets.digits("test")
    assert train.shape == (1438, 8, 8)
    assert test.shape == (359, 8, 8)
    assert train.dtype == np.float32
    assert train_labels.dtype == np.uint8
    assert (train.min(), train.max()) == (0, 1)
    np.testing.assert_array_equal(np.bincount(np.r_[train_labels, test_labels]).sum(), 1797)
    rows = np.concatenate([train, test]).reshape(1797, -1)
    assert len(np.unique(rows, axis=0)) == 1797  # no image is in both
    assert test_labels[:10].tolist() == [2, 8, 2, 6, 6, 7, 1, 9, 8, 5]
    np.testing.assert_array_equal(datasets.digits("test", 5)[0], test[:5])
    assert (datasets.digits("test", seed=1)[1] != test_labels).any()


def test_digits_are_those_of_sklearn():
    images, labels = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(1797)
    for split, chosen in (("test", order[:359]), ("train", order[359:])):
        ours, classes = datasets.digits(split)
        np.testing.assert_array_equal(ours.reshape(-1, 64) * 16, images[chosen])
        np.testing.assert_array_equal(classes, labels[chosen])


def test_digits_need_no_sklearn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert len(datasets.digits("train", 7)[0]) == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "all"}, "digits: split"),
        ({"n": 1439}, "digits: n must be .* <= 1438"),
        ({"seed": -1}, "digits: seed must be >= 0"),
    ],
)
def test_digits_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.digits(**arguments)


def test_load_chooses(folder, arrays):
    assert datasets.load(folder, n=2)[0].shape == (2, 28, 28)
    assert datasets.load(split="test")[0].shape == (359, 8, 8)
