"""The QCFS activation, value by value."""

from __future__ import annotations

import copy

import pytest
import torch

from spikelet.conversion.qcfs_torch import QCFSActivation


@pytest.mark.parametrize("levels", [1, 4, 7])
def test_values_are_the_nearest_level_within_the_limits(levels: int) -> None:
    module = QCFSActivation(levels, 1.5)
    x = torch.linspace(-1.0, 2.5, 999)
    nearest = torch.floor(x / 1.5 * levels + 0.5).clamp(0, levels) * 1.5 / levels
    torch.testing.assert_close(module(x), nearest)
    assert len(module(x).unique()) == levels + 1


def test_gradients_pass_through_the_rounding() -> None:
    module = QCFSActivation(4, 2.0)
    x = torch.tensor([-0.5, 0.3, 1.1, 2.5], requires_grad=True)
    module(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]
    # Of the upper limit: what is cut off counts whole, and each level its error of rounding.
    errors = [module(t).item() / 2.0 - t.item() / 2.0 for t in x.detach()[1:3]]
    assert module.upper.grad.item() == pytest.approx(1.0 + sum(errors), abs=1e-6)


def test_the_limit_is_a_parameter_of_its_own() -> None:
    module = QCFSActivation(8, 3)
    assert [name for name, _ in module.named_parameters()] == ["upper"]
    assert repr(module) == "QCFSActivation(levels=8)"
    twin = copy.deepcopy(module)
    with torch.no_grad():
        twin.upper.fill_(1.0)
    assert module.upper.item() == 3.0
