"""Spiking modules as ONNX files: the reference evaluator sends the same spikes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.torch_deployed import on_a_grid
from torch import nn
from torch.nn.utils import parametrizations, prune

import spikelet as sl
import spikelet.torch as st
from spikelet import layers as L
from spikelet.torch import OverTime
from spikelet.torch.to_onnx import parts_of

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")


def trained_norms(module: Any) -> Any:
    """Give norms the statistics of a training."""
    for norm in module.modules():
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):
            trained(norm)
    return module


def run(path: Path, x: torch.Tensor) -> np.ndarray[Any, Any]:
    return reference.ReferenceEvaluator(str(path)).run(None, {"x": x.numpy()})[0]


def check(
    net: Any, x: torch.Tensor, folder: Path, rtol: float = 0.0, atol: float = 0.0
) -> np.ndarray[Any, Any]:
    """Compare the file of a network with the network; return the outputs."""
    st.to_onnx(net, folder / "net.onnx", x)
    with torch.no_grad():
        expected: np.ndarray[Any, Any] = net(x).numpy()
    found = run(folder / "net.onnx", x)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol)
    return expected


class Skips(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(6, 12), st.LIF(decay=0.5, v_threshold=0.5))
        self.body = nn.Sequential(nn.Linear(12, 12), st.LIF(decay=0.5, v_threshold=0.5))
        self.last = nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.first(x)
        y = y + self.body(y)
        return self.last(y).mean(0)


def test_a_network_of_everything(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        OverTime(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.MaxPool2d(2)),
        st.LIF(convention="snntorch", beta=0.5),
        st.SEWBlock(nn.Sequential(st.SpikeConv2d(4, 4, 3, padding="same"), st.LIF(decay=0.5))),
        OverTime(nn.AvgPool2d(2)),
        nn.Flatten(2),
        nn.Dropout(0.3),
        st.Delay(16, 9, 4),
        st.RecurrentLIF(9, decay=0.5),
        nn.Linear(9, 3),
        st.LI(decay=0.5),
    )  # fmt: skip
    trained_norms(net)
    on_a_grid(net)
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(2)
    x = (torch.rand(12, 2, 2, 8, 8) < 0.4).float()
    before = copy.deepcopy(net.state_dict())
    st.to_onnx(net.train(), tmp_path / "net.onnx", x)
    assert net.training
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    for given in (x, (torch.rand(20, 3, 2, 8, 8) < 0.4).float()):  # other steps and samples
        with torch.no_grad():
            expected = net.eval()(given).numpy()
        np.testing.assert_allclose(
            run(tmp_path / "net.onnx", given), expected, rtol=1e-6, atol=1e-6
        )
        assert expected.std() > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_forward_of_its_own_with_a_skip_and_a_readout(tmp_path: Path, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    net = on_a_grid(Skips()).to(dtype)
    x = (torch.rand(20, 3, 6) < 0.5).to(dtype)
    expected = check(net, x, tmp_path, rtol=1e-6, atol=1e-7)
    assert expected.shape == (3, 3)
    assert expected.std() > 0


def test_a_network_of_the_zoo(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = trained_norms(st.models.sew_resnet18(classes=5, channels=1, width=4)).double().eval()
    x = torch.rand(3, 2, 1, 8, 8).double()
    check(net, x, tmp_path, rtol=1e-9, atol=1e-9)


def test_held_inputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = on_a_grid(nn.Sequential(nn.Linear(6, 8), st.LIF(decay=0.5, steps=7), nn.Linear(8, 2)))
    x = 3 * torch.rand(4, 6).mul(8).round() / 8
    expected = check(net, x, tmp_path)
    assert expected.shape == (7, 4, 2)


def test_quantized_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = st.quantize(nn.Sequential(nn.Linear(6, 8), st.LIF(decay=0.5), nn.Linear(8, 2)), bits=4)
    x = 3 * torch.rand(10, 4, 6)
    check(net, x, tmp_path, rtol=1e-5, atol=1e-6)


def test_weights_that_are_computed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), st.LIF(decay=0.5), st.SpikeLinear(8, 8), nn.Linear(8, 2))
    parametrizations.weight_norm(net[0])
    parametrizations.spectral_norm(net[2])
    prune.l1_unstructured(net[3], "weight", 0.5)
    x = 3 * torch.rand(10, 4, 6)
    with torch.no_grad():
        net[3].weight_orig.mul_(2.0)
    st.to_onnx(net, tmp_path / "net.onnx", x)
    assert net.training
    with torch.no_grad():
        expected = net.eval()(x).numpy()
    np.testing.assert_allclose(run(tmp_path / "net.onnx", x), expected, rtol=1e-5, atol=1e-6)


KINDS: dict[str, Any] = {
    "lif": lambda: st.LIF(tau_m=5.0),
    "zero": lambda: st.LIF(tau_m=5.0, reset="value", v_reset=-0.25),
    "none": lambda: st.LIF(tau_m=5.0, reset="none"),
    "if": st.IF,
    "gain": lambda: st.LIF(tau_m=5.0, gain="normalized", v_threshold=0.25),
    "current": lambda: st.CubaLIF(tau_m=5.0),
    "adaptive": lambda: st.ALIF(tau_m=5.0, boost=0.5),
    "learned": lambda: st.LIF(learn_tau=True, learn_threshold=True, shape=(8,)),
    "each its own": lambda: st.LIF(tau_m=torch.linspace(2, 9, 8), v_threshold=torch.linspace(0.5, 1.5, 8)),
    "snntorch": lambda: st.LIF(convention="snntorch", beta=0.9),
    "snntorch, to zero": lambda: st.LIF(convention="snntorch", beta=0.9, reset="zero"),
    "spikingjelly": lambda: st.LIF(convention="spikingjelly", v_reset=0.125),
    "spikingjelly, soft": lambda: st.LIF(convention="spikingjelly", v_reset=None, decay_input=False),
    "norse": lambda: st.LIF(convention="norse", v_leak=0.25, v_threshold=0.5),
    "recurrent": lambda: st.RecurrentLIF(8, tau_m=5.0),
    "recurrent, current": lambda: st.RecurrentCubaLIF(8),
    "recurrent, adaptive": lambda: st.RecurrentALIF(8),
    "potential": lambda: st.LI(tau_m=5.0),
    "recorded": lambda: st.LIF(backend="torch"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_neurons(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    neuron = KINDS[kind]()
    if hasattr(neuron, "recurrent"):  # sums of spikes that are exact in any order
        neuron.recurrent.data = (neuron.recurrent.data * 8).round() / 8
    x = 3 * torch.rand(25, 3, 8) - 0.5
    st.to_onnx(nn.Sequential(neuron), tmp_path / "n.onnx", x)
    for given in (x, torch.rand(40, 2, 8)):
        with torch.no_grad():
            expected = neuron(given).numpy()
        found = run(tmp_path / "n.onnx", given)
        if kind == "potential":
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
        else:
            np.testing.assert_array_equal(found, expected)
            assert found.any()


def test_a_neuron_with_its_own_forward_is_refused(tmp_path: Path) -> None:
    class Own(st.LIF):
        def forward(self, x: torch.Tensor, v: Any = None) -> Any:
            return 2 * super().forward(x, v)

    with pytest.raises(ValueError, match=r"module '0' \(Own\): has its own forward"):
        st.to_onnx(nn.Sequential(Own()), tmp_path / "n.onnx", torch.rand(5, 2, 3))


def trained(norm: Any) -> Any:
    with torch.no_grad():
        for name, value in norm.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.5 * (name == "running_var"))
    return norm


VECTORS: dict[str, Any] = {
    "linear": lambda: nn.Linear(6, 4, bias=False),
    "sparse": lambda: st.SpikeLinear(6, 4),
    "delay of synapses": lambda: st.Delay(6, 4, 5),
    "delay of neurons": lambda: st.Delay(6, 4, 5, per="neuron", bias=False),
    "delay of 0": lambda: st.Delay(6, 4, 0),
    "norm": lambda: trained(st.tdBN(6, 0)),
    "functions": lambda: nn.Sequential(nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.Identity(), st.DropoutOverTime()),
    "more functions": lambda: nn.Sequential(nn.GELU(), nn.SiLU(), nn.Hardswish(), nn.ELU(), nn.LeakyReLU()),
    "softmax": lambda: nn.Softmax(-1),
    "log softmax": lambda: nn.LogSoftmax(dim=2),
}  # fmt: skip
IMAGES: dict[str, Any] = {
    "strided": lambda: OverTime(nn.Conv2d(4, 6, 3, stride=2, padding=(1, 0), dilation=(1, 2), groups=2, bias=False)),
    "same": lambda: OverTime(nn.Conv2d(4, 6, (2, 4), padding="same")),
    "valid": lambda: st.SpikeConv2d(4, 6, 3, padding="valid"),
    "norm": lambda: OverTime(trained(nn.BatchNorm2d(4, affine=False))),
    "groups": lambda: OverTime(trained(nn.GroupNorm(2, 4))),
    "plain groups": lambda: OverTime(nn.GroupNorm(4, 4, affine=False)),
    "layer norm": lambda: nn.LayerNorm((8, 8)),
    "layer norm to the threshold": lambda: st.tdLN(4),
    "maximum": lambda: OverTime(nn.MaxPool2d(3, 2, 1, ceil_mode=True)),
    "maximum over time": lambda: st.MaxPool2d(3, 2, 1),
    "maximum of one step": lambda: OverTime(st.MaxPool2d(2)),
    "mean": lambda: OverTime(nn.AvgPool2d(2, padding=1, count_include_pad=False)),
    "whole mean": lambda: nn.Sequential(OverTime(nn.AdaptiveAvgPool2d((1, 1))), nn.Flatten(2)),
    "windows of other sizes": lambda: OverTime(nn.AdaptiveAvgPool2d((3, None))),
    "divisor": lambda: OverTime(nn.AvgPool2d(2, divisor_override=3)),
    "around": lambda: OverTime(nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular")),
    "flat": lambda: OverTime(nn.Flatten(), nn.Linear(4 * 64, 3)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kind", [*((k, False) for k in VECTORS), *((k, True) for k in IMAGES)])
def test_layers(kind: tuple[str, bool], tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = (IMAGES if kind[1] else VECTORS)[kind[0]]().eval()
    x = torch.randn(9, 3, 4, 8, 8) if kind[1] else 3 * torch.randn(9, 3, 6)
    assert check(module, x, tmp_path, rtol=1e-4, atol=1e-5).std() > 0


class Following(nn.Module):
    """Calls a function in its forward."""

    def __init__(self, function: Callable[[Any, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.linear, self.neuron, self.other = nn.Linear(6, 6), st.LIF(), st.IF()
        self.rectifier = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
        self.flat = Flat()
        self.scale = nn.Parameter(torch.rand(6))
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self, x)


def added(y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    y += z
    y *= 2
    return y


def kept(y: torch.Tensor) -> torch.Tensor:
    z = y
    y += 1
    return z


def kept_flat(y: torch.Tensor) -> torch.Tensor:
    z = y.flatten(2)
    z -= 1
    return y


class Flat(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.flatten(x, 2)


def kept_by_a_module(module: Any, y: torch.Tensor) -> torch.Tensor:
    z = module.flat(y)
    z += 1
    return y + z


def rectified(module: Any, y: torch.Tensor) -> torch.Tensor:
    return module.rectifier(y) + y


FORWARDS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "skip": lambda m, x: m.neuron(m.linear(x)) + x,
    "numbers": lambda m, x: 1 - 2 * m.neuron(m.linear(x) / 0.5),
    "parameter": lambda m, x: m.neuron(x * m.scale),
    "joined": lambda m, x: torch.cat([m.neuron(x), m.other(x)], dim=-1),
    "mean": lambda m, x: m.neuron(x).mean(0),
    "sum": lambda m, x: m.neuron(x).sum(dim=0),
    "mean of two axes": lambda m, x: m.neuron(x).mean(-1, keepdim=True).mean(0),
    "in place, read again": lambda m, x: kept(m.neuron(x)),
    "flat in place, read again": lambda m, x: kept_flat(m.neuron(x)),
    "in place in a module": lambda m, x: kept_by_a_module(m, m.neuron(x)),
    "rectified in place": lambda m, x: rectified(m, m.linear(x)),
    "in place": lambda m, x: added(m.neuron(m.linear(x)), m.other(x)),
    "twice": lambda m, x: m.neuron(m.linear(m.neuron(m.linear(x)))),
}


@pytest.mark.parametrize("kind", FORWARDS)
def test_forwards(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Identity(), Following(FORWARDS[kind])).double()
    x = 2 * torch.rand(9, 3, 6).double()
    check(module, x, tmp_path, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("connect", ["add", "and", "iand"])
def test_blocks_and_shared_modules(connect: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    shared = nn.Linear(6, 6)
    block = st.SEWBlock(
        nn.Sequential(shared, st.LIF()), nn.Sequential(shared, st.IF()), connect=connect
    )
    module = nn.Sequential(shared, st.LIF(v_threshold=0.25), block, shared, st.LI()).double()
    x = 3 * torch.rand(20, 3, 6).double()
    check(module, x, tmp_path, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["driven", "product"])
def test_attention_and_shortcuts_of_potentials(kind: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)

    def neuron() -> nn.Module:
        return st.LIF(decay=0.5, v_threshold=0.25)

    attention = trained_norms(st.SpikeAttention(8, 2, kind=kind, neuron=neuron))
    block = st.PotentialShortcut(nn.Sequential(neuron(), attention))
    module = nn.Sequential(block, nn.Flatten(2), nn.Linear(8 * 16, 3)).double().eval()
    x = torch.randn(6, 2, 8, 4, 4).double()
    check(module, x, tmp_path, rtol=1e-9, atol=1e-9)
    with torch.no_grad():
        assert (attention((x > 0).double()).std() > 0).item()


@pytest.mark.parametrize("shape", [(9, 3, 6), (9, 3, 2, 4, 5)])
def test_shapes_are_declared(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Those of the output, with and without time."""
    onnx = pytest.importorskip("onnx")
    rest = list(shape[2:])
    for module, wanted in (
        (Following(lambda m, x: m.neuron(x)), ["T", "B", *rest]),
        (Following(lambda m, x: m.neuron(x).mean(0)), ["B", *rest]),
        (st.LIF(steps=7), ["T", "B", *shape[1:]]),
    ):
        st.to_onnx(module, tmp_path / "n.onnx", torch.rand(shape))
        y = onnx.load(tmp_path / "n.onnx").graph.output[0].type.tensor_type.shape.dim
        assert [d.dim_param or d.dim_value for d in y] == wanted


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.neuron = st.IF()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.neuron(x) if x.sum() > 0 else x


