"""Copies of modules whose weights hooks compute."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from spikelet.conversion.torch.copies import copy_of


def test_a_pruned_module() -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2))
    prune.l1_unstructured(net[0], "weight", 0.5)
    x = torch.rand(3, 6)
    twin = copy_of(net)
    torch.testing.assert_close(twin(x), net(x), rtol=0, atol=0)
    before = net(x).detach()
    with torch.no_grad():  # as an optimizer: the weight follows at the next forward pass
        twin[0].weight_orig.mul_(2)
        net[0].weight_orig.mul_(-1)
    assert not torch.equal(twin(x), before)
    torch.testing.assert_close(copy_of(net)(x), net(x), rtol=0, atol=0)


def test_a_weight_of_a_hook() -> None:
    with pytest.warns(FutureWarning, match="weight_norm"):
        net = nn.utils.weight_norm(nn.Linear(6, 4))
    x = torch.rand(3, 6)
    torch.testing.assert_close(copy_of(net)(x), net(x), rtol=0, atol=0)


def test_a_shared_module_stays_shared() -> None:
    part = nn.Linear(3, 3)
    twin = copy_of(nn.Sequential(part, part))
    assert twin[0] is twin[1]
    assert twin[0] is not part
