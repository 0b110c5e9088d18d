"""Copies of modules whose weights hooks compute, or that PyTorch has quantized or exported."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support import torch_cases
from tests.support.torch_modules import Lambda
from torch import nn
from torch.nn.utils import prune

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion.load import read_torch
from spikelet.conversion.torch.copies import copy_of
from spikelet.layers.spiking_model import SpikingModel

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning:torch.ao",
    "ignore:torch.ao.quantization is deprecated",
    "ignore:.*LeafSpec:FutureWarning",  # PyTorch's own code, when it exports
)
IMAGE = (4, 6, 5)


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


# --- programs of torch.export, which call ATen's operators ------------------------------------------


def trained(module: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """Return a module in eval mode, whose parameters and statistics are not those of the beginning."""
    torch.manual_seed(3)
    for p in module.parameters():
        nn.init.normal_(p)
    with torch.no_grad():
        module.train()(torch.randn(16, *shape) + 0.3)
    return module.eval()


def exported(module: nn.Module, shape: tuple[int, ...], batch: int = 2) -> nn.Module:
    program: nn.Module = torch.export.export(module, (torch.randn(batch, *shape),)).module()
    return program


def decomposed(module: nn.Module, shape: tuple[int, ...], batch: int = 2) -> nn.Module:
    program = torch.export.export(module, (torch.randn(batch, *shape),)).run_decompositions()
    found: nn.Module = program.module()
    return found


def agrees(module: nn.Module, shape: tuple[int, ...], batch: int = 2) -> None:
    x = np.random.default_rng(0).normal(size=(3, *shape))
    expected = sl.SpikingModel(read_torch(module, shape), dtype="float64").run(x, 1).output
    graph = read_torch(exported(module, shape, batch), shape)
    found = sl.SpikingModel(graph, dtype="float64").run(x, 1).output
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


OPERATORS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "sums": lambda _, x: 1 - (x + x.abs()) * 0.5 / (x.exp() + 1),
    "sums in place": lambda _, x: x.clone().add_(1).relu_(),
    "reductions": lambda _, x: (
        x.mean((2, 3)) + x.sum(-1).amax(-1) + x.std(dim=(2, 3), unbiased=False)
    ),
    "movements": lambda _, x: torch.cat([x.flatten(1), x.transpose(1, 2).reshape(len(x), -1)], 1),
    "slices": lambda _, x: torch.stack([t[..., ::2] for t in x.unbind(1)], 1)[:, :, 1:],
    "indices": lambda _, x: x[:, [2, 0, 0]].repeat_interleave(2, 2),
    "softmax": lambda _, x: x.softmax(1) + x.log_softmax(-1),
    "same": lambda _, x: F.conv2d(x, torch.ones(3, 4, 5, 3), padding="same"),
    "transposed": lambda _, x: F.conv_transpose2d(x, torch.ones(4, 3, 2, 2), stride=2),
    "reflected": lambda _, x: F.pad(F.pad(x, (1, 2, 0, 1), "reflect"), (1, 1, 1, 1), "replicate"),
    "wrapped": lambda _, x: F.pad(x, (1, 2, 0, 1), "circular"),
    "maxima": lambda _, x: F.adaptive_max_pool2d(F.max_pool2d(x, 2, 1), (3, 2)),
    "windows": lambda _, x: F.fold(F.unfold(x, 2), (6, 5), 2),
    "nearest": lambda _, x: F.interpolate(x, size=(11, 7)),
    "nearest, exact": lambda _, x: F.interpolate(x, scale_factor=1.6, mode="nearest-exact"),
    "bilinear": lambda _, x: F.interpolate(x, scale_factor=1.6, mode="bilinear"),
    "corners": lambda _, x: F.interpolate(x, size=(11, 7), mode="bilinear", align_corners=True),
    "bicubic": lambda _, x: F.interpolate(x, size=(11, 7), mode="bicubic"),
    "dropout": lambda m, x: F.dropout(x, 0.5, m.training).relu(),
}


ATEN: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "nearest": lambda x: torch.ops.aten.upsample_nearest2d.default(x, [11, 7]),
    "nearest, scales": lambda x: torch.ops.aten.upsample_nearest2d.default(x, [12, 15], 2.0, 3.0),
    "bilinear": lambda x: torch.ops.aten.upsample_bilinear2d.default(x, [11, 7], False),
    "corners": lambda x: torch.ops.aten.upsample_bilinear2d.default(x, [11, 7], True),
    "by factors": lambda x: torch.ops.aten.upsample_bilinear2d.vec(x, None, False, [2.0, 3.0]),
}


@pytest.mark.parametrize("name", ATEN)
def test_interpolation_by_the_operator_itself(name: str) -> None:
    graph = read_torch(exported(Lambda(lambda _, x: ATEN[name](x)).eval(), IMAGE), IMAGE)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(3, *IMAGE)))
    found = sl.SpikingModel(graph, dtype="float64").run(x.numpy(), 1).output
    np.testing.assert_allclose(found, ATEN[name](x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_of_other_overloads(name: str) -> None:
    agrees(Lambda(OPERATORS[name]).eval(), IMAGE)


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm2d(6),
        nn.BatchNorm2d(6, affine=False),
        nn.InstanceNorm2d(6, affine=True, track_running_stats=True),
        nn.InstanceNorm2d(6, affine=True),
        nn.GroupNorm(2, 6),
        nn.LayerNorm([6, 4, 3]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("batch", [1, 2, 5])
def test_networks_with_normalization(norm: nn.Module, batch: int) -> None:
    module = nn.Sequential(
        nn.Conv2d(4, 6, 3), norm, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(72, 3)
    )
    agrees(trained(module, IMAGE), IMAGE, batch)


def test_transformers_and_parametrisations() -> None:
    agrees(trained(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), (7, 8)), (7, 8))
    orthogonal = nn.utils.parametrizations.orthogonal(nn.Linear(6, 6))
    agrees(trained(nn.Sequential(orthogonal, nn.ReLU(), nn.Linear(6, 2)), (6,)), (6,))


# Those that other operators replace.
CORE = [
    "convolutions: conv1d", "convolutions: conv2d circular", "convolutions: conv3d depthwise",
    "convolutions: transposed 1d", "convolutions: transposed 2d", "convolutions: transposed 3d", "convolutions: weight norm",
    "convolutions: fold", "pools: lp 2d", "pools: max 2d", "pools: adaptive 2d", "activations: 8 SELU", "activations: 7 ELU",
    "activations: 9 CELU", "activations: 10 Softplus", "activations: 12 Mish", "activations: 14 PReLU", "activations: 15 PReLU",
    "activations: 19 RReLU", "activations: 21 Softshrink", "activations: 22 Hardshrink", "activations: 24 Threshold",
    "activations: 25 Threshold", "activations: casts", "activations: prelu of vectors", "sums: matmul stacks", "sums: vector",
    "sums: einsum of weights", "sums: einsum of positions", "movements: pad value", "movements: circular", "movements: written",
    "movements: written constant", "movements: unfold", "normalizations: batch norm 1d", "normalizations: batch norm 3d",
    "normalizations: layer norm of images", "normalizations: group norm", "normalizations: instance norm 1d",
    "normalizations: instance norm 2d", "normalizations: moments", "reductions: logsumexp", "attention: sdpa",
    "attention: sdpa causal", "attention: sdpa masked", "attention: mha causal", "attention: mha sequence first",
    "attention: encoder norm first", "attention: timm attention",
]  # fmt: skip
CASES = torch_cases.cases()


ALONE = ["convolutions: conv1d", "normalizations: instance norm 2d", "attention: mha causal", "sums: vector"]  # fmt: skip


@pytest.mark.parametrize(("name", "batch"), [*((n, 3) for n in CORE), *((n, 1) for n in ALONE)])
def test_core_operators(name: str, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for drawn in ("_values", "_mask"):  # an exported program would draw them itself
        monkeypatch.setattr(torch_cases, drawn, functools.lru_cache(getattr(torch_cases, drawn)))
    function, shape = CASES[name]
    module = function
    if not isinstance(function, nn.Module):
        module = Lambda(lambda _, x: function(x))
    module = trained(module, shape)
    x = torch.randn(batch, *shape, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        wanted = module(x)
    graph = read_torch(decomposed(module, shape, batch), shape)
    found = sl.SpikingModel(graph, dtype="float64").run(x.double(), 1).output
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_parametric_relus_of_decomposed_programs_spike() -> None:
    module = trained(
        nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.PReLU(6), nn.Conv2d(6, 2, 3)), IMAGE
    )
    program = decomposed(module, IMAGE)
    x = torch.randn(60, *IMAGE)
    snn = sl.convert(program, x, steps=32, method="fitted")
    assert len(snn.neurons) == 1
    with torch.no_grad():
        expected = module(x).numpy()
    assert np.abs(snn.run(x).output - expected).mean() < 0.05 * np.abs(expected).mean()


def test_statistics_of_a_batch_are_refused_after_decomposition() -> None:
    module = nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU())
    with pytest.raises(ValueError, match="normalises each batch by itself"):
        read_torch(decomposed(module.train(), IMAGE), IMAGE)


def test_an_exported_network_is_converted_and_not_modified() -> None:
    module = trained(
        nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 2, 3)), IMAGE
    )
    program = exported(module, IMAGE)
    x = torch.randn(60, *IMAGE)
    snn = sl.convert(program, x, steps=32)
    with torch.no_grad():
        expected = module(x).numpy()
    np.testing.assert_allclose(snn.ann.run(x, 1).output, expected, rtol=1e-4, atol=1e-4)
    assert np.abs(snn.run(x).output - expected).mean() < 0.05 * np.abs(expected).mean()
    with pytest.raises(Exception, match=r"(?i)guard|expected|shape"):  # it still checks its inputs
        program(torch.randn(3, *IMAGE).double())


def test_statistics_of_a_batch_are_refused() -> None:
    module = nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.ReLU())
    program = torch.export.export(module.train(), (torch.randn(2, *IMAGE),)).module()
    with pytest.raises(ValueError, match="normalises each batch by itself"):
        read_torch(program, IMAGE)
