"""The value of one tensor, the gradient of another."""

from __future__ import annotations

import torch

from spikelet.torch.straight_through import straight_through


def test_value_and_gradient() -> None:
    x = torch.tensor([0.4, 1.6], requires_grad=True)
    value = torch.tensor([0.0, 2.0], requires_grad=True)
    y = straight_through(x, value)
    assert torch.equal(y, value)
    assert y.data_ptr() != value.data_ptr()
    (y * torch.tensor([3.0, 5.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0, 5.0]
    assert value.grad is None
