"""Operators that stay in PyTorch."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet import layers as L
from spikelet.conversion.from_torch import read_torch
from spikelet.layers.spiking_model import SpikingModel

LSTM = nn.LSTM(4, 3, batch_first=True)


@pytest.mark.parametrize(
    ("function", "analog"),
    [
        (lambda m, x: x.sort(dim=1)[0] * 2, "sort"),
        (lambda m, x: torch.sort(x.permute(1, 0, 2), 0).values.permute(1, 2, 0), "sort"),
        (lambda m, x: m.rnn(m.fc(x))[0].relu(), "rnn"),
        (lambda m, x: m.fc(torch.take_along_dim(x, x.argsort(1), 1)), ["argsort", "take_along_dim"]),
        (lambda m, x: x.flatten(0, 1).sort(-1)[0].view(x.shape), "sort"),
        (lambda m, x: x.mT.permute(2, 0, 1).flatten(0, 1).sort(-1)[0].view(5, -1, 4).permute(1, 0, 2), "sort"),
    ],
)  # fmt: skip
def test_a_named_layer_runs_in_pytorch(function: Any, analog: Any) -> None:
    module = Lambda(function, rnn=LSTM, fc=nn.Linear(4, 4))
    with pytest.raises(ValueError, match=r'or keep it analog, run by PyTorch: keep=\["\w+"\]'):
        read_torch(module, (5, 4))
    graph = read_torch(module, (5, 4), keep=[analog] if isinstance(analog, str) else analog)
    assert L.Foreign in [type(n.layer) for n in graph]
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        wanted = module(x).numpy()
    found = SpikingModel(graph, dtype="float64").run(x.double(), steps=1).output
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_layer_that_can_be_converted_is_no_foreign_one() -> None:
    graph = read_torch(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), (4,), keep=["1"])
    assert [type(n.layer) for n in graph] == [L.Linear, L.ReLU]


def test_samples_stay_apart_there_too() -> None:
    module = Lambda(lambda _, x: x.sort(dim=0)[0] * 1)
    with pytest.raises(ValueError, match=r"layer 'sort' \(sort\): mixes the samples of a batch"):
        read_torch(module, (4,), keep=["sort"])


def test_names_must_be_those_of_layers() -> None:
    body = nn.Sequential(OrderedDict(fc=nn.Linear(4, 4), act=nn.ReLU()))
    module = nn.Sequential(OrderedDict(body=body, fc=nn.Linear(4, 2)))
    rule = r"must name layers or modules; the nearest is 'body\.act'"
    with pytest.raises(ValueError, match=rf"^read_torch: analog {rule}, got 'act'$"):
        read_torch(module, (4,), keep=["act"])


def test_what_no_layer_takes_is_refused() -> None:
    pool = nn.MaxPool2d(2, return_indices=True)
    unpooled = Lambda(lambda m, x: nn.functional.max_unpool2d(*m.pool(x), 2), pool=pool)
    with pytest.raises(ValueError, match="takes the indices of another operator"):
        read_torch(unpooled, (3, 4, 4), keep=["max_unpool2d"])
    spectrum = Lambda(lambda _, x: torch.fft.rfft(x).abs())
    with pytest.raises(ValueError, match=r"\(fft_rfft\): gives complex numbers"):
        read_torch(spectrum, (3, 8), keep=["fft_rfft"])
