"""Copies of modules whose weights hooks compute, or that PyTorch has quantized."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.torch_modules import Lambda
from torch import nn
from torch.nn.utils import prune

from spikelet import layers as L
from spikelet.conversion.from_torch import read_torch
from spikelet.conversion.torch.copies import copy_of
from spikelet.layers.spiking_model import SpikingModel

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning:torch.ao", "ignore:torch.ao.quantization is deprecated"
)


def test_a_pruned_module() -> None:
    torch.manual_seed(0)
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


def quantized(module: nn.Module, dtype: Any = torch.qint8) -> nn.Module:
    kinds = {nn.Linear, nn.LSTM, nn.GRU}
    found: nn.Module = torch.ao.quantization.quantize_dynamic(module.eval(), kinds, dtype)
    return found


@pytest.mark.parametrize(("dtype", "within"), [(torch.qint8, 0.01), (torch.float16, 1e-3)])
def test_linear_layers_are_read_with_their_weights(dtype: Any, within: float) -> None:
    torch.manual_seed(0)
    fc = nn.Linear(16, 16)
    net = nn.Sequential(
        OrderedDict(a=nn.Linear(8, 16), r=nn.ReLU(), b=fc, again=fc, c=nn.Linear(16, 4, bias=False))
    )
    module = quantized(net, dtype)
    graph = read_torch(module, (8,))
    assert [(n.name, type(n.layer)) for n in graph] == [
        ("a", L.Linear), ("r", L.ReLU), ("b", L.Linear), ("again", L.Linear), ("c", L.Linear),
    ]  # fmt: skip
    weight: Any = graph["a"].layer
    stored = module.a.weight()
    stored = stored.dequantize() if stored.is_quantized else stored
    np.testing.assert_array_equal(weight.weight, stored.numpy())
    x = torch.randn(50, 8)
    with torch.no_grad():
        wanted = module(x).numpy()
    found = SpikingModel(graph).run(x.numpy(), steps=1).output
    assert np.abs(found - wanted).max() < 3 * within * np.abs(wanted).max()
    assert type(module.a).__module__.startswith("torch.ao.")  # it is not modified


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrent_layers_may_stay_in_pytorch(kind: Any) -> None:
    torch.manual_seed(1)
    rnn = kind(4, 3, 2, batch_first=True, bidirectional=True)
    module = quantized(Lambda(lambda m, x: m.fc(m.rnn(x)[0]), rnn=rnn, fc=nn.Linear(6, 2)))
    with pytest.raises(ValueError, match=rf'layer \'rnn\' \({kind.__name__}\): .*recurrent.*keep=\["rnn"\]'):  # fmt: skip
        read_torch(module, (5, 4))
    graph = read_torch(module, (5, 4), keep=["rnn"])
    x = torch.randn(20, 5, 4)
    with torch.no_grad():
        wanted = module(x).numpy()
    found = SpikingModel(graph).run(x.numpy(), steps=1).output
    assert np.abs(found - wanted).max() < 0.03 * np.abs(wanted).max()


def test_a_quantized_module_alone() -> None:
    module = quantized(nn.Sequential(nn.Linear(3, 2)))[0]  # type: ignore[index]
    assert [type(n.layer) for n in read_torch(module, (3,))] == [L.Linear]


def test_others_are_refused_with_the_way_out() -> None:
    static = nn.Sequential(torch.ao.quantization.QuantStub(), nn.Linear(3, 2)).eval()
    static.qconfig = torch.ao.quantization.get_default_qconfig("x86")
    prepared = torch.ao.quantization.prepare(static)
    prepared(torch.randn(8, 3))
    with pytest.raises(
        ValueError,
        match=r"^read_torch: layer '0' \(Quantize\): is quantized \(torch\.ao\.nn\.quantized\); pass the float module",
    ):
        read_torch(torch.ao.quantization.convert(prepared), (3,))
    cell = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.GRUCell(3, 2)), {nn.GRUCell})
    with pytest.raises(ValueError, match=r"layer '0' \(GRUCell\): is quantized .*pass the float"):
        read_torch(cell, (3,))
    with pytest.raises(ValueError, match="part of a quantized module: pass the float module"):
        read_torch(Lambda(lambda _, x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)), (3,))
