"""PyTorch modules as graphs: the values, the names, and what is refused."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.support.ann_zoo import SHAPE, ResNet, trained, zoo
from tests.support.torch_modules import Lambda
from torch import nn

from spikelet import layers as L
from spikelet.conversion.folding import fold
from spikelet.conversion.load import read_torch
from spikelet.layers.spiking_model import SpikingModel


@pytest.mark.parametrize("name", sorted(zoo()))
def test_a_graph_gives_what_the_module_gives(name: str) -> None:
    module = zoo()[name]
    x = torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    graph = read_torch(module, SHAPE)
    expected = copy.deepcopy(module).eval().double()(x).detach()
    for g in (graph, fold(graph)):
        y = SpikingModel(g, dtype="float64").run(x, steps=1).output
        torch.testing.assert_close(torch.tensor(y), expected, rtol=1e-9, atol=1e-11)
    # Before a sum of "shared", BatchNorm has no adjacent weights of its own to fold into.
    assert name == "shared" or len(fold(graph)) < len(graph)


def test_the_module_is_not_changed() -> None:
    module = trained(ResNet("B")).train()
    module.blocks[0].eval()  # type: ignore[operator]
    called: list[Any] = []
    module.fc.register_forward_hook(lambda *_: called.append(1))  # type: ignore[union-attr]
    flags = [m.training for m in module.modules()]
    state = {k: v.clone() for k, v in module.state_dict().items()}
    random = torch.get_rng_state()
    read_torch(module, SHAPE)
    assert [m.training for m in module.modules()] == flags
    assert all(p.requires_grad and p.dtype is torch.float32 for p in module.parameters())
    for k, v in module.state_dict().items():
        torch.testing.assert_close(v, state[k], rtol=0, atol=0)
    torch.testing.assert_close(torch.get_rng_state(), random)
    before = len(called)
    module.eval()(torch.rand(1, *SHAPE))
    assert len(called) == before + 1


def test_a_single_layer_is_a_graph() -> None:
    assert [type(n.layer) for n in read_torch(nn.Linear(4, 2), (4,))] == [L.Linear]


# --- refusals ----------------------------------------------------------------------------------


class Gate(nn.Module):
    def forward(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


def nan() -> nn.Module:
    conv = nn.Conv2d(3, 2, 1)
    with torch.no_grad():
        conv.weight[0, 0] = float("nan")
    return nn.Sequential(nn.Identity(), conv)


def infinite() -> nn.Module:
    module = trained(nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2)))
    module[1].running_var[1] = float("inf")  # type: ignore[index,operator]
    return module


def inner(layer: Any) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.ReLU(), layer))


REFUSED: dict[str, tuple[Any, str]] = {
    "steps": (inner(Lambda(lambda m, x: x.sign())), r"layer '1\.1\.sign' \(sign\): .*steps"),
    "sorting": (Lambda(lambda m, x: x.topk(2)[0]), r"layer 'topk' \(topk\): .*result\.output"),
    "batch": (Lambda(lambda m, x: x.reshape(3, -1)), r"'reshape' .*mixes the samples of a batch"),
    "cat batch": (Lambda(lambda m, x: torch.cat([x, x])), r"layer 'cat' \(cat\): .*which is the batch"),
    "random": (Lambda(lambda m, x: F.dropout(x.relu())), r"layer 'dropout'.*self\.training"),
    "control flow": (nn.Sequential(nn.ReLU(), Gate()), r"module '1' \(Gate\): .*control flow"),
    "nan": (nan(), r"layer '1' \(Conv2d\): .*weight must not contain NaN at index \(0, 0, 0, 0\)"),
    "infinite": (infinite(), r"layer '1' \(BatchNorm2d\): .*running_var must be finite"),
    "untrained": (inner(nn.BatchNorm2d(4)), r"'1\.1' \(BatchNorm2d\): has never been trained"),
    "no statistics": (
        inner(nn.BatchNorm2d(4, track_running_stats=False)),
        r"'1\.1' \(BatchNorm2d\): has no running statistics",
    ),
    "shape": (nn.Sequential(nn.ReLU(), nn.Conv2d(4, 2, 1)), r"'1' \(Conv2d\): cannot take .*3, 9"),
    "nothing": (nn.Identity(), r"the input itself"),
    "no input": (Lambda(lambda m, x: torch.zeros(2, 3)), r"output must be a tensor that depends"),
    "lazy": (nn.Sequential(nn.LazyConv2d(2, 1)), r"'0\.weight': has no shape yet"),
    "recurrent": (nn.Sequential(nn.Flatten(2), nn.LSTM(72, 4)), r"'1' \(LSTM\): .*recurrent.*keep=\[\"1\"\]"),
    "sequence first": (
        nn.Sequential(nn.Flatten(2), nn.TransformerEncoderLayer(72, 4, 8)),
        r"'1.self_attn' .*which is the batch.*batch_first=True",
    ),
    "tokens": (nn.Sequential(nn.Flatten(), nn.Embedding(5, 2)), r"layer '1' \(Embedding\): .*embedded values"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_converted_is_refused_with_its_name(name: str) -> None:
    module, message = REFUSED[name]
    with pytest.raises(ValueError, match=r"(?s)" + message):
        read_torch(module, SHAPE)


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(TypeError, match=r"torch\.nn\.Module, got int"):
        read_torch(3, SHAPE)
    with pytest.raises(TypeError, match="example_shape"):
        read_torch(nn.ReLU(), 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="example_shape must be >= 1"):
        read_torch(nn.ReLU(), (3, 0))


def test_one_sample_in_place_of_several_is_named():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(72, 2))
    rule = r"calibration, whose first axis counts samples\); got \(8, 8\)"
    with pytest.raises(ValueError, match=rule):
        read_torch(network, (8, 8))
