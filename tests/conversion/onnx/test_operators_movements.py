"""Operators that move values, against ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator
from tests.support.onnx_models import model, node

from spikelet import layers as L
from spikelet.conversion.onnx.reader import read_onnx
from spikelet.layers.spiking_model import SpikingModel

X = np.random.default_rng(0).normal(size=(2, 4, 6, 7)).astype(np.float32)
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "flip": (node("Slice", "x a b c s", "y"), {"a": [-1], "b": [-99], "c": [3], "s": [-1]}),
    "part": (node("Slice", "x a b c", "y"), {"a": [1, 2], "b": [99, -1], "c": [1, -1]}),
    "gather": (node("Gather", "x i", "y", axis=1), {"i": [[3, 0], [-1, 1]]}),
    "elements": (node("GatherElements", "x i", "y", axis=3), {"i": np.full((2, 4, 6, 2), -2)}),
    "given": (node("GatherND", "x i", "y", batch_dims=1), {"i": [[[1, 2], [3, 3]]] * 2}),
    "tile": (node("Tile", "x r", "y"), {"r": [1, 2, 1, 3]}),
    "trilu": (node("Trilu", "x k", "y", upper=0), {"k": np.array(1)}),
    "depth": (node("DepthToSpace", "x", "y", blocksize=2, mode="CRD"), {}),
    "space": (node("SpaceToDepth", "x", "y", blocksize=1), {}),
    "crop": (node("CenterCropPad", "x s", "y", axes=[2, 3]), {"s": [4, 9]}),
    "reverse": (node("ReverseSequence", "x n", "y", time_axis=2, batch_axis=1), {"n": [1, 3, 6, 2]}),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(CASES))
def test_movements(name: str) -> None:
    made, constants = CASES[name]
    values = {k: np.asarray(v, np.int64) for k, v in constants.items()}
    ann = model([node("Relu", "x", "relu"), made], X.shape, 18, **values)
    ann.graph.node[1].input[0] = "relu"
    graph, _ = read_onnx(ann)
    assert all(isinstance(n.layer, L.Movement | L.ReLU) for n in graph)
    expected = ReferenceEvaluator(ann).run(None, {"x": X})[0]
    np.testing.assert_array_equal(SpikingModel(graph).run(X, steps=1).output, expected)


def test_splits_may_be_empty_or_uneven() -> None:
    made = node("Split", "x s", "p", axis=1)
    made.output[:] = ["p", "q", "r"]
    ann = model([made, node("Concat", "q r p", "y", axis=1)], X.shape, 18, s=np.array([3, 0, 1]))
    graph, _ = read_onnx(ann)
    found = SpikingModel(graph).run(X, steps=1).output
    np.testing.assert_array_equal(found, np.concatenate([X[:, 3:], X[:, :3]], 1))


def test_values_are_not_rounded_in_silence() -> None:
    made = node("Cast", "x", "y", to=TensorProto.INT32)
    with pytest.raises(ValueError, match=r"\(Cast\): rounds values to int32; values must remain"):
        read_onnx(model([made], X.shape))
