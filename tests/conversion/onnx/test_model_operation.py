"""Operations apart from protobuf."""

from __future__ import annotations

from onnx import TensorProto, helper

from spikelet.conversion.onnx.model import Operation


def test_an_operation_keeps_what_its_node_says() -> None:
    made = helper.make_node(
        "Resize", ["x", "", "s"], ["y", ""], name="up", mode="nearest", axes=[2]
    )
    found = Operation(made)
    assert (found.kind, found.inputs, found.outputs) == ("Resize", ["x", "", "s"], ["y", ""])
    assert found.attributes == {"mode": "nearest", "axes": [2]}
    assert (found.used, found.made) == (["x", "s"], ["y"])
    assert found.where == "read_onnx: node 'up' (Resize)"


def test_a_node_without_a_name_is_called_as_its_output() -> None:
    made = helper.make_node("Add", ["x", "c"], ["y"], domain="ai.onnx")
    assert (Operation(made).label, Operation(made).domain) == ("node 'y' (Add)", "")
    assert Operation(made, "part").where == "read_onnx: part"


def test_control_flow_uses_what_its_bodies_use() -> None:
    outputs = [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)]
    body = helper.make_graph([helper.make_node("Relu", ["x"], ["inner"])], "then", [], outputs)
    made = helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)
    assert set(Operation(made).used) == {"c", "x", "inner"}
    assert set(Operation(made).made) == {"y", "inner"}
