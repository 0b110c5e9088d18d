"""Graphs of ONNX under construction."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from spikelet.conversion.to_onnx.builder import OPSET, Builder  # needs onnx


def test_constants_are_shared_and_names_unique() -> None:
    g = Builder(np.dtype(np.float32), "p/")
    a, b, c = (
        g.constant([1.0, 2.0]),
        g.constant(np.array([1, 2])),
        g.constant([[1.0, 2.0]]),
    )
    assert a == b != c
    assert g.ints(1, 2) != a  # of another type
    assert all(name.startswith("p/") for name in (a, c))
    assert g.add("Add", a, c) != g.add("Add", a, c)
    assert g.element == onnx.TensorProto.FLOAT
    assert Builder(np.dtype(np.float64)).element == onnx.TensorProto.DOUBLE


def test_a_graph_is_checked() -> None:
    def model(operator: str) -> object:
        g = Builder(np.dtype(np.float32))
        g.add(operator, "x", g.constant(2.0), outputs=["y"])
        info = onnx.helper.make_tensor_value_info
        ends = [info(name, g.element, ["n"]) for name in ("x", "y")]
        return g.model(g.graph("g", ends[:1], ends[1:]), "f")

    made = model("Mul")
    assert made.opset_import[0].version == OPSET  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="f: the graph must be valid ONNX"):
        model("Nothing")
