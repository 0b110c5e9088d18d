"""Normalisation of tensors of every layout."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.operator_calls import X, call, kinds, samples, values

from spikelet.conversion.building import Data
from spikelet.conversion.operators import movement, normalization


def test_constants_normalize_channels_wherever_they_are() -> None:
    x = samples(3, 4, 5)
    mean, variance = samples(4)[0], samples(4)[1] ** 2 + 0.5
    c = call(3, 4, 5)
    merged = movement.reshape(c, X, (6, 4, 5))
    made = normalization.batch_norm(c, merged, mean, variance)
    wanted = (x - mean[:, None]) / np.sqrt(variance[:, None] + 1e-5)
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-10)
    c = call(4, 5)
    assert kinds(c, normalization.batch_norm(c, X, mean, variance)) == ["Affine"]
    with pytest.raises(ValueError, match="has parameters that depend on the input"):
        normalization.batch_norm(c, X, X, variance)


def test_layers_behind_a_moved_batch() -> None:
    c, x = call(5, 8), samples(5, 8)
    turned = movement.permute(c, X, (1, 0, 2))
    made = normalization.layer_norm(c, turned, [-1], np.arange(8.0), np.ones(8), 1e-3)
    wanted = F.layer_norm(
        torch.tensor(x), (8,), torch.arange(8.0).double(), torch.ones(8).double(), 1e-3
    )
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-8, atol=1e-10)
    with pytest.raises(ValueError, match="which is the batch"):
        normalization.layer_norm(c, turned, [1, 2])


def test_groups_and_instances_need_the_batch_first() -> None:
    c, x = call(4, 5), samples(4, 5)
    made = normalization.instance_norm(c, X)
    np.testing.assert_allclose(
        values(c, made, x), F.instance_norm(torch.tensor(x)), rtol=1e-8, atol=1e-10
    )
    for function in (normalization.instance_norm, normalization.local_response_norm):
        arguments = (2,) if function is normalization.local_response_norm else ()
        with pytest.raises(ValueError, match="in which samples do not come first"):
            function(c, Data("input", axis=1), *arguments)


def test_norms_of_vectors() -> None:
    x = samples(4, 5)
    for p in (1, 2):
        c = call(4, 5)
        made = normalization.l2_normalize(c, X, [1], p)
        np.testing.assert_allclose(
            values(c, made, x), F.normalize(torch.tensor(x), p, 1), rtol=1e-8
        )
    with pytest.raises(ValueError, match="a norm of order 3"):
        normalization.l2_normalize(call(4), X, [1], 3.0)
    c = call(4, 5)
    made = normalization.rms_norm(c, X, [2], np.arange(5.0), 1e-3)
    wanted = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-3) * np.arange(5.0)
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-8)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("channels", [1, 3, 9])
def test_across_maps_as_in_the_module_of_old(size: int, channels: int) -> None:
    c, x = call(channels, 3, 2), samples(channels, 3, 2)
    made = normalization.cross_map_norm(c, X, size, 0.7, 0.6, 1.3)
    wanted = torch.nn.CrossMapLRN2d(size, 0.7, 0.6, 1.3)(torch.tensor(x))
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-10)