class Pair(Branches):
    def forward(self, x: torch.Tensor) -> Any:
        return self.neuron(x), x


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(st.LIF(return_v=True)), "returns a tuple"),
        (Branches(), "Branches: cannot be traced because its control flow depends on its input"),
        (Pair(), "module: returns a tuple"),
        (nn.Linear(5, 2), "cannot be run on the example"),
        (nn.Sequential(nn.Linear(6, 6), st.IF()).double(), "weight must have the type of example"),
        (st.SEWBlock(st.PSN(5)), r"module 'body' \(PSN\): has parameters for each step"),
        (OverTime(nn.Linear(6, 6), nn.BatchNorm1d(6)), "has never been trained"),
        (
            nn.Sequential(nn.Linear(6, 6), st.LIF(convention="snntorch", beta=0.5, reset_delay=False)),
            r"module '1' \(LIF\): is reset like snnTorch's Leaky with reset_delay=False",
        ),
        (Following(lambda m, x: m.neuron(x)[0]), "mixes steps"),
        (Following(lambda m, x: m.linear(m.neuron(x).mean(0))), "works along dimension 0, which is time"),
        (
            Following(lambda m, x: (m.neuron(x) - m.neuron(x).mean(0)).mean(0)),
            "Following: reads out over time more than once; do so outside",
        ),
        (Following(lambda m, x: m.neuron(x).cumsum(0)), "time"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_named(tmp_path: Path, module: nn.Module, message: str) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=f"to_onnx: .*{message}"):
        st.to_onnx(module, path, torch.rand(5, 3, 6))
    assert path.read_bytes() == b"old"


