"""The description of a neuron that the core steps."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from tests.support.torch_cells import compare

import spikelet.torch as st
from spikelet.torch.cell import PARAMETERS, STATES, Cell, Surrogate


def cell_of(module: Any) -> Cell:
    cell = module.setting().cell
    assert isinstance(cell, Cell)
    return cell


def test_parameters_and_states_are_in_the_order_of_the_core() -> None:
    assert PARAMETERS == ("leak", "threshold", "syn_decay", "adapt_decay", "boost")
    assert STATES == ("v", "i", "a")
    names = [field.name for field in dataclasses.fields(Cell)]
    assert set(PARAMETERS) < set(names)


def test_a_cell_is_a_value() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Cell().leak = 0.5  # type: ignore[misc]
    assert Cell(leak=0.5) == Cell(leak=0.5) != Cell(leak=0.6)
    assert len({Cell(), Cell(), Cell(synapse=True)}) == 2


SNN = {"convention": "snntorch", "beta": 0.5}


@pytest.mark.parametrize(
    ("module", "plain"),
    [
        (st.LIF(), True),
        (st.LIF(reset="zero"), True),
        (st.CubaLIF(), True),
        (st.ALIF(), False),  # the threshold depends on earlier spikes
        (st.LIF(**SNN), True),
        (st.LIF(**SNN, reset="zero"), False),  # the next step must know of the spike
        (st.LIF(**SNN, reset_delay=False), False),
        (st.LIF(**SNN, reset="none", reset_delay=False), True),
    ],
    ids=str,
)
def test_the_backward_pass_keeps_the_potential_of_plain_cells_and_else_the_input(
    module: Any, plain: bool
) -> None:
    assert cell_of(module).is_plain == plain
    x = (torch.rand(6, 2, 3) * 2).requires_grad_()
    kept: list[Any] = []

    def keep(tensor: Any) -> Any:
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        module(x)
    (tensor,) = kept
    assert tensor.shape == x.shape
    assert (tensor.data_ptr() == x.data_ptr()) == (not plain)


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
