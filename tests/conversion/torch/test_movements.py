"""PyTorch's operators that move values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet import layers as L
from spikelet.conversion.load import read_torch
from spikelet.layers.spiking_model import SpikingModel


def kinds(function: Any, shape: tuple[int, ...]) -> list[type]:
    return [type(n.layer) for n in read_torch(Lambda(function, fc=nn.Linear(12, 2)), shape)]


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: m.fc(x.flatten(1)),
        lambda m, x: m.fc(torch.flatten(x, start_dim=1)),
        lambda m, x: m.fc(x.view(-1, 12)),
        lambda m, x: m.fc(x.reshape(x.shape[0], x.shape[1] * 4)),
        lambda m, x: m.fc(x.view(len(x), -1)),
        lambda m, x: m.fc(x.view(x.size()[0], -1)),
        lambda m, x: F.linear(x.flatten(1), m.fc.weight, m.fc.bias),
        lambda m, x: m.fc(x.float().flatten(1)),
        lambda m, x: m.fc(F.adaptive_avg_pool2d(x, (None, 2)).flatten(1)),
    ],
)
def test_ways_to_flatten(function: Any) -> None:
    assert kinds(function, (3, 2, 2))[-2:] == [L.Flatten, L.Linear]


def test_places_of_a_tensor_are_one_layer_each() -> None:
    for function, expected in (
        (lambda _, x: x.permute(0, 2, 3, 1), [L.Permute]),
        (lambda _, x: x[:, 1:, ::2], [L.Slice]),
        (lambda _, x: F.pad(x, (1, 2)), [L.Pad]),
        (lambda _, x: x.roll(1, 1), [L.Take]),
        (lambda _, x: torch.cat([x, x], 2), [L.Concat]),
        (lambda _, x: F.interpolate(x, scale_factor=2), [L.Upsample]),
    ):
        assert kinds(function, (4, 6, 5)) == expected


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda _, x: x.transpose(0, 1).reshape(6, 4, 4),
            r"^read_torch: output: interleaves the samples of the batch along dimension 0; split this dimension",
        ),
        (
            lambda _, x: x.transpose(0, 1).reshape(24, 4),
            r"'reshape' .*mixes the samples of a batch",
        ),
        (lambda _, x: x.reshape(3, -1), r"'reshape' .*mixes the samples of a batch"),
        (
            lambda _, x: torch.cat([x, x]),
            r"layer 'cat' \(cat\): works along dimension 0, which is the batch",
        ),
        (lambda _, x: x[0], r"layer 'getitem' .*mixes the samples"),
        (lambda _, x: torch.ones(9)[x.long()], r"layer 'long' \(long\): "),
        (lambda _, x: F.interpolate(x, (3, 3), mode="bilinear", antialias=True), "antialias=False"),
    ],
)
def test_what_mixes_samples_is_refused(function: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kinds(function, (3, 4, 4))


class Sequences(nn.Module):
    """Attention with the sequence first, whose heads join the batch in a view."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(8, 8) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.transpose(0, 1)
        n, batch, size = x.shape
        q, k, v = (
            f(x).contiguous().view(n, batch * 2, 4).transpose(0, 1)
            for f in (self.q, self.k, self.v)
        )
        y = (q @ k.transpose(1, 2)).softmax(-1) @ v
        return y.transpose(0, 1).contiguous().view(n, batch, size).transpose(0, 1)


def test_views_of_tensors_with_the_batch_behind() -> None:
    module = Sequences().eval()
    x = torch.randn(3, 7, 8)
    found = SpikingModel(read_torch(module, (7, 8)), dtype="float64").run(x, 1).output
    np.testing.assert_allclose(found, module(x).detach(), atol=1e-6)
