"""Graphs of ONNX under construction."""

from __future__ import annotations

import numpy as np
import pytest
import torch

onnx = pytest.importorskip("onnx")

from spikelet.torch.export.writer import OPSET, Writer, array_of  # needs onnx


def test_constants_are_shared_and_names_unique() -> None:
    writer = Writer(np.dtype(np.float32), "p/")
    a, b, c = (
        writer.constant([1.0, 2.0]),
        writer.constant(np.array([1, 2])),
        writer.constant([[1.0, 2.0]]),
    )
    assert a == b != c
    assert writer.ints(1, 2) != a  # of another type
    assert all(name.startswith("p/") for name in (a, c))
    assert writer.add("Add", a, c) != writer.add("Add", a, c)
    assert writer.element == onnx.TensorProto.FLOAT
    assert Writer(np.dtype(np.float64)).element == onnx.TensorProto.DOUBLE


def test_a_graph_is_checked() -> None:
    def model(operator: str) -> object:
        writer = Writer(np.dtype(np.float32))
        writer.add(operator, "x", writer.constant(2.0), outputs=["y"])
        info = onnx.helper.make_tensor_value_info
        ends = [info(name, writer.element, ["n"]) for name in ("x", "y")]
        return writer.model(writer.graph("g", ends[:1], ends[1:]))

    made = model("Mul")
    assert made.opset_import[0].version == OPSET  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="to_onnx: the graph: is not valid"):
        model("Nothing")


def test_arrays_of_parameters() -> None:
    found = array_of(torch.nn.Parameter(torch.ones(2)))
    assert found.dtype == np.float32
    assert found.tolist() == [1, 1]
