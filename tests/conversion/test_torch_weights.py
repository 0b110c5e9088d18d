"""PyTorch's operators with weights as layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.layers_reference import activations
from torch import nn
from torch.nn import functional as F

from spikelet.conversion import torch_weights
from spikelet.conversion.building import Builder, Call, Data

X = Data("input")


def call(*shape: int) -> Call:
    return Call(Builder(shape), "layer 'op' (Op)", "op", (1,), 1)


def values(c: Call, made: Data, x: torch.Tensor) -> Any:
    return activations(c.builder.graph("here", made.name), x.numpy())[made.name]


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_linear() -> None:
    x, weight, bias = random(5, 4), random(3, 4), random(3)
    for b in (bias, None):
        c = call(4)
        made = torch_weights.linear(c, X, weight, b)
        np.testing.assert_allclose(values(c, made, x), F.linear(x, weight, b), rtol=1e-12)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize(
    "options",
    [
        {}, {"stride": (2, 1)}, {"padding": 1, "dilation": 2}, {"padding": "valid"}, {"padding": "same"},
        {"padding": "same", "dilation": (1, 2)}, {"groups": 2, "padding": (0, 2)},
    ],
)  # fmt: skip
def test_convolution(options: dict[str, Any]) -> None:
    x, weight, bias = random(2, 4, 9, 8), random(6, 4 // options.get("groups", 1), 3, 2), random(6)
    c = call(4, 9, 8)
    made = torch_weights.conv2d(c, X, weight, bias, **options)
    wanted = F.conv2d(x, weight, bias, **options)
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-10, atol=1e-12)


def test_batch_norm() -> None:
    x, mean, weight, bias = random(5, 3, 2, 2), random(3), random(3), random(3)
    c = call(3, 2, 2)
    made = torch_weights.normalise(c, X, mean, mean**2 + 0.1, weight, bias, eps=1e-3)
    wanted = F.batch_norm(x, mean, mean**2 + 0.1, weight, bias, eps=1e-3)
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("convert", "message"),
    [
        (lambda c: torch_weights.linear(c, X, X), "multiplies two activations"),
        (lambda c: torch_weights.conv2d(c, X, X), "multiplies two activations"),
        (
            lambda c: torch_weights.linear(c, X, torch.full((2, 3), torch.nan)),
            "weight must not contain NaN",
        ),
        (lambda c: torch_weights.normalise(c, X, None, None), "has no running statistics"),
        (
            lambda c: torch_weights.normalise(c, X, torch.zeros(3), torch.ones(3), training=True),
            "has no running statistics",
        ),
        (
            lambda c: torch_weights.normalise_module(c, nn.BatchNorm2d(3), X),
            "has never been trained",
        ),
        (
            lambda c: torch_weights.conv2d_module(
                c, nn.Conv2d(3, 2, 3, padding=1, padding_mode="circular"), X
            ),
            "pads with padding_mode='circular'",
        ),
    ],
)
def test_refusals_name_the_operator(convert: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^layer 'op' \(Op\): .*{message}"):
        convert(call(3, 5, 5))


def test_numbers_and_pairs() -> None:
    assert torch_weights.array(torch.ones(2, dtype=torch.float16)).dtype == np.float64
    assert torch_weights.array(3).shape == ()
    assert torch_weights.maybe(None) is None
    assert [torch_weights.pair(v) for v in (2, (2,), [3, 4])] == [(2, 2), (2, 2), (3, 4)]
