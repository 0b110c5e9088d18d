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


FORWARDS: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "sum": lambda m, x: m.neuron(m.linear(x)) + x,
    "numbers": lambda m, x: 1 - 2 * m.neuron(m.linear(x) / 0.5),
    "parameter": lambda m, x: m.neuron(x * m.scale),
    "joined": lambda m, x: torch.cat([m.neuron(x), m.other(x)], dim=-1),
    "mean": lambda m, x: m.neuron(x).mean(0),
    "sum of two": lambda m, x: m.neuron(x).sum((0, -1), keepdim=True),
    "flat": lambda m, x: torch.flatten(m.neuron(x), 1),
    "in place": lambda m, x: added(m.neuron(m.linear(x)), m.other(x)),
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


class Flat(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.flatten(x, 2)


def kept_by_a_module(module: Any, y: torch.Tensor) -> torch.Tensor:
    z = module.flat(y)
    z += 1
    return y + z


def rectified(module: Any, y: torch.Tensor) -> torch.Tensor:
    return module.rectifier(y) + y


def test_layers_in_place_whose_input_is_not_read_again(tmp_path: Path) -> None:
    module = Following(lambda m, x: m.rectifier(m.linear(x)) + x)
    x = torch.randn(9, 3, 6)
    st.to_onnx(module, tmp_path / "n.onnx", x)
    found = reference.ReferenceEvaluator(str(tmp_path / "n.onnx")).run(None, {"x": x.numpy()})[0]
    np.testing.assert_allclose(found, module(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    changing = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    for block in (st.PotentialShortcut(changing), st.SEWBlock(changing)):
        with pytest.raises(ValueError, match="changes a tensor in place that is read again"):
            st.to_onnx(block, tmp_path / "n.onnx", x)
    given = x.clone()
    st.to_onnx(changing, tmp_path / "n.onnx", x)
    assert torch.equal(x, given)  # the example is not modified


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, x: m.neuron(x)[0], "calls getitem"),
        (lambda m, x: m.neuron(m.linear(x), None), "more than one input"),
        (lambda m, x: m.linear(m.neuron(x).add_(m.other(x))), "calls add_"),
        (
            lambda m, x: kept(m.neuron(x)),
            "changes a tensor in place that is read again; write y = y",
        ),
        (lambda m, x: kept_flat(m.neuron(x)), "changes a tensor in place that is read again"),
        (
            lambda m, x: kept_by_a_module(m, m.neuron(x)),
            "changes a tensor in place that is read again",
        ),
        (lambda m, x: added(x, 1), "changes a tensor in place that is read again"),
        (lambda m, x: rectified(m, m.linear(x)), "changes a tensor in place that is read again"),
    ],
)
def test_other_forwards_are_refused(forward: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        st.to_onnx(Following(forward), tmp_path / "n.onnx", torch.rand(9, 3, 6))


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


def test_eventprop_is_refused() -> None:
    from spikelet.torch.export.modules import serialised  # noqa: PLC0415  # needs onnx

    x = torch.rand(3, 2, 4)
    with pytest.raises(ValueError, match="EventProp: has no steps"):
        serialised(st.EventProp(4, 2), x, x)
