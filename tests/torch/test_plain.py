"""Neurons in PyTorch's own operations: spikes, states and gradients of the core, on any device."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.support.torch_cells import SHAPES, leaf
from torch import nn

import spikelet.torch as st
from spikelet.torch.cell import PARAMETERS, Cell, Charge, Reset, Surrogate, When, packed
from spikelet.torch.conventions import Setting
from spikelet.torch.functional import run
from spikelet.torch.plain import straight_through

WHEN = [(When.same, False), (When.same, True), (When.next, True), (When.both, False)]
CELLS = [
    Cell(charge=c, reset=r, when=w, detached=d, gain=0.7, rest=-0.1, v_reset=-0.2)
    for c, r, (w, d) in itertools.product(Charge, Reset, WHEN)
] + [
    Cell(synapse=True, adaptive=True),
    Cell(adaptive=True, reset=Reset.value, strict=True),
    Cell(synapse=True, charge=Charge.relax_input, rest=0.2, strict=True),
]  # fmt: skip


def both(
    cell: Cell, *, recurrent: bool = False, steps: int | None = None, learned: bool = True
) -> None:
    """Compare all results and gradients of the two backends."""
    g = torch.Generator().manual_seed(0)
    shape = (12, 2, 3, 5) if not recurrent else (12, 4, 5)
    x = leaf(shape if steps is None else shape[1:], -0.5, 2.5, g)
    v = leaf(shape[1:], -0.3, 0.8, g)
    ranges = {"leak": (1.5, 4.0) if cell.charge != Charge.decay else (0.3, 0.95), "threshold": (0.6, 1.2),
              "syn_decay": (0.2, 0.8), "adapt_decay": (0.5, 0.9), "boost": (0.1, 0.4)}  # fmt: skip
    used = {"leak", "threshold"} | ({"syn_decay"} if cell.synapse else set())
    used |= {"adapt_decay", "boost"} if cell.adaptive else set()
    values = {n: leaf(SHAPES[n], *ranges[n], g) for n in PARAMETERS if n in used}
    if not learned:
        cell = replace(cell, **{n: float(t.detach().flatten()[0]) for n, t in values.items()})
        values = {}
    weights = leaf((5, 5), -0.5, 0.5, g) if recurrent else None
    first = (leaf(shape[1:], -1.0, 1.0, g) > 0).double() if recurrent else None
    leaves = [x, v, *values.values(), *([] if weights is None else [weights])]
    results = []
    for backend in ("core", "torch"):
        made = Setting(cell, packed(cell), values)
        found = run(
            "test", x, made, v=v, recurrent=weights, first_spikes=first, give_v_seq=True, steps=steps, backend=backend
        )  # fmt: skip
        by = torch.Generator().manual_seed(1)
        total = torch.zeros((), dtype=torch.float64)
        for part in found:
            if part.requires_grad:
                total = total + (part * torch.randn(part.shape, generator=by).double()).sum()
        results.append((found, torch.autograd.grad(total, leaves)))
    (mine, by_mine), (core, by_core) = results[1], results[0]
    assert torch.equal(mine.spikes, core.spikes)
    assert 0.02 < float(mine.spikes.detach().mean()) < 0.95
    for a, b in zip(mine, core, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    for a, b in zip(by_mine, by_core, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("cell", CELLS)
def test_results_are_those_of_the_core(cell: Cell) -> None:
    both(cell)
    both(cell, steps=12, learned=False)
    both(cell, recurrent=True)


@pytest.mark.parametrize("surrogate", Surrogate)
def test_each_surrogate(surrogate: Surrogate) -> None:
    table: dict[str, Any] = {}
    if surrogate == Surrogate.table:
        table = {"table": (0.1, 0.7, 0.9, 0.2), "table_low": -0.8, "table_step": 0.5}
    both(Cell(surrogate=surrogate, alpha=1.7, detached=False, **table))


def test_modules_and_functions_take_a_backend() -> None:
    torch.manual_seed(0)
    x = torch.rand(6, 3, 4, dtype=torch.float64) * 2
    for make in (st.LIF, st.IF, st.CubaLIF, st.ALIF, st.LI):
        assert torch.equal(make(backend="torch")(x), make()(x))
    recurrent = st.RecurrentLIF(4, backend="torch").double()
    twin = st.RecurrentLIF(4).double()
    twin.load_state_dict(recurrent.state_dict())
    assert torch.equal(recurrent(x), twin(x))
    for convention, given in (("snntorch", {"beta": 0.8}), ("spikingjelly", {}), ("norse", {})):
        ours = st.lif(x, convention=convention, backend="torch", **given)
        assert torch.equal(ours, st.lif(x, convention=convention, **given))
    assert torch.equal(st.integrate(x, backend="torch"), st.integrate(x))
    assert "backend='torch'" in repr(st.LIF(backend="torch"))
    assert not st.lif(x.requires_grad_(), surrogate=None, backend="torch").requires_grad
    assert st.lif(x.detach().bfloat16(), backend="torch").dtype == torch.bfloat16


def test_other_devices_are_a_choice() -> None:
    """The core computes on the CPU alone, and says which choice there is; the meta device stands for all others."""
    x = torch.zeros(5, 2, 4, device="meta")
    with pytest.raises(
        TypeError, match=r'x with backend="core" must be on the CPU.*on meta.*backend="torch"'
    ):
        st.LIF()(x)
    assert st.LIF(backend="torch")(x).device.type == "meta"
    learned = st.LIF(learn_tau=True, learn_threshold=True, shape=(4,), backend="torch").to("meta")
    assert learned(x).shape == (5, 2, 4)
    with pytest.raises(TypeError, match=r"v_threshold must be a .* on meta like x, got .* on cpu"):
        st.LIF(learn_threshold=True, backend="torch")(x)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated")  # of torch itself
def test_compiled() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6), st.LIF(backend="torch", learn_tau=True))
    x = torch.rand(5, 3, 4)
    wanted = net(x)
    found = torch.compile(net, backend="aot_eager", fullgraph=True)(x)
    assert torch.equal(found, wanted)
    by = [torch.autograd.grad(y.sum(), list(net.parameters())) for y in (found, wanted)]
    for a, b in zip(*by, strict=True):
        torch.testing.assert_close(a, b)


def test_bad_backends() -> None:
    x = torch.rand(5, 2, 4)
    with pytest.raises(ValueError, match='LIF: backend must be "core" or "torch"'):
        st.LIF(backend="cuda")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="checkpoint must be None with backend='torch'"):
        st.lif(x, backend="torch", checkpoint=True)


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
