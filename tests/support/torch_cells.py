"""A cell of the core and its twin in plain PyTorch on the same leaves."""

from __future__ import annotations

import torch
from tests.support.torch_reference import simulate

from spikelet.torch.cell import PARAMETERS, Cell, Charge, packed
from spikelet.torch.conventions import Setting
from spikelet.torch.functional import run

SHAPES = {"leak": (1,), "threshold": (5,), "syn_decay": (1,), "adapt_decay": (), "boost": (5,)}


def charge_of(cell, leak):
    if cell.charge == Charge.decay:
        return lambda v, x: leak * v + cell.gain * x
    if cell.charge == Charge.relax_input:
        return lambda v, x: v + (cell.gain * x - (v - cell.rest)) / leak
    return lambda v, x: v - (v - cell.rest) / leak + cell.gain * x


def leaf(shape, low, high, generator, dtype=torch.float64):
    values = low + (high - low) * torch.rand(shape, generator=generator, dtype=dtype)
    return values.requires_grad_()


def compare(
    cell,
    *,
    steps=12,
    features=(3, 5),
    recurrent=False,
    learned=True,
    checkpoint=None,
    order=None,
    seed=0,
):
    """Run a cell in the core and in PyTorch on the same leaves; compare all results and gradients."""
    g = torch.Generator().manual_seed(seed)
    shape = (steps, 2, *features)
    x = leaf(shape, -0.5, 2.5, g)
    if order is not None:
        x = (
            x.detach()
            .permute(order)
            .contiguous()
            .permute([order.index(d) for d in range(x.ndim)])
            .requires_grad_()
        )
    v = leaf(shape[1:], -0.3, 0.8, g)
    ranges = {"leak": (1.5, 4.0) if cell.charge != Charge.decay else (0.3, 0.95), "threshold": (0.6, 1.2),
              "syn_decay": (0.2, 0.8), "adapt_decay": (0.5, 0.9), "boost": (0.1, 0.4)}  # fmt: skip
    used = {"leak", "threshold"} | ({"syn_decay"} if cell.synapse else set())
    used |= {"adapt_decay", "boost"} if cell.adaptive else set()
    values = {n: leaf(SHAPES[n] if learned else (), *ranges[n], g) for n in PARAMETERS if n in used}
    if not learned:
        values = {n: float(t.detach()) for n, t in values.items()}
        cell = Cell(**{**cell.__dict__, **values})
    weights = leaf((features[-1], features[-1]), -0.5, 0.5, g) if recurrent else None
    leaves = [x, v, *(values.values() if learned else ()), *([weights] if recurrent else ())]
    by_spikes, by_v = (torch.randn(shape, generator=g, dtype=torch.float64) for _ in range(2))
    by_last = torch.randn(shape[1:], generator=g, dtype=torch.float64)

    def gradients(spikes, v_seq, v_last):
        total = (spikes * by_spikes).sum() + (v_seq * by_v).sum() + (v_last * by_last).sum()
        return torch.autograd.grad(total, leaves)

    made = Setting(cell, packed(cell), values if learned else {})
    found = run("test", x, made, v=v, recurrent=weights, give_v_seq=True, checkpoint=checkpoint)
    surrogate = cell.surrogate.name
    expected = simulate(
        x, charge_of(cell, values["leak"]), v=v, v_threshold=values["threshold"], strict=cell.strict, surrogate=surrogate,
        alpha=cell.alpha, reset=cell.reset.name, v_reset=cell.v_reset, when=cell.when.name, detach_reset=cell.detached,
        syn_decay=values.get("syn_decay"), adapt_decay=values.get("adapt_decay"), boost=values.get("boost", 0.0),
        recurrent=weights,
    )  # fmt: skip
    assert torch.equal(found.spikes, expected["spikes"])
    assert 0.02 < float(found.spikes.detach().mean()) < 0.95
    torch.testing.assert_close(found.v_seq, expected["v"], rtol=0, atol=1e-12)
    torch.testing.assert_close(found.v, expected["last_v"], rtol=0, atol=1e-12)
    if cell.synapse:
        torch.testing.assert_close(found.i, expected["last_i"], rtol=0, atol=1e-12)
    if cell.adaptive:
        torch.testing.assert_close(found.a, expected["last_a"], rtol=0, atol=1e-12)
    ours = gradients(found.spikes, found.v_seq, found.v)
    theirs = gradients(expected["spikes"], expected["v"], expected["last_v"])
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
