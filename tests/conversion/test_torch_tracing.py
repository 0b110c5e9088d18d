"""Modules of PyTorch are traced call by call."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.ann_zoo import SHAPE, ResNet, trained, zoo
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet import layers as L
from spikelet.conversion.from_torch import read_torch


def test_layers_are_called_as_in_the_module() -> None:
    graph = read_torch(trained(ResNet("B")), SHAPE)
    names = [node.name for node in graph]
    assert names[:4] == ["conv1", "bn1", "relu", "blocks.0.conv1"]
    assert {"blocks.0.relu", "blocks.0.relu_1", "blocks.0.add", "blocks.1.down.0"} <= set(names)
    assert graph["blocks.0.add"].inputs == ("blocks.0.bn2", "relu")
    assert names[-3:] == ["mean.pool", "mean", "fc"]


def test_a_shared_module_is_a_layer_for_each_call() -> None:
    graph = read_torch(zoo()["shared"], SHAPE)
    convs = [n for n in graph if isinstance(n.layer, L.Conv2d)]
    assert [n.name for n in convs] == ["conv", "conv_1", "conv_2"]
    np.testing.assert_array_equal(convs[0].layer.weight, convs[2].layer.weight)
    assert sum(isinstance(n.layer, L.ReLU) for n in graph) == 4


def test_layers_that_do_not_lead_to_the_output_are_ignored() -> None:
    def forward(m: Any, x: Any) -> Any:
        torch.sigmoid(m.b(x))
        return m.a(x)

    module = Lambda(forward, a=nn.Conv2d(3, 2, 1), b=nn.Conv2d(3, 2, 1))
    assert [n.name for n in read_torch(module, SHAPE)] == ["a"]


@pytest.mark.parametrize("make", [lambda x: (x, x), lambda x: {"y": x}, lambda x: [x]])
def test_an_output_is_one_tensor(make: Any) -> None:
    with pytest.raises(TypeError, match="output must be one tensor"):
        read_torch(Lambda(lambda m, x: make(x.relu())), SHAPE)
