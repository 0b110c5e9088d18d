"""Operators of ONNX Runtime, in terms of ONNX's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from tests.support.onnx_models import model
from torch.nn import functional as F

from spikelet.conversion.onnx.reader import read_onnx
from spikelet.layers.spiking_model import SpikingModel

rng = np.random.default_rng(4)
X = rng.normal(size=(2, 3, 8, 7)).astype(np.float32)
T = torch.tensor(X)


def values(*shape: int) -> Any:
    return (rng.normal(size=shape) * 0.5).astype(np.float32)


def output(kind: str, inputs: str, constants: Any, **attributes: Any) -> Any:
    node = helper.make_node(kind, inputs.split(), ["y"], domain="com.microsoft", **attributes)
    ann = model([node], (2, 3, 8, 7), **constants)
    ann.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    graph, _ = read_onnx(ann)
    return SpikingModel(graph).run(X, steps=1).output


W, B, GAMMA, BETA, M = values(4, 3, 3, 3), values(4), values(7), values(7), values(7, 7)
tW, tB, tG, tBeta, tM = map(torch.tensor, (W, B, GAMMA, BETA, M))
CASES: dict[str, tuple[Any, torch.Tensor]] = {
    "FusedConv": (
        ("x w b", {"w": W, "b": B}, {"activation": "LeakyRelu", "activation_params": [0.2]}),
        F.leaky_relu(F.conv2d(T, tW, tB), 0.2),
    ),
    "FusedMatMul": (("x m", {"m": M}, {"transB": 1, "alpha": 0.5}), 0.5 * T @ tM.T),
    "Gelu": (("x", {}, {}), F.gelu(T)),
    "BiasGelu": (("x g", {"g": GAMMA}, {}), F.gelu(T + tG)),
    "FastGelu": (("x", {}, {}), F.gelu(T, approximate="tanh")),
    "QuickGelu": (("x", {}, {}), T * torch.sigmoid(1.702 * T)),
    "SkipLayerNormalization": (
        ("x x g b", {"g": GAMMA, "b": BETA}, {"epsilon": 1e-3}),
        F.layer_norm(2 * T, (7,), tG, tBeta, 1e-3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(CASES))
def test_fused_operators(kind: str) -> None:
    (inputs, constants, attributes), expected = CASES[kind]
    found = output(kind, inputs, constants, **attributes)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_operators_of_unknown_domains_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"\(Own\): of the domain com\.microsoft cannot be convert"
    ):
        output("Own", "x", {})