def test_layers_of_a_spiking_model(tmp_path: Path) -> None:
    model = sl.SpikingModel([L.Linear(np.eye(4, 6)), L.IF(1.0)])
    module = st.from_spiking_model(model)
    x = (torch.rand(5, 3, 6, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    with torch.no_grad():
        module.steps[0].weight.mul_(2)
    assert check(module, x, tmp_path).any()


@pytest.mark.parametrize(
    ("module", "example", "error", "message"),
    [
        (3, torch.rand(5, 3, 6), TypeError, "module must be a torch.nn.Module"),
        (st.IF(), np.zeros((5, 3, 6)), TypeError, "example must be a torch.Tensor"),
        (st.IF(), torch.zeros(5, 3, 6).half(), TypeError, "example must be float32 or float64"),
        (
            st.IF(),
            torch.zeros(0, 3, 6),
            ValueError,
            "example must be .* at least one step and sample",
        ),
        (
            st.IF(),
            torch.zeros(5, 0, 6),
            ValueError,
            "example must be .* at least one step and sample",
        ),
        (st.IF(), torch.zeros(5), ValueError, "example must be"),
    ],
)
def test_bad_arguments_are_refused(
    tmp_path: Path, module: Any, example: Any, error: Any, message: str
) -> None:
    with pytest.raises(error, match=f"to_onnx: {message}"):
        st.to_onnx(module, tmp_path / "net.onnx", example)
    assert not (tmp_path / "net.onnx").exists()


def test_networks_that_no_file_holds_are_refused_before_they_are_copied(tmp_path: Path) -> None:
    with torch.device("meta"):
        net = nn.Sequential(nn.Linear(6, 2**27), nn.Linear(2**27, 2))
    with pytest.raises(ValueError, match=r"has parameters of [0-9]+ bytes, more than an ONNX file"):
        st.to_onnx(net, tmp_path / "net.onnx", torch.rand(5, 3, 6))
    assert not list(tmp_path.iterdir())


def normed(features: int) -> Any:
    norm = st.TEBN(features, 9, 2)
    with torch.no_grad():
        norm.norm.layer.running_mean.uniform_(-0.5, 0.5)
        norm.norm.layer.running_var.uniform_(0.5, 1.5)
        norm.scale.uniform_(0.5, 1.5)
    return norm


MODULES: dict[str, Any] = {
    "parallel": lambda: st.PSN(9),
    "masked": lambda: st.MaskedPSN(9, 3),
    "sliding": lambda: st.SlidingPSN(3),
    "norm of steps": lambda: normed(4),
    "between others": lambda: nn.Sequential(
        st.OverTime(nn.Conv2d(4, 6, 3)), normed(6), st.PSN(9), st.MaxPool2d(2), nn.Flatten(2),
        nn.Linear(54, 8), st.LIF(decay=0.5), st.SlidingPSN(2), nn.Linear(8, 3), st.LI(decay=0.5),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_modules_of_several_steps(kind: str, dtype: torch.dtype, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = MODULES[kind]().to(dtype).eval()
    x = 2 * torch.randn(9, 3, 4, 8, 8, dtype=dtype)
    st.to_onnx(module, tmp_path / "n.onnx", x)
    with torch.no_grad():
        expected = module(x).numpy()
    found = reference.ReferenceEvaluator(str(tmp_path / "n.onnx")).run(None, {"x": x.numpy()})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0


def test_parts_keep_their_names() -> None:
    parts = parts_of(nn.Sequential(nn.Identity(), st.LIF(), st.PSN(3), nn.ReLU()))
    assert [list(dict(p.named_children())) for p in parts] == [["0", "1"], [], ["3"]]
