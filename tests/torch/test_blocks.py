"""Residual blocks of spikes, and dropout over time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import spikelet.torch as st


@pytest.mark.parametrize(
    ("connect", "table"),
    [("add", [0, 1, 1, 2]), ("and", [0, 0, 0, 1]), ("iand", [0, 1, 0, 0])],
)
def test_spikes_meet(connect: Any, table: list[int]) -> None:
    """For body, shortcut = 00, 01, 10, 11."""
    body, shortcut = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([0.0, 1.0, 0.0, 1.0])

    class Fixed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return body.expand_as(x)

    block = st.SEWBlock(Fixed(), connect=connect)
    assert block(shortcut.expand(3, 2, 4))[1, 1].tolist() == table


def test_blocks_learn_through_both_branches() -> None:
    torch.manual_seed(0)
    block = st.SEWBlock(
        nn.Sequential(nn.Linear(4, 6), st.LIF()), nn.Sequential(nn.Linear(4, 6), st.LIF())
    )
    x = (torch.rand(9, 3, 4) < 0.5).float().requires_grad_()
    y = block(x)
    assert torch.equal(y, block.body(x) + block.shortcut(x))
    y.square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in block.parameters())
    with pytest.raises(
        ValueError, match=r"output of body must have the shape of the shortcut's.*give a shortcut"
    ):
        st.SEWBlock(nn.Linear(4, 6))(x)
    with pytest.raises(ValueError, match="connect must be"):
        st.SEWBlock(nn.Linear(4, 4), connect="or")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"shortcut must be a torch\.nn\.Module"):
        st.SEWBlock(nn.Linear(4, 4), 3)  # type: ignore[arg-type]


def test_dropout_holds_over_time() -> None:
    torch.manual_seed(0)
    drop = st.DropoutOverTime(0.25)
    x = torch.rand(5, 400, 30) + 0.5
    y = drop(x)
    kept = y[0] != 0
    assert torch.equal(y != 0, kept.expand(5, -1, -1))
    torch.testing.assert_close(y, x * kept / 0.75)
    assert abs(float(kept.float().mean()) - 0.75) < 0.02  # 5 standard deviations are 0.02
    assert drop.eval()(x) is x
    for p in (1.0, -0.1):
        with pytest.raises(ValueError, match="p must be"):
            st.DropoutOverTime(p)
    with pytest.raises(ValueError, match=r"x must have the shape \[T, B, ...\]"):
        drop(torch.rand(4, 3))
