"""PyTorch's operators with weights: what their arguments mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.operator_calls import X, call, samples, values
from torch.nn import functional as F

from spikelet.conversion.torch.weights import WEIGHTS, array


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("bias", [True, False])
def test_linear(bias: bool) -> None:
    x, weight, offset = samples(4), random(3, 4), random(3) if bias else None
    c = call(4)
    made = WEIGHTS["linear"](c, X, weight, offset)
    wanted = F.linear(torch.tensor(x), weight, offset)
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-12)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize(
    "options",
    [
        {}, {"stride": (2, 1)}, {"padding": 1, "dilation": 2}, {"padding": "valid"}, {"padding": "same"},
        {"padding": "same", "dilation": (1, 2)}, {"groups": 2, "padding": (0, 2)},
    ],
)  # fmt: skip
def test_convolution(options: dict[str, Any]) -> None:
    x, weight, bias = samples(4, 9, 8), random(6, 4 // options.get("groups", 1), 3, 2), random(6)
    c = call(4, 9, 8)
    made = WEIGHTS["conv2d"](c, X, weight, bias, **options)
    wanted = F.conv2d(torch.tensor(x), weight, bias, **options)
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-10, atol=1e-12)


def test_weights_that_depend_on_the_input_multiply() -> None:
    c, x = call(3, 4), samples(3, 4)
    made = WEIGHTS["linear"](c, X, X)
    np.testing.assert_allclose(values(c, made, x), x @ x.swapaxes(1, 2), rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("conv1d", (X, X), "has a weight that depends on the input"),
        ("linear", (X, torch.full((2, 3), torch.nan)), r"weight must not contain NaN at index \(0, 0\)"),
        ("batch_norm", (X, None, None), "has no running statistics"),
        ("batch_norm", (X, torch.zeros(3), torch.ones(3), None, None, True), "has no running statistics"),
        ("scaled_dot_product_attention", (X, X, X, None, 0.1), "drops attention weights"),
        ("scaled_dot_product_attention", (X, X, X, None, 0.0, False, None, True), "groups queries"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted(name: str, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"^layer 'op' \(Op\): .*" + message):
        WEIGHTS[name](call(3) if name == "linear" else call(3, 3), *arguments)


def test_arguments_in_float64() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.uint8):
        assert array(torch.ones(2, dtype=dtype)).dtype == np.float64
    assert array(torch.ones(2, dtype=torch.bool)).dtype == bool
    assert array(torch.ones(2, requires_grad=True)).tolist() == [1.0, 1.0]
    assert array(3).shape == ()
    assert array(None) is None
    assert array(X) is X
