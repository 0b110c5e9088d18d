"""The operators as PyTorch sees them."""

from __future__ import annotations

import pytest
import torch

import spikelet.torch as st
from spikelet.torch.cell import Cell, Surrogate, packed


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of torch itself, on Python 3.13
def test_operators_pass_the_checks_of_pytorch():
    """The checks of torch.library: schema, stand-ins without memory, autograd."""
    torch.manual_seed(0)
    x = (torch.rand(5, 2, 3, 4) * 2).requires_grad_()
    cell = st.LIF(tau_m=3.0).setting().numbers
    leak = torch.full((3, 1), 0.7, requires_grad=True)
    plain = (x, *[None] * 10, cell, "sh", 5)
    rich = (x, leak, *[None] * 9, cell, "sv", 5)
    constant = (x[:1].detach().requires_grad_(), leak, *[None] * 9, cell, "sv", 6)
    for arguments in (plain, rich, constant):
        torch.library.opcheck(torch.ops.spikelet.neuron.default, arguments)


X = torch.rand(4, 2, 3)


def test_operators_refuse_inputs_of_the_wrong_form():
    """Whoever calls the operator or the core itself gets an error, not a crash."""
    cell = st.LIF().setting().numbers
    with pytest.raises((RuntimeError, ValueError)):
        torch.ops.spikelet.neuron(X.detach(), *[None] * 5, torch.ones(1), *[None] * 4, cell, "s", 4)
    for weights, give in ((torch.ones(2, 2), "s"), (torch.ones(3, 3), "v")):
        with pytest.raises((RuntimeError, ValueError)):
            torch.ops.spikelet.neuron(X.detach(), *[None] * 8, weights, None, cell, give, 4)


def test_tables_of_operators():
    cell = packed(Cell(surrogate=Surrogate.table, table=()))
    with pytest.raises(ValueError, match="cell: table must have at least 2 values"):
        torch.ops.spikelet.neuron(X.detach(), *[None] * 10, cell, "sh", 4)
    with pytest.raises(ValueError, match="cell must have at least 19 numbers, got length 3"):
        torch.ops.spikelet.neuron(X.detach(), *[None] * 10, [0.0, 0.0, 0.0], "", 4)


def test_second_derivatives_are_refused():
    x = (X.detach() * 3).requires_grad_()
    (g,) = torch.autograd.grad(st.lif(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiated once"):
        g.sum().backward()
