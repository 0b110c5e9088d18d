"""Models are loaded with external data, and local functions are unfolded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.support.onnx_models import model, node

from spikelet.conversion.onnx.model import loaded


def test_weights_in_a_file_beside_the_model(tmp_path: Path) -> None:
    w = np.random.default_rng(0).normal(size=(168, 300)).astype(np.float32)
    ann = model([node("Flatten", "x", "a"), node("MatMul", "a w", "y")], w=w)
    path = tmp_path / "ann.onnx"
    onnx.save(ann, path, save_as_external_data=True, location="weights.bin")
    assert path.stat().st_size < 10_000
    found = onnx.numpy_helper.to_array(loaded(path).graph.initializer[0])
    np.testing.assert_array_equal(found, w)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises((ValueError, FileNotFoundError)):
        loaded(path)


def test_local_functions_are_unfolded() -> None:
    ann = model([helper.make_node("Twice", ["x"], ["y"], domain="own")])
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    ann.functions.append(
        helper.make_function("own", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    )
    ann.opset_import.append(helper.make_opsetid("own", 1))
    assert [n.op_type for n in loaded(ann).graph.node] == ["Add"]
