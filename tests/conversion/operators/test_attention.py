"""Attention, with masks of every form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.operator_calls import X, call, samples, values

from spikelet.conversion.operators import attention, movement


@pytest.mark.parametrize("masked", ["none", "bool", "numbers", "causal", "both"])
def test_scaled_dot_products(masked: str) -> None:
    c, x = call(2, 5, 4), samples(2, 5, 4)
    tensor = torch.tensor(x)
    mask: Any = None
    if masked in ("bool", "both"):
        mask = (samples(5, 5)[0] > -0.5) | np.eye(5, dtype=bool)
    elif masked == "numbers":
        mask = np.where(samples(5, 5)[0] > 1, -np.inf, samples(5, 5)[1])
    causal = masked in ("causal", "both")
    given = mask
    if masked == "both":
        given = mask & np.tri(5, dtype=bool)
    made = attention.scaled_dot_product(c, X, X, X, mask, causal)
    wanted = F.scaled_dot_product_attention(
        tensor, tensor, tensor, None if given is None else torch.tensor(given),
        is_causal=masked == "causal",
    )  # fmt: skip
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-8, atol=1e-10)


def test_constant_keys_and_values() -> None:
    c, x = call(5, 4), samples(5, 4)
    k, v = samples(3, 4)
    made = attention.scaled_dot_product(c, X, k, v, scale=0.3)
    scores = np.exp(x @ k.T * 0.3)
    np.testing.assert_allclose(
        values(c, made, x), scores / scores.sum(-1, keepdims=True) @ v, rtol=1e-8
    )


def test_several_heads() -> None:
    c, x = call(5, 8), samples(5, 8)
    module = torch.nn.MultiheadAttention(8, 2, batch_first=True).double().requires_grad_(False)
    weights = tuple(module.in_proj_weight.numpy().reshape(3, 8, 8))
    biases = tuple(module.in_proj_bias.numpy().reshape(3, 8))
    out = module.out_proj
    given = attention.Projections(weights, biases, out.weight.numpy(), out.bias.numpy())  # type: ignore[arg-type]
    sequence = movement.permute(c, X, (1, 0, 2))
    mask = np.tile(samples(5, 5)[0], (4, 1, 1))
    found, attended = attention.multi_head(c, *[sequence] * 3, 2, given, mask)
    tensor = torch.tensor(x)
    wanted, shares = module(tensor, tensor, tensor, attn_mask=torch.tensor(mask))
    np.testing.assert_allclose(values(c, found, x), wanted, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(values(c, attended, x), shares, rtol=1e-8)


def test_attention_over_the_batch_is_refused() -> None:
    c = call(4)
    with pytest.raises(ValueError, match=r"which is the batch.*batch_first=True"):
        attention.scaled_dot_product(c, X, X, X)
