"""The description of a neuron that the core steps."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

import spikelet.torch as st
from spikelet.torch.cell import PARAMETERS, STATES, Cell


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
