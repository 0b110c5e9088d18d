"""Neurons that fire at most once as a PyTorch module, value by value."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

from spikelet import layers
from spikelet.conversion.first_spike_torch import FirstSpike


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_values_are_the_nearest_level_within_the_limits(steps: int) -> None:
    module = FirstSpike(steps, 1.5)
    x = torch.linspace(-1.0, 2.5, 999)
    nearest = torch.floor(x / 1.5 * steps + 0.5).clamp(0, steps) * 1.5 / steps
    torch.testing.assert_close(module(x), nearest)
    assert len(module(x).unique()) == steps + 1


@pytest.mark.parametrize("shape", [(50, 3), (10, 3, 7), (10, 3, 5, 5)])
def test_neurons_of_a_channel_share_a_threshold_as_in_the_engine(shape: tuple[int, ...]) -> None:
    theta = np.array([0.5, 1.0, 2.0])
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = FirstSpike(6, theta).double()(x).detach().numpy()
    np.testing.assert_allclose(found, layers.FirstSpike(theta, 6).of(x.numpy()), rtol=1e-12)


def test_gradients_pass_through_the_rounding() -> None:
    module = FirstSpike(4, 2.0)
    x = torch.tensor([-0.5, 0.3, 1.1, 2.5], requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]
    # Of the threshold: what is cut off counts whole, and each level its error of rounding.
    errors = [module(t).item() / 2.0 - t.item() / 2.0 for t in x.detach()[1:3]]
    assert module.threshold.grad.item() == pytest.approx(1.0 + sum(errors), abs=1e-6)


def test_the_threshold_is_a_parameter_of_its_own() -> None:
    module = FirstSpike(8, 3)
    assert [name for name, _ in module.named_parameters()] == ["threshold"]
    assert repr(module) == "FirstSpike(steps=8)"
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.threshold.fill_(1.0)
    assert module.threshold.item() == 3.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1.0), "FirstSpike: steps must be >= 1"),
        ((8, -1.0), "FirstSpike: threshold must be finite and > 0, got -1.0"),
        ((8, [1.0, float("nan")]), "FirstSpike: threshold must be finite and > 0"),
        ((8, np.ones((2, 2))), r"threshold must be a number, or have the shape \[channels\]"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FirstSpike(*arguments)
