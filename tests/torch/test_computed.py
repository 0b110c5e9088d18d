"""Weights that PyTorch's hooks compute before each call have their present values wherever they are read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import spikelet as sl
import spikelet.torch as st
from spikelet.torch.computed import is_computed, recompute

F64 = torch.float64


def test_the_weights_of_a_hook_are_computed_again() -> None:
    layer = nn.Linear(4, 3)
    assert not is_computed(layer)
    prune.random_unstructured(layer, "weight", 0.5)
    assert is_computed(layer)
    with torch.no_grad():
        layer.weight_orig.mul_(2)
        recompute(layer)
    assert torch.equal(layer.weight, layer.weight_orig * layer.weight_mask)
    assert layer.weight.requires_grad  # also where gradients are off


def recurrent() -> nn.Sequential:
    """A network whose recurrent weights are pruned, and then changed as by an optimizer."""
    torch.manual_seed(3)
    net = nn.Sequential(nn.Linear(5, 6), st.RecurrentLIF(6)).double()
    with torch.no_grad():
        net[0].weight.mul_(2)
        net[1].recurrent.mul_(3)
    prune.random_unstructured(net[1], "recurrent", 0.4)
    with torch.no_grad():
        net[1].recurrent_orig.neg_()
    return net


def raster(*shape: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(*shape, generator=generator, dtype=F64) < 0.6).double()


def test_neurons_run_with_the_weights_of_now() -> None:
    net, x = recurrent(), raster(30, 2, 6)
    found = net[1].run(x).spikes
    assert torch.equal(found, net[1](x))
    assert 0 < found.mean() < 1


def test_pieces_have_the_weights_of_now() -> None:
    net, x = recurrent(), raster(30, 2, 5)
    pieces = torch.cat(list(st.in_pieces(net, x, 10)))
    assert torch.equal(pieces, net(x))
    # Each piece has a graph of its own, so that an optimizer may step between them.
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for y in st.in_pieces(net, x, 10):
        optimizer.zero_grad()
        y.sum().backward()
        optimizer.step()


@pytest.mark.filterwarnings("ignore:write_nir")
def test_deployed_recurrent_weights_are_those_of_now() -> None:
    pytest.importorskip("nir")
    net, x = recurrent(), raster(30, 2, 5)
    network = st.to_network(net, 5, dtype="float64")
    model = sl.io.read_nir(sl.io.write_nir(net, input_shape=(5,)))
    before = net[1].recurrent.clone()
    wanted = net(x).detach().numpy()
    assert not torch.equal(before, net[1].recurrent)
    np.testing.assert_array_equal(network.run(x[:, 0].numpy())[-1], wanted[:, 0])
    np.testing.assert_array_equal(model.run(x.numpy()).output, wanted)


def test_deployed_delays_have_the_weights_of_now() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(st.Delay(5, 6, max_delay=4), st.LIF()).double().eval()
    prune.random_unstructured(net[0], "weight", 0.4)
    with torch.no_grad():
        net[0].weight_orig.abs_().mul_(4)
    x = raster(30, 2, 5)
    model = st.to_spiking_model(net, (5,), dtype="float64")
    wanted = net(x).detach().numpy()
    assert 0 < wanted.mean() < 1
    np.testing.assert_array_equal(model.run(x.numpy()).spikes, wanted)


@pytest.mark.parametrize("bias", [True, False])
def test_delays_are_left_out_of_pruned_and_parametrised_layers(bias: bool) -> None:
    for change in (
        lambda m: prune.random_unstructured(m, "weight", 0.5),
        parametrizations.weight_norm,
    ):
        layer = change(st.Delay(5, 6, max_delay=4, bias=bias).double().eval())
        x = torch.rand(3, 2, 5, dtype=F64)
        linear = layer.without_delays()
        assert type(linear) is nn.Linear
        with torch.no_grad():
            layer.delay.zero_()
        torch.testing.assert_close(linear(x), layer(x))


class _Twice(nn.Module):
    def forward(self, weights: torch.Tensor) -> torch.Tensor:
        return 2 * weights

    def right_inverse(self, weights: torch.Tensor) -> torch.Tensor:
        return weights / 2


def eprop() -> st.EProp:
    torch.manual_seed(1)
    return st.EProp(5, 7, 2).double()


def learned(net: st.EProp, rate: float = 0.0) -> st.EProp:
    """Learn, with a step of the optimizer after each step of the network."""
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    net.reset(3)
    for x in raster(12, 3, 5):
        net.learn(net.step(x) - 1)
        optimizer.step()
    return net


def test_eprop_learns_pruned_weights() -> None:
    mask = 1 - torch.eye(7, dtype=F64)  # no neuron feeds itself
    plain = eprop()
    with torch.no_grad():
        plain.recurrent.mul_(mask)
    pruned = prune.custom_from_mask(eprop(), "recurrent", mask)
    wanted, found = learned(plain), learned(pruned)
    torch.testing.assert_close(
        found.recurrent_orig.grad, wanted.recurrent.grad * mask, rtol=1e-12, atol=1e-12
    )
    assert found.recurrent_orig.grad.any()
    with_steps = learned(prune.custom_from_mask(eprop(), "recurrent", mask), rate=0.001)
    assert not torch.equal(with_steps.recurrent, pruned.recurrent)  # used as they are learned


def test_eprop_learns_parametrised_weights() -> None:
    plain, halved = eprop(), eprop()
    parametrize.register_parametrization(halved, "readout", _Twice())
    wanted, found = learned(plain), learned(halved)
    original = found.parametrizations.readout.original
    assert original.grad.any()
    torch.testing.assert_close(original.grad, 2 * wanted.readout.grad, rtol=1e-12, atol=1e-12)
