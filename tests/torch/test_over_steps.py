"""Modules that use several steps at once in ONNX files, alone and between others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import spikelet.torch as st

reference = pytest.importorskip("onnx.reference")

from spikelet.torch.over_steps import parts_of  # needs onnx


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
