"""Modules, functions and methods of PyTorch as layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.support.ann_zoo import SHAPE, trained
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet import layers as L
from spikelet.conversion.folding import fold
from spikelet.conversion.from_torch import read_torch


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, (2, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_same_padding_of_any_kernel(kernel: Any, dilation: int) -> None:
    module = trained(nn.Conv2d(3, 4, kernel, padding="same", dilation=dilation))
    graph = read_torch(module, SHAPE)
    assert graph.shapes(SHAPE)[graph.output.name] == (4, 9, 8)


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: m.fc(x.flatten(1)),
        lambda m, x: m.fc(torch.flatten(x, start_dim=1)),
        lambda m, x: m.fc(x.view(-1, 12)),
        lambda m, x: m.fc(x.reshape(x.shape[0], x.shape[1] * 4)),
        lambda m, x: m.fc(x.view(len_of(x), -1)),
        lambda m, x: F.linear(x.flatten(1), m.fc.weight, m.fc.bias),
        lambda m, x: m.fc(x.float().flatten(1)),
        lambda m, x: m.fc(x.flatten(2).unsqueeze(1).flatten(1)),
        lambda m, x: m.fc(F.adaptive_avg_pool2d(x, (None, 2)).flatten(1)),
    ],
)
def test_ways_to_flatten(function: Any) -> None:
    graph = read_torch(Lambda(function, fc=nn.Linear(12, 2)), (3, 2, 2))
    assert [type(n.layer) for n in graph][-2:] == [L.Flatten, L.Linear]


def len_of(x: Any) -> Any:
    return x.size()[0]


def test_buffers_that_normalise_are_affine() -> None:
    module = Lambda(lambda m, x: m.c((x - m.mean.weight[:, :, None, None][0]) * 2), c=nn.Conv2d(3, 1, 1),
                    mean=nn.Embedding(1, 3))  # fmt: skip
    graph = fold(read_torch(module, SHAPE))
    assert [type(n.layer) for n in graph] == [L.Conv2d]
