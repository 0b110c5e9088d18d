"""Activations that are written as several operators."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet import layers as L
from spikelet.conversion.load import read_torch
from spikelet.conversion.passes import run_passes
from spikelet.conversion.recognition import Elementwise, _Formula, _grid, recognize
from spikelet.layers.graph import Graph, Node
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
    module = Spelled(function).eval()
    found = read_torch(module, (3, 6, 6))
    assert run_passes("test", found, recognize) is found
    assert [getattr(n.layer, "function", type(n.layer).__name__) for n in found] == [
        "Conv2d", name, "Conv2d",
    ]  # fmt: skip
    x = np.random.default_rng(0).normal(0, 3, (4, 3, 6, 6)).astype(np.float32)
    with torch.no_grad():
        wanted = module(torch.from_numpy(x))
    np.testing.assert_allclose(SpikingModel(found, threads=1).run(x, 1).output, wanted, atol=2e-5)


def test_a_formula_that_overflows_far_away_does_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_torch(Spelled(lambda x: x * torch.exp(x) / (torch.exp(x) + 1)).eval(), (3, 6, 6))


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


KNOWN = {"silu", "hardswish", "gelu", "gelu_tanh", "mish", "leaky_relu"}


def _functions(module: nn.Module) -> set[str]:
    return {getattr(n.layer, "function", "") for n in read_torch(module.eval(), (3, 6, 6))}


@pytest.mark.parametrize("how", OTHERS)
def test_other_products_stay(how: str) -> None:
    module = Spelled(OTHERS[how])
    if how == "another value":
        module.out = nn.Conv2d(3, 2, 1)
    assert not _functions(module) & KNOWN


def test_what_else_uses_a_part_keeps_it() -> None:
    given = Graph([
        ("a", L.Linear(np.eye(3)), "input"),
        ("s", L.Activation("sigmoid"), "a"),
        ("m", L.Multiply(), ("a", "s")),
        ("both", L.Add(), ("m", "s")),
    ])  # fmt: skip
    found = run_passes("test", given, recognize)
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
    assert not _functions(Spelled(function)) & KNOWN


# --- functions written with comparisons -------------------------------------------------------------

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


# --- where functions are compared -------------------------------------------------------------------

BOUNDS = np.array([0.1, 0.7, 0.1]).reshape(3, 1, 1)


def formula(*layers: tuple[str, Any, tuple[str, ...]]) -> _Formula:
    return _Formula("x", [Node(*layer) for layer in layers])


def test_constants_are_as_small_as_they_can_be() -> None:
    half, zeros = np.full((1, 1, 1), 0.5), np.zeros((3, 4, 5))
    one = formula(
        ("c", Elementwise(np.greater, (None, half)), ("x",)),
        ("y", Elementwise(np.where, (None, None, zeros)), ("c", "x")),
    )
    assert one.shape == (1, 1, 1)
    wide = np.array(np.broadcast_to(BOUNDS, (3, 4, 5)))
    each = formula(
        ("c", Elementwise(np.greater, (None, wide)), ("x",)),
        ("y", Elementwise(np.where, (None, None, zeros)), ("c", "x")),
    )
    assert each.shape == (3, 1, 1)
    y = each.of(np.full((1, 1, 1, 1), 0.4))
    np.testing.assert_array_equal(y.ravel(), [0.4, 0.0, 0.4])


def test_both_sides_of_each_jump_are_found() -> None:
    x = np.linspace(-1.0, 1.0, 7).reshape(-1, 1, 1, 1)
    quarter = np.full((1, 1, 1), 0.25)
    found = formula(
        ("double", L.Affine(2.0), ("x",)),
        ("c", Elementwise(np.greater_equal, (None, quarter)), ("double",)),
        ("sign", Elementwise(np.sign), ("x",)),
        ("y", Elementwise(np.where, (None, None, None)), ("c", "x", "sign")),
    ).jumps(x)
    for at in (0.0, 0.125):
        near = found[np.abs(found - at) < 1e-9]
        assert (near >= at).any()
        assert (near < at).any()
    each = formula(("c", Elementwise(np.greater, (None, BOUNDS)), ("x",))).jumps(x)
    np.testing.assert_allclose(each.reshape(2, 3), [[0.1, 0.7, 0.1]] * 2, rtol=1e-6)


def test_the_grid_ascends_and_holds_what_numbers_suggest() -> None:
    x = _grid([3.0, 0.2])
    assert (np.diff(x) > 0).all()
    assert np.isin([0.0, 3.0, -0.2, 0.6, -2.8], np.round(x, 15)).all()
