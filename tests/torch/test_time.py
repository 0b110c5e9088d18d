"""Layers without time are applied to all steps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spikelet.torch import OverTime


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
