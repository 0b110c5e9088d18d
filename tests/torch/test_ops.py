"""Neurons of the core as PyTorch sees them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from tests.support.torch_cells import SHAPES, compare
from torch import nn
from torch.autograd import forward_ad

import spikelet.torch as st
from spikelet.torch.cell import Cell, Surrogate, packed
from spikelet.torch.ops import memory_order, neuron

X = torch.rand(4, 2, 3)


def test_inputs_of_the_wrong_form_are_refused():
    """Whoever calls the function without checks gets an error, not a crash."""
    made, states = st.LIF().setting(), [None] * 3
    with pytest.raises((RuntimeError, ValueError)):
        neuron(made, "s", 4, X, [None] * 5, [torch.ones(1), None, None], None, None)
    for weights in (torch.ones(2, 2), torch.ones(4, 4)):
        with pytest.raises((RuntimeError, ValueError)):
            neuron(made, "s", 4, X, [None] * 5, states, weights, None)
    for numbers, message in (
        (packed(Cell(surrogate=Surrogate.table, table=())), "table must have at least 2 values"),
        ((0.0, 0.0, 0.0), "cell"),
    ):
        with pytest.raises(ValueError, match=message):
            neuron(replace(made, numbers=numbers), "sh", 4, X, [None] * 5, states, None, None)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("make", [st.LIF, st.CubaLIF, st.ALIF, lambda: st.RecurrentLIF(12)])
@pytest.mark.parametrize("shape", [(6, 2, 12), (6, 2, 12, 3, 4), (1, 2, 12)])
def test_gradients_that_are_alike_at_all_steps_are_read_as_they_are(shape, make, last):
    """Those of a sum or mean over time have one row, and give the bits of the same numbers in full."""
    torch.manual_seed(1)
    layer = make()
    if len(shape) != 3 and isinstance(layer, st.RecurrentLIF):
        pytest.skip("recurrent layers take [T, B, N]")
    x = torch.rand(shape) * 2
    if last and len(shape) == 5:
        x = x.flatten(0, 1).contiguous(memory_format=torch.channels_last).unflatten(0, shape[:2])
    row = torch.rand(shape[1:])
    found = []
    for gradient in (
        row.expand(shape),
        row.expand(shape).clone(),
        torch.ones(()).expand(shape),
        torch.ones(shape),
    ):
        given = x.clone(memory_format=torch.preserve_format).requires_grad_()
        layer.zero_grad()
        out = layer(given)
        spikes = out[0] if isinstance(out, tuple) else out
        spikes.backward(gradient)
        found.append([given.grad, *(p.grad for p in layer.parameters() if p.grad is not None)])
    for alike, full in zip(found[::2], found[1::2], strict=True):
        assert all(torch.equal(a, b) for a, b in zip(alike, full, strict=True))
    assert found[0][0].abs().sum() > 0


def test_second_derivatives_are_refused():
    x = (X.detach() * 3).requires_grad_()
    (g,) = torch.autograd.grad(st.lif(x).square().sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match='differentiated once; backend="torch"'):
        g.sum().backward()


@pytest.mark.parametrize("make", [st.LIF, st.ALIF, lambda: st.RecurrentLIF(4)])
def test_a_network_for_each_of_several_inputs(make) -> None:
    torch.manual_seed(2)
    layer, x = make(), torch.rand(3, 5, 2, 4) * 2
    wanted = torch.stack([layer(each) for each in x])
    assert wanted.any()
    assert torch.equal(torch.func.vmap(layer)(x), wanted)
    with torch.no_grad():
        assert torch.equal(torch.func.vmap(layer)(x), wanted)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # of torch itself
def test_forward_mode_is_refused() -> None:
    """Its derivative would be lost without a word."""
    x = torch.rand(5, 2, 4)
    with pytest.raises(RuntimeError, match="no forward-mode derivative"):
        torch.func.jvp(st.LIF(), (x,), (x,))
    with forward_ad.dual_level(), pytest.raises(RuntimeError, match="no forward-mode derivative"):
        st.LIF()(forward_ad.make_dual(x, x))


BATCH = torch.export.Dim("batch", min=2, max=1000)


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (
            nn.Sequential(nn.Linear(5, 8), st.CubaLIF(), nn.Linear(8, 3), st.LI(learn_tau=True)),
            (5,),
        ),
        (nn.Sequential(st.RecurrentALIF(5), st.SlidingPSN(3), st.Delay(5, 3, 4)), (5,)),
        (nn.Sequential(st.SpikeConv2d(2, 4, 3), st.tdBN(4), st.LIF(), st.MaxPool2d(2)), (2, 6, 6)),
    ],
)
def test_an_exported_network_takes_any_number_of_samples(net, shape):
    net = net.eval()
    x = torch.randn(6, 3, *shape)
    exported = torch.export.export(net, (x,), dynamic_shapes=({1: BATCH},))
    x = torch.randn(6, 5, *shape)
    torch.testing.assert_close(exported.module()(x), net(x))


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
