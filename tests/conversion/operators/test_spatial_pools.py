"""Pools of tensors of every layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.operator_calls import X, call, samples, values

from spikelet.conversion.operators import movement, spatial


@pytest.mark.parametrize("shape", [(3, 9), (3, 6, 9), (2, 4, 5, 6)])
def test_the_rank_follows_from_the_tensor(shape: tuple[int, ...]) -> None:
    n = len(shape) - 1
    x = samples(*shape)
    tensor = torch.tensor(x)
    axes = tuple(range(2, n + 2))
    for kind, name, reduced in (("AvgPool", "avg", x.mean), ("MaxPool", "max", x.max)):
        windows, adaptive = (getattr(F, f"{how}{name}_pool{n}d") for how in ("", "adaptive_"))
        for ours, given, expected in (
            (spatial.pool, (3, 2, 1), windows(tensor, 3, 2, 1)),
            (spatial.adaptive_pool, (2,), adaptive(tensor, 2)),
            (spatial.adaptive_pool, (), reduced(axes, keepdims=True)),
        ):
            c = call(*shape)
            found = values(c, ours(c, X, *given, kind=kind), x)
            np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("p", [1, 2, 3])
def test_norms_of_windows(p: int) -> None:
    c, x = call(3, 8), np.abs(samples(3, 8))
    made = spatial.lp_pool(c, X, p, 2)
    np.testing.assert_allclose(values(c, made, x), F.lp_pool1d(torch.tensor(x), p, 2), rtol=1e-8)


def test_several_images_a_sample_are_pooled_one_by_one() -> None:
    x = samples(3, 4, 6, 5)
    tensor: Any = torch.tensor(x)
    for ours, theirs in (
        (lambda c, m: spatial.pool(c, m, 2, kind="MaxPool"), F.max_pool2d(tensor.flatten(0, 1), 2)),
        (lambda c, m: spatial.adaptive_pool(c, m, (2, None), kind="AvgPool"), F.adaptive_avg_pool2d(tensor.flatten(0, 1), (2, None))),
    ):  # fmt: skip
        c = call(3, 4, 6, 5)
        merged = movement.reshape(c, X, (6, 4, 6, 5))
        np.testing.assert_allclose(
            values(c, ours(c, merged), x), theirs.unflatten(0, (2, 3)), rtol=1e-10
        )


def test_vectors_have_no_windows() -> None:
    with pytest.raises(ValueError, match=r"^layer 'op' \(Op\): pools a tensor of shape \(2, 5\)"):
        spatial.pool(call(5), X, 2, kind="MaxPool")
