"""The operators behind layers with delays."""

from __future__ import annotations

import pytest
import torch

from spikelet.torch import Delay
from spikelet.torch.delay_ops import delayed


def test_forward_by_hand() -> None:
    x = torch.tensor([1.0, 0.0, 2.0, 0.0]).reshape(4, 1, 1)
    y = delayed(
        x, torch.tensor([[3.0]]), torch.tensor([[0.5]]), torch.tensor([[1]], dtype=torch.int32), 2
    )
    assert y.flatten().tolist() == [0.0, 3.0, 0.5, 6.0]


@pytest.mark.parametrize("wanted", [(True, True), (True, False), (False, True)])
def test_gradients_are_those_wanted(wanted: tuple[bool, bool]) -> None:
    torch.manual_seed(0)
    x = torch.rand(9, 3, 4, dtype=torch.float64, requires_grad=wanted[0])
    early, late = (torch.rand(5, 4, dtype=torch.float64, requires_grad=wanted[1]) for _ in "ab")
    lag = torch.randint(0, 4, (5, 4), dtype=torch.int32)
    assert torch.autograd.gradcheck(lambda *t: delayed(*t, lag, 3), (x, early, late))


def test_operators_as_compilers_see_them() -> None:
    tensors = torch.rand(9, 3, 4), torch.rand(5, 4), torch.rand(5, 4)
    lag = torch.randint(0, 4, (5, 4), dtype=torch.int32)
    for t in tensors:
        t.requires_grad_()
    torch.library.opcheck(delayed, (*tensors, lag, 3))


def test_bounds_are_checked_in_the_core() -> None:
    x, w = torch.rand(9, 3, 4), torch.rand(5, 4)
    for lag in (torch.full((5, 4), 4), torch.full((5, 4), -1), torch.zeros(4, 5)):
        with pytest.raises((ValueError, TypeError)):
            delayed(x, w, w, lag.int(), 3)
    with pytest.raises((ValueError, TypeError)):
        delayed(x, w[:, :3], w, torch.zeros(5, 4, dtype=torch.int32), 3)


@pytest.mark.parametrize("training", [True, False])
def test_second_derivatives_name_the_backend_that_has_them(training: bool) -> None:
    torch.manual_seed(0)
    x = torch.rand(6, 2, 3, dtype=torch.float64, requires_grad=True)
    layer = Delay(3, 4, 3).double().train(training)

    def penalty(weight: torch.Tensor) -> torch.Tensor:
        y = torch.func.functional_call(layer, {"weight": weight}, (x,))
        (by_x,) = torch.autograd.grad(y.square().sum(), x, create_graph=True)
        return by_x.square().sum()

    with pytest.raises(RuntimeError, match='differentiated once; with backend="torch"'):
        penalty(layer.weight).backward()
    layer.backend = "torch"
    assert torch.autograd.gradcheck(penalty, layer.weight)
