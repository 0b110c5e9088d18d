"""Tensors of any memory order."""

from __future__ import annotations

import pytest
import torch
from tests.support.torch_cells import SHAPES, compare

import spikelet.torch as st
from spikelet.torch.cell import Cell


@pytest.mark.parametrize("order", [(0, 1, 3, 4, 2), (0, 1, 4, 2, 3), (1, 0, 2, 3, 4)])
@pytest.mark.parametrize("cell", [Cell(), Cell(synapse=True, adaptive=True)])
def test_channels_last_and_other_orders(order, cell, monkeypatch):
    for shape in ((3, 1, 1), (4, 5), (3, 1, 5)):
        monkeypatch.setitem(SHAPES, "threshold", shape)
        compare(cell, features=(3, 4, 5), order=order)


def test_memory_order_is_kept():
    x = torch.rand(4, 2, 3, 5, 6).permute(0, 1, 4, 2, 3).requires_grad_()
    s = st.lif(x)
    s.sum().backward()
    assert s.stride() == x.stride()
    assert x.grad.stride() == x.stride()
