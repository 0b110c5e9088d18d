"""Spiking modules as ONNX files: the reference evaluator sends the same spikes."""

from __future__ import annotations

import copy
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

onnx = pytest.importorskip("onnx")
reference = pytest.importorskip("onnx.reference")


def run(path: Path, x: torch.Tensor) -> np.ndarray[Any, Any]:
    return reference.ReferenceEvaluator(str(path)).run(None, {"x": x.numpy()})[0]


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
    st.to_onnx(net, tmp_path / "net.onnx", x)
    with torch.no_grad():
        expected = net(x).numpy()
    found = run(tmp_path / "net.onnx", x)
    assert found.dtype == expected.dtype
    assert found.shape == (3, 3)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    assert expected.std() > 0


def test_a_network_of_the_zoo(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = st.models.sew_resnet18(classes=5, channels=1, width=4).double().eval()
    x = torch.rand(3, 2, 1, 8, 8).double()
    st.to_onnx(net, tmp_path / "net.onnx", x)
    with torch.no_grad():
        expected = net(x).numpy()
    np.testing.assert_allclose(run(tmp_path / "net.onnx", x), expected, rtol=1e-9, atol=1e-9)


def test_held_inputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = on_a_grid(nn.Sequential(nn.Linear(6, 8), st.LIF(decay=0.5, steps=7), nn.Linear(8, 2)))
    x = 3 * torch.rand(4, 6).mul(8).round() / 8
    st.to_onnx(net, tmp_path / "net.onnx", x)
    with torch.no_grad():
        expected = net(x).numpy()
    assert expected.shape == (7, 4, 2)
    np.testing.assert_array_equal(run(tmp_path / "net.onnx", x), expected)


def test_quantised_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = st.quantise(nn.Sequential(nn.Linear(6, 8), st.LIF(decay=0.5), nn.Linear(8, 2)), bits=4)
    x = 3 * torch.rand(10, 4, 6)
    st.to_onnx(net, tmp_path / "net.onnx", x)
    with torch.no_grad():
        expected = net(x).numpy()
    np.testing.assert_allclose(run(tmp_path / "net.onnx", x), expected, rtol=1e-5, atol=1e-6)


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


class Branches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.neuron = st.IF()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.neuron(x) if x.sum() > 0 else x


class Cosine(Branches):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.neuron(x).cos()


class Pair(Branches):
    def forward(self, x: torch.Tensor) -> Any:
        return self.neuron(x), x


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Sequential(nn.Linear(6, 6), nn.GELU()), r"module '1' \(GELU\): cannot be written; use"),
        (nn.Sequential(st.LIF(return_v=True)), "returns a tuple"),
        (Branches(), "Branches: has a forward that cannot be followed"),
        (Cosine(), "Cosine: calls cos; use nn.Sequential"),
        (Pair(), "module: returns a tuple"),
        (nn.Linear(5, 2), "cannot be run on the example"),
        (nn.Sequential(nn.Linear(6, 6), st.IF()).double(), "weight must have the type of example"),
    ],
)
def test_what_cannot_be_written_is_named(tmp_path: Path, module: nn.Module, message: str) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=f"to_onnx: .*{message}"):
        st.to_onnx(module, path, torch.rand(5, 3, 6))
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize("wrap", [lambda m: m, nn.Sequential])
def test_layers_of_a_spiking_model_are_refused_with_a_way_out(tmp_path: Path, wrap: Any) -> None:
    """And the way out works: the model has the trained values, and can be saved."""
    model = sl.SpikingModel([L.Linear(np.eye(4, 6)), L.IF(1.0)])
    module = st.from_spiking_model(model)
    x = (torch.rand(5, 3, 6, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    message = r"\(?SpikingModule\)?: runs the layers of a SpikingModel .*; st.to_spiking_model"
    with pytest.raises(ValueError, match=f"^to_onnx: .*{message}"):
        st.to_onnx(wrap(module), tmp_path / "net.onnx", x)
    assert not (tmp_path / "net.onnx").exists()
    with torch.no_grad():
        module.steps[0].weight.mul_(2)
    st.to_spiking_model(module, (6,)).save(tmp_path / "net.spk")
    found = sl.SpikingModel.load(tmp_path / "net.spk").run(x.numpy()).output
    np.testing.assert_allclose(found, module(x).mean(0).detach().numpy(), rtol=1e-6)
    assert found.any()


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
    with pytest.raises(
        ValueError, match=r"has parameters of [0-9]+ bytes, more than a file of ONNX"
    ):
        st.to_onnx(net, tmp_path / "net.onnx", torch.rand(5, 3, 6))
    assert not list(tmp_path.iterdir())
