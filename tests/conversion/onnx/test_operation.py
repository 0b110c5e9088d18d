"""Operations apart from protobuf."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper

from spikelet.conversion.onnx.operation import operations


def test_operations_keep_what_a_node_says() -> None:
    made = helper.make_node(
        "Resize", ["x", "", "s"], ["y", ""], name="up", mode="nearest", axes=[2]
    )
    (found,) = operations(onnx, [made])
    assert (found.kind, found.inputs, found.outputs) == ("Resize", ("x", "", "s"), ("y", ""))
    assert found.attributes == {"mode": "nearest", "axes": [2]}
    assert [found.given(k) for k in range(4)] == [True, False, True, False]
    assert found.label == "node 'up' (Resize)"
    back, constants = found.proto(onnx)
    assert (back.op_type, list(back.input), list(back.output)) == (
        "Resize",
        ["x", "", "s"],
        ["y", ""],
    )
    assert {a.name: helper.get_attribute_value(a) for a in back.attribute} == {
        "mode": b"nearest",
        "axes": [2],
    }
    assert constants == []


def test_constants_take_the_place_of_names() -> None:
    (found,) = operations(onnx, [helper.make_node("Add", ["x", "c"], ["y"])])
    changed = found.changed(inputs=("x", np.float32([1, 2])))
    node, (constant,) = changed.proto(onnx)
    assert node.input[1] == constant.name
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(constant), [1, 2])
    assert found.inputs == ("x", "c")
    assert found.label == "node 'y' (Add)"
