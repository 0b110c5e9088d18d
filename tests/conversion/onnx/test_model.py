"""Models are loaded with external data, and local functions are unfolded."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from tests.support.onnx_models import model, node

from spikelet.conversion.onnx.model import OLDEST, loaded, version_of


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


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_both_packages_are_needed(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(
        ImportError, match=rf"^read_onnx needs {missing}: pip install 'spikelet\[onnx\]'"
    ):
        loaded(model([node("Relu", "x", "y")]))


def test_versions() -> None:
    relu = [node("Relu", "x", "y")]
    assert version_of(model(relu, opset=13)) == 13
    assert version_of(loaded(model(relu, opset=6))) == OLDEST
    kept = model(relu, opset=7)
    assert loaded(kept) is kept
