"""Networks of the literature: their sizes by hand, and that they learn."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

import spikelet.torch as st
from spikelet.torch import models


def conv(inputs: int, outputs: int, kernel: int = 3) -> int:
    """Return the parameters of a convolution with its norm."""
    return inputs * outputs * kernel**2 + 2 * outputs


def count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def test_sizes_are_those_of_the_papers() -> None:
    head = 512 * 10 + 10
    plan = (3, 64, 128, 256, 256, 512, 512, 512, 512)
    assert count(models.vgg("vgg11")) == sum(map(conv, plan, plan[1:])) + head
    stages = [conv(64, 64) * 4] + [
        conv(n, 2 * n) + 3 * conv(2 * n, 2 * n) + conv(n, 2 * n, 1) for n in (64, 128, 256)
    ]
    assert count(models.sew_resnet18()) == conv(3, 64) + sum(stages) + head
    deeper = 2 * conv(64, 64) + 4 * conv(128, 128) + 8 * conv(256, 256) + 2 * conv(512, 512)
    assert count(models.sew_resnet34()) == count(models.sew_resnet18()) + deeper


def test_tokens_of_a_transformer() -> None:
    model = models.spikformer(2, 5, width=16, depth=2, heads=4, ratio=3, halvings=3)
    x = (torch.rand(4, 3, 2, 16, 24) < 0.5).float()
    shapes = {}
    for name, layer in model.named_children():
        x = layer(x)
        shapes[name] = tuple(x.shape)
    assert shapes["stem0"] == (4, 3, 4, 16, 24)
    assert shapes["tokens"] == shapes["positions"] == shapes["mixing1"] == (4, 3, 16, 2, 3)
    assert shapes["head"] == (4, 3, 5)
    layers = [conv(2, 4), conv(4, 8), conv(8, 16), 2 * conv(16, 16)]
    layers += 2 * [4 * conv(16, 16, 1), conv(16, 48, 1), conv(48, 16, 1)]
    assert count(model) == sum(layers) + 16 * 5 + 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: models.vgg((8, "pool", 12), 2, 4),
        lambda: models.sew_resnet18(2, 4, width=4),
        lambda: models.vgg((8,), 2, 4, neuron=lambda: st.SlidingPSN(2)),
        lambda: models.spikformer(2, 4, width=16, depth=1, heads=4, ratio=2),
        lambda: models.spikformer(2, 4, width=16, depth=1, heads=4, ratio=2, attention="product"),
    ],
)
def test_networks_learn_a_batch(make: Any) -> None:
    torch.manual_seed(0)
    model = make()
    labels = torch.arange(8) % 4  # two channels with few spikes or many
    rates = torch.tensor([[0.1, 0.1], [0.6, 0.1], [0.1, 0.6], [0.6, 0.6]])[labels]
    x = (torch.rand(3, 8, 2, 16, 16) < rates[:, :, None, None]).float()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        out = model(x)
        assert out.shape == (3, 8, 4)
        loss = nn.functional.cross_entropy(out.mean(0), labels)
        loss.backward()
        losses.append(float(loss.detach()))
        optimizer.step()
    assert losses[-1] < 0.5 * losses[0]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: models.vgg("vgg16"), ValueError, "plan must be vgg5, vgg9, vgg11 or a sequence"),
        (lambda: models.vgg(()), ValueError, "plan must have at least one layer"),
        (lambda: models.vgg((8, "max")), TypeError, r"plan\[1\] must be an integer"),
        (lambda: models.sew_resnet18(0), ValueError, "channels must be >= 1"),
        (lambda: models.sew_resnet18(width=0), ValueError, "width must be >= 1"),
        (lambda: models.vgg("vgg5", neuron=3), TypeError, "neuron must be a function"),
        (
            lambda: models.spikformer(heads=7),
            ValueError,
            "width must be divisible by 7, because of heads",
        ),
        (lambda: models.spikformer(depth=0), ValueError, "depth must be >= 1"),
        (lambda: models.spikformer(attention="soft"), ValueError, "spikformer: attention must be"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("make", "name", "least"),
    [
        (lambda: models.vgg((4, "pool", 4, "pool"), 2, 3), "vgg", 4),
        (lambda: models.vgg((4,), 2, 3), "vgg", 1),
        (lambda: models.sew_resnet18(2, 3, width=4), "sew_resnet18", 1),
        (
            lambda: models.spikformer(2, 3, width=8, depth=1, heads=2, halvings=3),
            "spikformer",
            8,
        ),
    ],
)
def test_the_smallest_images(make: Any, name: str, least: int) -> None:
    model = make()
    assert model(torch.zeros(2, 1, 2, least, least)).shape == (2, 1, 3)
    assert model(input=torch.zeros(2, 1, 2, least, least)).shape == (2, 1, 3)
    assert copy.deepcopy(model)(torch.zeros(2, 1, 2, least, least + 1)).shape == (2, 1, 3)
    if least > 1:
        rule = rf"{name}: x must have images of {least} x {least} pixels or more, because \d pools"
        with pytest.raises(
            ValueError, match=rf"{rule} halve them, got size \({least}, {least - 1}\)"
        ):
            pickle.loads(pickle.dumps(model))(torch.zeros(2, 1, 2, least, least - 1))
