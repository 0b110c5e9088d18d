"""Functions that modules write with comparisons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.torch_modules import Lambda

from spikelet.conversion.from_torch import read_torch
from spikelet.layers.spiking_model import SpikingModel

ONE_BOUND = torch.zeros(4, 3, 5)
ONE_BOUND[2, 1, 3] = 0.01
SLOPES = torch.linspace(-0.3, 0.6, 4).reshape(4, 1, 1)


def layers_of(function: Callable[[Any], Any], shape: tuple[int, ...] = (4, 3, 5)) -> list[str]:
    """Return the layers of a function, whose values are checked."""
    graph = read_torch(Lambda(lambda _, x: function(x)), shape)
    x = 4 * torch.randn(3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = SpikingModel(graph, dtype="float64", threads=1).run(x, 1).output
    np.testing.assert_allclose(found, function(x), atol=1e-5)
    return [getattr(node.layer, "function", type(node.layer).__name__) for node in graph]


FUNCTIONS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], list[str]]] = {
    "relu": (lambda x: torch.where(x > 0, x, torch.zeros_like(x)), ["ReLU"]),
    "relu by a product": (lambda x: x * (x > 0), ["ReLU"]),
    "relu by a cast": (lambda x: x * (x >= 0).float(), ["ReLU"]),
    "relu by a mask": (lambda x: x.masked_fill(x < 0, 0.0), ["ReLU"]),
    "bounded": (lambda x: torch.where(x > 2, 2.0, torch.where(x < 0, 0.0, x)), ["ReLU"]),
    "leaky": (lambda x: torch.where(x > 0, x, 0.1 * x), ["leaky_relu"]),
    "leaky, by keywords": (
        lambda x: torch.where(condition=torch.gt(input=x, other=0.0), input=x, other=0.1 * x),
        ["leaky_relu"],
    ),
    "leaky, divided": (lambda x: torch.where(x < 0, x / 8, x), ["leaky_relu"]),
    "leaky, one for each channel": (lambda x: torch.where(x > 0, x, SLOPES * x), ["leaky_relu"]),
    "abs": (lambda x: x * torch.sign(x), ["leaky_relu"]),
    "elu": (lambda x: torch.where(x > 0, x, 0.7 * (x.exp() - 1)), ["elu"]),
    "celu": (lambda x: torch.where(x > 0, x, 1.3 * torch.expm1(x / 1.3)), ["celu"]),
    "selu": (lambda x: 1.05 * torch.where(x > 0, x, 1.67 * torch.expm1(x)), ["selu"]),
    "softplus": (lambda x: torch.where(x > 20, x, x.exp().log1p()), ["softplus"]),
    "softshrink": (
        lambda x: torch.where(x.abs() > 0.3, x - 0.3 * x.sign(), torch.zeros_like(x)),
        ["softshrink"],
    ),
    "hardshrink": (lambda x: x * (x.abs() > 0.3), ["hardshrink"]),
    "identity": (lambda x: 2 * (torch.sign(x) * x.abs().relu()), ["Affine"]),
    "zeros, which are frequent": (
        lambda x: torch.where(x.relu() == 0, 0.5, x.relu()),
        ["threshold"],
    ),
    "a small threshold": (lambda x: torch.where(x > 0.005, x, 0.0), ["threshold"]),
    "threshold": (lambda x: torch.where(x > 0.5, x, -1.0), ["threshold"]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_known_functions(name: str) -> None:
    function, wanted = FUNCTIONS[name]
    assert layers_of(function) == wanted
    assert layers_of(lambda x: function(x + 1).relu())[1:-1] == wanted


def test_the_parameters_are_those_of_the_formula() -> None:
    graph = read_torch(Lambda(lambda _, x: torch.where(x > 0, x, SLOPES * x)), (4, 3, 5))
    (node,) = graph
    np.testing.assert_allclose(node.layer.alpha, SLOPES.ravel(), rtol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + (x > 0),  # jumps
        lambda x: torch.where(x > 0, x, x * x),  # none of those known
        lambda x: torch.where(x > 0, x, x.flip(1)),  # of two values
        lambda x: torch.where(x > x.mean((1, 2, 3), keepdim=True), x, 0.0),
        lambda x: torch.where(x > 30, 2 * x, x),  # beyond the bend
        lambda x: (x > 0).float(),
        lambda x: torch.where(x > 0, x, -x.sin()),
        lambda x: torch.where(2 * x > 0.012, x, 0.0),  # a small jump
        lambda x: torch.where((x > 0.001) & (x < 0.015), 7.0, x.relu()),
        lambda x: torch.where(x > 2e4, 2 * x, x.relu()),
        lambda x: torch.where(x >= 1, x, 0.0),  # of whole numbers, 1 is none to leave out
        lambda x: torch.where(x == 3, 0.0, x.relu()),
        lambda x: x.relu().masked_fill(x > 50, torch.inf),
        lambda x: 1e8 * torch.where(x > 0, 1e-8 * x.sigmoid(), 0.0),
        lambda x: torch.where(x > ONE_BOUND, x, 0.0),
    ],
)
def test_others_are_refused(function: Callable[[Any], Any]) -> None:
    with pytest.raises(
        ValueError, match=r"\((gt|ge|eq|where)\): cannot be converted; it has steps"
    ):
        read_torch(Lambda(lambda _, x: function(x)), (4, 3, 5))


def test_guards_of_small_values_are_kept() -> None:
    graph = read_torch(Lambda(lambda _, x: torch.where(x > 1e-8, x, 1e-8)), (4, 3, 5))
    assert SpikingModel(graph, dtype="float64").run(np.zeros((1, 4, 3, 5)), 1).output.min() == pytest.approx(1e-8)  # fmt: skip


def test_values_changed_in_place() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        y = x.relu()
        return torch.where(y.add_(1) > 1.5, y, 1.5)

    assert layers_of(function)[0] == "ReLU"


def test_guards_against_infinite_values_are_constants() -> None:
    assert "Softmax" in layers_of(lambda x: x.softmax(1).masked_fill((x == -torch.inf).all(1, True), 0.0))  # fmt: skip
    assert layers_of(lambda x: torch.where(x.isnan(), 0.0, x).relu()) == ["ReLU"]
    assert layers_of(lambda x: torch.where(torch.isnan(input=x), 0.0, x).relu()) == ["ReLU"]
    assert layers_of(lambda x: F.relu(x) * torch.isfinite(x)) == ["ReLU", "Affine"]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.where(torch.isinf(1 / (x - 9).relu()), 0.0, x.relu()),
        lambda x: x.relu() * torch.isfinite((x.clamp(max=9) - 9).reciprocal()),
        lambda x: torch.where((x.relu() + 0.5).sum(1, True).log() == -torch.inf, 0.0, x),
        lambda x: torch.where((x / (x - 9).relu()).isfinite(), x.relu(), 0.0),
    ],
)
def test_quotients_and_logarithms_may_be_infinite(function: Callable[[Any], Any]) -> None:
    """The guard does not hold for all samples because it holds for some."""
    with pytest.raises(ValueError, match=r"\((isinf|isfinite|eq|where)\): cannot be converted"):
        read_torch(Lambda(lambda _, x: function(x)), (4, 3, 5))
