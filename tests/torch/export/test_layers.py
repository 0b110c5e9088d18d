"""Layers without a state in ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import spikelet.torch as st
from spikelet.torch import OverTime

reference = pytest.importorskip("onnx.reference")

from spikelet.torch.export.layers import LAYERS  # needs onnx


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
    "norm of steps": lambda: trained(st.TEBN(6, 9, 0)),
    "parallel": lambda: st.PSN(9),
    "masked": lambda: st.MaskedPSN(9, 3),
    "sliding": lambda: st.SlidingPSN(3),
    "functions": lambda: nn.Sequential(nn.ReLU(), nn.Sigmoid(), nn.Tanh(), nn.Identity(), st.DropoutOverTime()),
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
    "flat": lambda: OverTime(nn.Flatten(), nn.Linear(4 * 64, 3)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kind", [*((k, False) for k in VECTORS), *((k, True) for k in IMAGES)])
def test_layers(kind: tuple[str, bool], tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = (IMAGES if kind[1] else VECTORS)[kind[0]]().eval()
    x = torch.randn(9, 3, 4, 8, 8) if kind[1] else 3 * torch.randn(9, 3, 6)
    st.to_onnx(module, tmp_path / "n.onnx", x)
    with torch.no_grad():
        expected = module(x).numpy()
    found = reference.ReferenceEvaluator(str(tmp_path / "n.onnx")).run(None, {"x": x.numpy()})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 0


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (OverTime(nn.Conv2d(4, 6, 3, padding_mode="circular")), "has padding_mode='circular'"),
        (OverTime(nn.BatchNorm2d(4, track_running_stats=False)), "has no running statistics"),
        (OverTime(nn.AdaptiveAvgPool2d(2)), "has output_size=2"),
        (
            OverTime(nn.AdaptiveAvgPool2d((None, 1))),
            r"has output_size=\(None, 1\); use output_size=1",
        ),
        (OverTime(nn.AvgPool2d(2, divisor_override=3)), "has divisor_override=3; use None"),
        (nn.Flatten(0), "flatten whole samples"),
        (OverTime(nn.Softmax()), "has no dim"),
    ],
)
@pytest.mark.filterwarnings("ignore:Implicit dimension")
def test_layers_that_cannot_be_written(module: nn.Module, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        st.to_onnx(module, tmp_path / "n.onnx", torch.rand(3, 2, 4, 8, 8))


def test_a_convolution_needs_over_time() -> None:
    with pytest.raises(ValueError, match="takes a tensor of 5 dimensions; put it into OverTime"):
        LAYERS[nn.Conv2d](None, "here", nn.Conv2d(4, 6, 3), "x", 5)  # type: ignore[arg-type]
