"""Layers without time are applied to all steps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import spikelet.torch as st
from spikelet.torch import OverTime
from spikelet.torch.time import layers_over_time


@pytest.fixture(autouse=True)
def one_thread():
    """Small tensors gain nothing from threads, and lose much where others compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
        st.quantise(nn.Sequential(nn.Linear(4, 4), Twice(nn.BatchNorm1d(4)), st.LIF()))


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
