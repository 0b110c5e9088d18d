"""Neurons vote for classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet.models.voting import assign, classify


def test_votes() -> None:
    counts = np.array([[4, 0, 0], [2, 0, 1], [0, 3, 1]])
    shares = assign(counts, [7, 7, 1], by="shares")
    assert shares.weight.shape == (3, 10)
    assert shares.weight[0, 7] == shares.weight[1, 1] == 1.0
    np.testing.assert_allclose(shares.weight[2, [1, 7]], [2 / 3, 1 / 3])  # means 1 and 0.5
    silent = assign(np.zeros((3, 3)), [7, 7, 1], by="shares")
    np.testing.assert_array_equal(silent.weight, 0.0)
    most = assign(counts, [7, 7, 1], by="most")
    np.testing.assert_array_equal(most.weight[:, 7], [1.0, 0.0, 0.0])
    np.testing.assert_array_equal(most.weight[:, 1], [0.0, 0.5, 0.5])  # two share a vote
    likely = assign(counts, [7, 7, 1])
    np.testing.assert_array_equal(likely.classes, [7, 1, 1])
    np.testing.assert_allclose(likely.bias[[1, 7]], [-4.0, -3.5])  # of a Poisson distribution
    np.testing.assert_allclose(likely.weight[0, 7], np.log(3.0), rtol=0.01)
    for votes in (shares, most, likely):
        np.testing.assert_array_equal(classify(counts, votes), [7, 7, 1])
    with pytest.raises(ValueError, match=r"assign: by must be .*got 'luck'"):
        assign(counts, [7, 7, 1], by="luck")  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 1], r"counts and labels must be \[n, n_neurons\] and \[n\], got shapes"),
        ([0, 1, 10], r"labels must be whole numbers in 0 .. 9, got \[0, 1, 10\]"),
        ([0, 1, -1], r"labels must be whole numbers"),
        ([0.5, 1.0, 2.0], r"labels must be whole numbers"),
    ],
)
def test_labels_that_do_not_fit(labels: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        assign(np.ones((3, 2)), labels)
