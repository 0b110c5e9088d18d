"""Similarities, distances and bilinear forms of two tensors; `test_operators` compares each with PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.operator_calls import X, call, kinds, samples, values

from spikelet.conversion.torch.pairs import PAIRS


def test_vectors_of_length_zero_are_similar_to_nothing() -> None:
    c, x = call(3, 4), samples(3, 4)
    x[:, 0] = 0
    other = torch.tensor(samples(3, 4)[0])
    other[1] = 0
    found = values(c, PAIRS["cosine_similarity"](c, X, other, -1, 1e-3), x)
    wanted = F.cosine_similarity(torch.tensor(x), other, -1, 1e-3)
    assert (found[:, :2] == 0).all()
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


@pytest.mark.parametrize("p", [1, 2])
def test_distances_are_never_zero(p: int) -> None:
    """PyTorch shifts differences by eps."""
    c, x = call(3), samples(3)
    found = values(c, PAIRS["pairwise_distance"](c, X, torch.tensor(x[0]), p, 0.5), x)
    wanted = F.pairwise_distance(torch.tensor(x), torch.tensor(x[0]), p, 0.5)
    np.testing.assert_allclose(found.ravel(), wanted, rtol=1e-10)


def test_a_product_with_constants_is_linear() -> None:
    for dims in (1, ([1], [0]), torch.tensor([[-1], [0]])):
        c, x = call(4), samples(4)
        weight = torch.tensor(samples(3)[0].reshape(1, 3) * np.ones((4, 1)))
        made = PAIRS["tensordot"](c, X, weight, dims)
        assert "MatMul" not in kinds(c, made)
        np.testing.assert_allclose(values(c, made, x), x @ weight.numpy(), rtol=1e-10)


@pytest.mark.parametrize("p", [3.0, float("inf")])
def test_other_distances_are_refused(p: Any) -> None:
    with pytest.raises(ValueError, match=r"distance of order .*; the order must be 1 or 2"):
        PAIRS["pairwise_distance"](call(3), X, X, p)
