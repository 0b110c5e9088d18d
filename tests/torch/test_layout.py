"""Tensors of any memory order."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from tests.support.torch_cells import SHAPES, compare

import spikelet.torch as st
from spikelet.torch.cell import Cell
from spikelet.torch.layout import array, memory_order, result, written


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


def test_the_memory_order_is_that_of_contiguous_memory():
    pick = random.Random(0)
    found = set()
    for _ in range(2000):
        shape = [pick.choice((1, 1, 2, 3)) for _ in range(pick.randint(2, 5))]
        x = torch.empty(shape).permute(pick.sample(range(len(shape)), len(shape)))
        if pick.random() < 0.3:
            x = x[..., ::2]
        if pick.random() < 0.2:
            x = x[:1].expand(3, *x.shape[1:])
        order = memory_order(x)
        by_stride = sorted(range(x.ndim), key=lambda d: -x.stride(d))
        kept = by_stride[:2] == [0, 1] and x.permute(by_stride).is_contiguous()
        if x.is_contiguous():
            assert order == tuple(range(x.ndim))
        else:
            assert order == (tuple(by_stride) if kept else None)
            found.add(kept)
    assert found == {True, False}


@pytest.mark.parametrize("steps", [None, 4])
def test_results_have_the_memory_that_the_core_fills(steps):
    for order in ((0, 1, 2, 3, 4), (0, 1, 3, 4, 2), (0, 1, 4, 2, 3)):
        x = torch.empty([(2, 3, 5, 6, 7)[d] for d in order])
        x = x.permute([order.index(d) for d in range(5)])
        tensor, memory = written(x, steps)
        like = result(x, steps)
        assert tensor.shape == like.shape
        assert tensor.stride() == like.stride()
        memory[...] = np.arange(memory.size).reshape(memory.shape)
        assert torch.equal(torch.from_numpy(array(tensor, x)).flatten(), torch.arange(memory.size))
