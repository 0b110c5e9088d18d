"""Containers, and modules whose forward is followed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import spikelet.torch as st

reference = pytest.importorskip("onnx.reference")


class Following(nn.Module):
    """Calls a function in its forward."""

    def __init__(self, function: Callable[[Any, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.linear, self.neuron, self.other = nn.Linear(6, 6), st.LIF(), st.IF()
        self.scale = nn.Parameter(torch.rand(6))
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(self, x)


FORWARDS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "sum": lambda m, x: m.neuron(m.linear(x)) + x,
    "numbers": lambda m, x: 1 - 2 * m.neuron(m.linear(x) / 0.5),
    "parameter": lambda m, x: m.neuron(x * m.scale),
    "joined": lambda m, x: torch.cat([m.neuron(x), m.other(x)], dim=-1),
    "mean": lambda m, x: m.neuron(x).mean(0),
    "sum of two": lambda m, x: m.neuron(x).sum((0, -1), keepdim=True),
    "flat": lambda m, x: torch.flatten(m.neuron(x), 1),
    "twice": lambda m, x: m.neuron(m.linear(m.neuron(m.linear(x)))),
}


@pytest.mark.parametrize("kind", FORWARDS)
def test_forwards(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Identity(), Following(FORWARDS[kind])).double()
    x = 2 * torch.rand(9, 3, 6).double()
    st.to_onnx(module, tmp_path / "n.onnx", x)
    with torch.no_grad():
        expected = module(x).numpy()
    found = reference.ReferenceEvaluator(str(tmp_path / "n.onnx")).run(None, {"x": x.numpy()})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    assert found.shape == expected.shape


@pytest.mark.parametrize("connect", ["add", "and", "iand"])
def test_blocks_and_shared_modules(connect: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    shared = nn.Linear(6, 6)
    block = st.SEWBlock(
        nn.Sequential(shared, st.LIF()), nn.Sequential(shared, st.IF()), connect=connect
    )
    module = nn.Sequential(shared, st.LIF(v_threshold=0.25), block, shared, st.LI()).double()
    x = 3 * torch.rand(20, 3, 6).double()
    st.to_onnx(module, tmp_path / "n.onnx", x)
    with torch.no_grad():
        expected = module(x).numpy()
    found = reference.ReferenceEvaluator(str(tmp_path / "n.onnx")).run(None, {"x": x.numpy()})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["driven", "product"])
def test_attention_and_shortcuts_of_potentials(kind: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)

    def neuron() -> nn.Module:
        return st.LIF(decay=0.5, v_threshold=0.25)

    attention = st.SpikeAttention(8, 2, kind=kind, neuron=neuron)
    block = st.PotentialShortcut(nn.Sequential(neuron(), attention))
    module = nn.Sequential(block, nn.Flatten(2), nn.Linear(8 * 16, 3)).double().eval()
    x = torch.randn(6, 2, 8, 4, 4).double()
    st.to_onnx(module, tmp_path / "n.onnx", x)
    with torch.no_grad():
        expected = module(x).numpy()
        assert (attention((x > 0).double()).std() > 0).item()
    found = reference.ReferenceEvaluator(str(tmp_path / "n.onnx")).run(None, {"x": x.numpy()})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, x: m.neuron(x)[0], "calls getitem"),
        (lambda m, x: m.neuron(m.linear(x), None), "more than one input"),
    ],
)
def test_other_forwards_are_refused(forward: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        st.to_onnx(Following(forward), tmp_path / "n.onnx", torch.rand(9, 3, 6))


def test_eventprop_is_refused() -> None:
    from spikelet.torch.export.modules import serialised  # noqa: PLC0415  # needs onnx

    x = torch.rand(3, 2, 4)
    with pytest.raises(ValueError, match="EventProp: has no steps"):
        serialised(st.EventProp(4, 2), x, x)
