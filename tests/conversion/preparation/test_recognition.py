"""Activations that are written as several operators."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spikelet import layers as L
from spikelet.conversion.from_torch import read_torch
from spikelet.conversion.preparation.recognition import recognise
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

SPELLED: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "swish": (lambda x: x * torch.sigmoid(x), "silu"),
    "swish, as a quotient": (lambda x: x / (1 + torch.exp(-x)), "silu"),
    "swish, by a reciprocal": (lambda x: x * (1 + torch.exp(-x)).reciprocal(), "silu"),
    "swish, reversed": (lambda x: torch.sigmoid(x) * x, "silu"),
    "quick GELU": (lambda x: x * torch.sigmoid(1.702 * x), "silu"),
    "hard swish": (lambda x: x * F.relu6(x + 3) / 6, "hardswish"),
    "hard swish, other order": (lambda x: x * (F.relu6(x + 3) / 6), "hardswish"),
    "hard swish by hardsigmoid": (lambda x: F.hardsigmoid(x) * x, "hardswish"),
    "mish": (lambda x: x * torch.tanh(F.softplus(x)), "mish"),
    "mish, without tanh": (
        lambda x: x * (x.exp().square() + 2 * x.exp()) / (x.exp().square() + 2 * x.exp() + 2),
        "mish",
    ),
    "GELU": (lambda x: x * 0.5 * (1.0 + torch.erf(x / 2**0.5)), "gelu"),
    "GELU, other order": (lambda x: 0.5 * (x * (1.0 + torch.erf(x * 0.7071067811865476))), "gelu"),
    "GELU by tanh": (
        lambda x: 0.5 * x * (1 + torch.tanh(0.7978845608028654 * (x + 0.044715 * x**3))),
        "gelu_tanh",
    ),
    "leaky ReLU": (lambda x: torch.maximum(x, 0.1 * x), "leaky_relu"),
    "leaky ReLU, scaled": (lambda x: torch.max(0.3 * x, x) * 2 / 2, "leaky_relu"),
    "steeper below": (lambda x: torch.minimum(x, 3 * x), "leaky_relu"),
    "swish of an extreme": (lambda x: torch.maximum(x, x) * torch.sigmoid(x), "silu"),
}


class Spelled(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.conv, self.out, self.function = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 2, 1), function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.function(self.conv(x)))


@pytest.mark.parametrize("how", SPELLED)
def test_spelled_activations_are_one_layer(how: str) -> None:
    function, name = SPELLED[how]
    graph = read_torch(Spelled(function).eval(), (3, 6, 6))
    found = recognise(graph)
    assert [getattr(n.layer, "function", type(n.layer).__name__) for n in found] == [
        "Conv2d", name, "Conv2d",
    ]  # fmt: skip
    x = np.random.default_rng(0).normal(0, 3, (4, 3, 6, 6)).astype(np.float32)
    wanted = SpikingModel(graph, threads=1).run(x, 1).output
    np.testing.assert_allclose(SpikingModel(found, threads=1).run(x, 1).output, wanted, atol=2e-5)


def test_a_formula_that_overflows_far_away_does_not_warn() -> None:
    graph = read_torch(Spelled(lambda x: x * torch.exp(x) / (torch.exp(x) + 1)).eval(), (3, 6, 6))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recognise(graph)


OTHERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "another slope": lambda x: x * torch.sigmoid(1.1 * x),
    "another value": lambda x: x[:, :3] * torch.sigmoid(x[:, 3:]),
    "a gate": lambda x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)),
    "a slope by channel": lambda x: x * torch.sigmoid(x * torch.arange(1.0, 7).reshape(1, 6, 1, 1)),
    "a square": lambda x: x * x,
    "a bound far away": lambda x: x.clamp(-50, 50) * torch.sigmoid(x),
    "a bound far away, above": lambda x: x.clamp(max=2000) * torch.sigmoid(x),
    "another quotient": lambda x: x / (1.01 + torch.exp(-x)),
}


@pytest.mark.parametrize("how", OTHERS)
def test_other_products_stay(how: str) -> None:
    module = Spelled(OTHERS[how])
    if how == "another value":
        module.out = nn.Conv2d(3, 2, 1)
    graph = read_torch(module.eval(), (3, 6, 6))
    assert recognise(graph) is graph


def test_what_else_uses_a_part_keeps_it() -> None:
    given = Graph([
        ("a", L.Linear(np.eye(3)), "input"),
        ("s", L.Activation("sigmoid"), "a"),
        ("m", L.Multiply(), ("a", "s")),
        ("both", L.Add(), ("m", "s")),
    ])  # fmt: skip
    found = recognise(given)
    assert isinstance(found["m"].layer, L.Activation)
    assert found["m"].inputs == ("a",)
    assert found["both"].inputs == ("m", "s")
    x = np.random.default_rng(0).normal(size=(5, 3))
    np.testing.assert_allclose(
        SpikingModel(found, dtype="float64").run(x, 1).output,
        SpikingModel(given, dtype="float64").run(x, 1).output,
        atol=1e-12,
    )


@pytest.mark.parametrize(
    "function",
    [lambda x: torch.maximum(x, 2 * x), lambda x: torch.maximum(x, 0.1 * x + 1), lambda x: torch.minimum(x, x.square())],
)  # fmt: skip
def test_other_extremes_stay(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    graph = read_torch(Spelled(function).eval(), (3, 6, 6))
    assert recognise(graph) is graph
