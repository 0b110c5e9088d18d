"""Small ONNX models."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def model(
    nodes: list[Any],
    shape: tuple[Any, ...] = ("batch", 3, 8, 7),
    opset: int = 17,
    **constants: Any,
) -> onnx.ModelProto:
    """Make a model whose input is "x" and whose output is that of its last node."""
    graph = helper.make_graph(
        nodes,
        "ann",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, ["any"])],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def node(kind: str, inputs: str, output: str, name: str | None = None, **attributes: Any) -> Any:
    return helper.make_node(
        kind, inputs.split(), [output], name=name or f"/{output}/{kind}", **attributes
    )


def bn(**changes: Any) -> onnx.ModelProto:
    parameters = {"gamma": np.ones(3), "beta": np.zeros(3), "mu": np.zeros(3), "var": np.ones(3)}
    parameters |= changes
    return model(
        [node("BatchNormalization", "x gamma beta mu var", "y")],
        **{k: np.asarray(v, np.float32) for k, v in parameters.items()},
    )
