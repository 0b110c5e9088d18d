"""Layers without time are applied to all steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import spikelet.torch as st
from spikelet.torch import OverTime
from spikelet.torch.time import layers_over_time

pytestmark = pytest.mark.usefixtures("one_thread")


def test_over_time_applies_the_layer_at_each_step():
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(2, 3, 3, padding=1), nn.BatchNorm2d(3)
    x = torch.rand(5, 4, 2, 6, 6)
    y = OverTime(conv, norm)(x)
    flat = norm(conv(x.reshape(20, 2, 6, 6)))
    torch.testing.assert_close(y.reshape(20, 3, 6, 6), flat)
    norm.eval()
    each = torch.stack([norm(conv(step)) for step in x])
    torch.testing.assert_close(OverTime(conv, norm)(x), each)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (OverTime, ValueError, "layers must be at least one module"),
        (lambda: OverTime(torch.relu), TypeError, "layers must be torch.nn modules"),
        (lambda: OverTime(nn.ReLU())(torch.zeros(3, 3)), ValueError, r"\[T, B, ...\]"),
    ],
)
def test_bad_time(call, error, message):
    with pytest.raises(error, match=message):
        call()


class Twice(OverTime):
    """Not what it is made of."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


def test_a_subclass_with_its_own_forward_is_not_taken_for_its_layers():
    layer = nn.Linear(4, 4)
    assert layers_over_time(OverTime(layer)) is layer
    assert layers_over_time(st.tdLN(3)) is not None
    assert layers_over_time(layer) is None
    assert layers_over_time(Twice(layer)) is None
    net = nn.Sequential(Twice(layer), st.LIF())
    x = torch.randn(5, 2, 4)
    found = st.to_spiking_model(net, (4,)).run(x.numpy(), record=True)
    assert np.array_equal(found.spikes, net(x).detach().numpy())
    with pytest.raises(ValueError, match="module '0' must be a linear layer"):
        st.OTTT(net)
    with pytest.raises(ValueError, match="must directly follow a linear layer"):
        st.quantize(nn.Sequential(nn.Linear(4, 4), Twice(nn.BatchNorm1d(4)), st.LIF()))


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("shape", [(3, 6, 5), (3, 1, 5), (3, 4, 3, 2)])
def test_gradients_of_a_norm_over_one_image_with_channels_last(shape, train):
    # PyTorch's own are wrong for the strides that `flatten` gives such an image.
    norm = nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm3d
    images = torch.randn(1, 1, *shape[1:], shape[0]).double().movedim(-1, 2)
    by = torch.randn(1, 1, *shape).double()
    found = []
    for x in (images, images.contiguous()):
        layer = st.OverTime(norm(3)).double().train(train)
        leaf = x.detach().requires_grad_()
        layer(leaf).backward(by)
        found.append([leaf.grad, *(p.grad for p in layer.parameters())])
    for mine, expected in zip(*found, strict=True):
        torch.testing.assert_close(mine, expected)


F64 = torch.float64


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 8), st.LIF(learn_tau=True), nn.Sequential(nn.Linear(8, 8), st.RecurrentALIF(8)),
        nn.Linear(8, 6), st.CubaLIF(), nn.Linear(6, 2), st.LI(),
    ).double()  # fmt: skip


def gradients(net: nn.Sequential, outputs: Any) -> list[Tensor]:
    for p in net.parameters():
        p.grad = None
    for y in outputs:
        y.square().sum().backward()
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


@pytest.mark.parametrize("length", [1, 7, 20, 50])
def test_outputs_are_those_of_the_whole(length: int) -> None:
    net = network()
    x = 2 * torch.rand(20, 3, 4, dtype=F64)
    pieces = list(st.in_pieces(net, x, length))
    assert [len(y) for y in pieces] == [min(length, 20 - k) for k in range(0, 20, length)]
    torch.testing.assert_close(torch.cat(pieces), net(x), rtol=0, atol=1e-12)


def test_gradients_stop_where_a_piece_begins() -> None:
    net = network()
    x = 2 * torch.rand(20, 3, 4, dtype=F64)
    whole = gradients(net, [net(x)])
    once = gradients(net, st.in_pieces(net, x, 20))
    assert all(
        torch.allclose(a, b, rtol=1e-12, atol=1e-12) for a, b in zip(whole, once, strict=True)
    )
    # The first piece alone, and the second from the states of the first without their graph.
    first = gradients(net, [net(x[:10])])
    both = gradients(net, st.in_pieces(net, x, 10))
    taken = st.in_pieces(net, x, 10)
    with torch.no_grad():
        next(taken)
    second = gradients(net, taken)
    for a, b, total in zip(first, second, both, strict=True):
        torch.testing.assert_close(a + b, total, rtol=1e-12, atol=1e-12)
    assert not all(torch.allclose(a, b) for a, b in zip(whole, both, strict=True))


def test_memory_is_that_of_a_piece() -> None:
    net = nn.Sequential(st.LIF(), nn.Flatten(2), st.LI())
    kept: list[int] = []

    def note(tensor: Tensor) -> Tensor:
        kept.append(len(tensor))
        return tensor

    x = torch.rand(1000, 2, 3).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
        for y in st.in_pieces(net, x, 10):
            y.sum().backward()
    assert max(kept) == 10


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 4), st.Delay(4, 4, 3)), "'1'"),
        (lambda: nn.Sequential(nn.Sequential(st.PSN(5))), "'0.0'"),
        (lambda: nn.Sequential(st.LIF(steps=3)), "'0'"),
        (lambda: nn.Sequential(st.LIF(return_v=True)), "'0'"),
        (lambda: nn.Sequential(st.SEWBlock(st.LIF())), "'0'"),
    ],
)
def test_layers_that_look_back_are_refused(model: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"module {name} must be neurons as they are"):
        st.in_pieces(model(), torch.rand(10, 2, 4), 5)


def test_bad_input() -> None:
    net, x = nn.Sequential(st.LIF()), torch.rand(10, 2, 4)
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Sequential"):
        st.in_pieces(st.LIF(), x, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"x must be a tensor \[T, B, ...\]"):
        st.in_pieces(net, x[0], 5)
    with pytest.raises(ValueError, match="length must be >= 1"):
        st.in_pieces(net, x, 0)


def test_hooks_of_neurons_run() -> None:
    net, seen = network(), []
    for m in net.modules():
        if isinstance(m, st.Neuron):
            m.register_forward_hook(lambda m, _, y: seen.append((type(m), y)))
    outputs = list(st.in_pieces(net, torch.rand(20, 3, 4, dtype=F64), 10))
    assert [kind for kind, _ in seen] == [st.LIF, st.RecurrentALIF, st.CubaLIF, st.LI] * 2
    assert seen[3][1] is outputs[0]
