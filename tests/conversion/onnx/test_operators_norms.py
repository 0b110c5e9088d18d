"""Normalisation and reduction, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.onnx_models import model, node
from torch.nn import functional as F

from spikelet.conversion.onnx.reader import read_onnx
from spikelet.layers.spiking_model import SpikingModel

rng = np.random.default_rng(1)
X = rng.normal(size=(2, 4, 3, 5)).astype(np.float32)
T = torch.tensor(X)
A4, B4, A5, B5 = (rng.normal(size=n).astype(np.float32) for n in (4, 4, 5, 5))


def outputs(made: Any, opset: int = 18, names: Any = None, **constants: Any) -> Any:
    graph, _ = read_onnx(model([made], X.shape, opset, **constants), outputs=names)
    return SpikingModel(graph).run(X, steps=1).outputs


def test_groups() -> None:
    made = node("GroupNormalization", "x s b", "y", num_groups=2)
    (found,) = outputs(made, 21, s=A4, b=B4).values()
    expected = F.group_norm(T, 2, torch.tensor(A4), torch.tensor(B4))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_layer_norm_gives_its_statistics_too() -> None:
    made = node("LayerNormalization", "x s b", "y", epsilon=1e-3)
    made.output.extend(["mean", "inverse"])
    found = outputs(made, names=["y", "mean", "inverse"], s=A5, b=B5)
    expected = F.layer_norm(T, (5,), torch.tensor(A5), torch.tensor(B5), 1e-3)
    np.testing.assert_allclose(found["y"], expected, atol=1e-5)
    np.testing.assert_allclose(found["mean"], T.mean(-1, True), atol=1e-6)
    inverse = 1 / (T.var(-1, correction=0, keepdim=True) + 1e-3).sqrt()
    np.testing.assert_allclose(found["inverse"], inverse, rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("ReduceSum", T.sum((1, 3))),
        ("ReduceMin", T.amin((1, 3))),
        ("ReduceL2", T.norm(dim=(1, 3))),
        ("ReduceLogSumExp", T.logsumexp((1, 3))),
        ("ReduceSumSquare", T.square().sum((1, 3))),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_reductions(kind: str, expected: torch.Tensor) -> None:
    (found,) = outputs(node(kind, "x a", "y", keepdims=0), a=np.array([1, -1])).values()
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_reduction_of_nothing_keeps_values() -> None:
    made = node("ReduceSum", "x a", "y", noop_with_empty_axes=1)
    ann = model([made, node("Neg", "y", "z")], X.shape, 18, a=np.zeros(0, np.int64))
    graph, _ = read_onnx(ann)
    np.testing.assert_array_equal(SpikingModel(graph).run(X, steps=1).output, -X)


def test_even_windows_of_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(LRN\): has a window of 4 channels; an odd number"):
        outputs(node("LRN", "x", "y", size=4))
