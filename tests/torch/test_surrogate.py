"""Surrogate gradients."""

from __future__ import annotations

import pytest
import torch
from tests.support.torch_cells import compare

import spikelet.torch as st
from spikelet.torch.cell import Cell, Surrogate

SURROGATES = ["atan", "sigmoid", "fast_sigmoid", "triangle", "rectangle", "gaussian"]


@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("rich", [False, True])
def test_surrogates(surrogate, rich):
    for alpha in (0.8, 3.0):
        compare(
            Cell(surrogate=Surrogate[surrogate], alpha=alpha, detached=False, synapse=rich),
            learned=rich,
        )


def test_superspike_is_a_fast_sigmoid():
    x = torch.rand(5, 2, 3, dtype=torch.float64).requires_grad_()
    a, b = (
        torch.autograd.grad(st.lif(x, surrogate=s, alpha=7.0).sum(), x)[0]
        for s in ("superspike", "fast_sigmoid")
    )
    assert torch.equal(a, b)
    assert float(a.abs().sum()) > 0


def test_table():
    table = st.Table(-1.0, 1.0, [0.0, 2.0, 1.0])
    x = (
        torch.tensor([-0.5, 0.0, 0.25, 1.0, 1.5, 2.0, 2.1, float("nan")], dtype=torch.float64)
        .reshape(1, 1, 8)
        .requires_grad_()
    )
    s = st.lif(x, decay=0.5, gain=1.0, surrogate=table)  # u = x - 1
    s.sum().backward()
    assert x.grad.flatten().tolist()[:7] == [0.0, 0.0, 0.5, 2.0, 1.5, 1.0, 0.0]
    assert s.flatten().tolist() == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0]
