"""The operators as PyTorch sees them."""

from __future__ import annotations

import pytest
import torch
import torch._dynamo.testing
from torch import nn
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx

import spikelet.torch as st
from spikelet.torch.cell import Cell, Surrogate, packed
from spikelet.torch.ops import neuron, neuron_op


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


@pytest.mark.parametrize("give", ["sh", "sv"])
def test_the_short_way_is_the_operator(give):
    torch.manual_seed(0)
    cell = st.LIF(tau_m=3.0).setting().numbers
    found = []
    for call in (neuron, neuron_op):
        x = (X.detach() * 3).requires_grad_()
        leak = torch.tensor([0.7], requires_grad=give == "sv")
        v = torch.full((2, 3), 0.2, requires_grad=True)
        results = call(x, leak, *[None] * 4, v, *[None] * 4, cell, give, 4)
        results[0].pow(2).sum().backward(retain_graph=True)
        results[3].sum().backward()
        found.append([*results, x.grad, v.grad, *([leak.grad] if give == "sv" else [])])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert found[0][-1].abs().sum() > 0


def test_what_traces_sees_the_operator():
    layer = st.LIF()
    x = X.detach() * 3
    graph = make_fx(lambda x: layer(x) * 2)(x)
    assert "spikelet.neuron" in graph.code
    torch.testing.assert_close(graph(x), layer(x) * 2)


@pytest.mark.parametrize("make", [st.LIF, st.ALIF, lambda: st.RecurrentLIF(4)])
def test_a_network_for_each_of_several_inputs(make) -> None:
    """`torch.func.vmap` calls the operator."""
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


STEPS, BATCH = (torch.export.Dim(name, min=2, max=1000) for name in ("steps", "batch"))


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
def test_an_exported_network_takes_any_number_of_steps_and_samples(net, shape):
    net = net.eval()
    dims = {0: STEPS, 1: BATCH}
    exported = torch.export.export(net, (torch.randn(6, 3, *shape),), dynamic_shapes=(dims,))
    x = torch.randn(9, 4, *shape)
    torch.testing.assert_close(exported.module()(x), net(x))


def test_sequences_of_other_lengths_compile_once_more_only():
    torch._dynamo.reset()
    net = nn.Sequential(
        nn.Linear(5, 8), st.LIF(), st.DropoutOverTime(0.1), st.SlidingPSN(2), nn.Linear(8, 3), st.LIF(checkpoint=True)
    )  # fmt: skip
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")

    @torch.compile(backend=counter)
    def loss(x, labels):
        return st.losses.rate_cross_entropy(net(x), labels)

    for steps in range(3, 9):
        loss(torch.randn(steps, 4, 5), torch.arange(4) % 3).backward()
    assert counter.frame_count == 2  # one for the first length, one for all
