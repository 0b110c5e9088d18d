"""Load an ONNX model, check it, bring it to operators that ONNX Runtime knows, and read its nodes."""

from __future__ import annotations

import os
from typing import Any

from spikelet._util.extras import extra
from spikelet.conversion.building import ERRORS

READER = "read_onnx"
OLDEST = 7  # version of the operators; ONNX Runtime runs no older ones


def loaded(model: Any) -> Any:
    """Return a model with its local functions inlined, of version 7 of the operators or later.

    Parameters
    ----------
    model : path or onnx.ModelProto

    Raises
    ------
    TypeError, ValueError
        If it is neither, or not valid.
    ImportError
        If onnx or onnxruntime is missing.
    """
    onnx = extra("onnx", READER, "onnx")
    extra("onnxruntime", READER, "onnx")
    inliner = extra("onnx.inliner", READER, "onnx")
    protobuf = extra("google.protobuf.message", READER, "onnx")
    damaged = (*ERRORS, protobuf.Error, onnx.checker.ValidationError)
    to_check = model
    if isinstance(model, str | os.PathLike):
        to_check = os.fspath(model)  # a file may be larger than a message, which ends at 2 GB
        try:
            model = onnx.load(model)
        except damaged as error:
            raise ValueError(f"{READER}: '{to_check}' is not an ONNX model ({error})") from None
    if not isinstance(model, onnx.ModelProto):
        msg = f"{READER}: model must be a path or an onnx.ModelProto, got {type(model).__name__}"
        raise TypeError(msg)
    try:
        onnx.checker.check_model(to_check)
    except damaged as error:
        raise ValueError(f"{READER}: the model is not valid: {error}") from None
    if model.functions:
        model = inliner.inline_local_functions(model)
    return model if version_of(model) >= OLDEST else _upgraded(onnx, model)


def version_of(model: Any) -> int:
    """Return the version of ONNX's own operators that a model uses."""
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1)


def _upgraded(onnx: Any, model: Any) -> Any:
    """Convert an old model to version 7 of the operators."""
    converter = extra("onnx.version_converter", READER, "onnx")
    known = {i.name for i in model.graph.input}
    try:
        model = onnx.shape_inference.infer_shapes(model)
        for tensor in model.graph.initializer:  # the converter knows shapes of inputs only
            if tensor.name not in known:
                about = (tensor.name, tensor.data_type, tensor.dims)
                model.graph.input.append(onnx.helper.make_tensor_value_info(*about))
        _align_operands(model.graph)
        return converter.convert_version(model, OLDEST)
    except (*ERRORS, onnx.shape_inference.InferenceError) as error:
        msg = (
            f"{READER}: model must use version {OLDEST} or later of ONNX's operators, got {version_of(model)}, and "
            f"onnx.version_converter cannot convert it ({error}); export it again with opset_version=18"
        )
        raise ValueError(msg) from None


def _align_operands(graph: Any) -> None:
    """Align weights with the axis of the other operand from which on they broadcast, as later versions want them.

    The converter cannot do it, nor for the slopes of PRelu, which are those of the channels.
    """
    shapes = {i.name: i.type.tensor_type.shape.dim for i in (*graph.value_info, *graph.input)}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        attributes = {a.name: a for a in node.attribute}
        is_old = {"axis", "broadcast"} <= set(attributes)
        if not (node.op_type == "PRelu" or is_old) or not set(node.input) <= set(shapes):
            continue
        axis = attributes["axis"].i if is_old else 1
        first, second = (shapes[name] for name in node.input)
        missing = len(first) - axis % max(len(first), 1) - len(second)
        if is_old:
            node.attribute.remove(attributes["axis"])
        if node.input[1] in weights and missing > 0:
            weights[node.input[1]].dims.extend([1] * missing)
            for _ in range(missing):
                second.add(dim_value=1)


class Operation:
    """One operation.

    Parameters
    ----------
    node : onnx.NodeProto
    label : str, optional
        What error messages call it. By default it has the name of the node, or of its first output.

    Attributes
    ----------
    kind, domain : str
        The operator, and whose it is; "" is ONNX.
    inputs, outputs : list of str
        Names of values, "" for an omitted one.
    attributes : dict
        Texts are of type str.
    where : str
        The operation, for error messages.
    """

    def __init__(self, node: Any, label: str = "") -> None:
        value_of = extra("onnx.helper", READER, "onnx").get_attribute_value
        self.node, self.name, self.kind = node, node.name, node.op_type
        self.domain = "" if node.domain == "ai.onnx" else node.domain
        self.inputs, self.outputs = list(node.input), list(node.output)
        self.attributes = {a.name: _decoded(value_of(a)) for a in node.attribute}
        name = node.name or next((o for o in node.output if o), "")
        self.label = label or f"node '{name}' ({node.op_type})"
        self.where = f"{READER}: {self.label}"

    @property
    def used(self) -> list[str]:
        """Names of the values that it uses, also in the bodies of control flow."""
        return [i for i in self.inputs if i] + [n for g in _bodies(self.node) for n in _needed(g)]

    @property
    def made(self) -> list[str]:
        """Names of the values that it defines, also in the bodies of control flow."""
        inner = [o for graph in _bodies(self.node) for node in graph.node for o in node.output]
        return [o for o in (*self.outputs, *inner) if o]


def _decoded(value: Any) -> Any:
    """Return an attribute with its texts decoded."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return [_decoded(v) for v in value] if isinstance(value, list) else value


def _bodies(node: Any) -> list[Any]:
    return [a.g for a in node.attribute if a.HasField("g")]


def _needed(graph: Any) -> list[str]:
    """Return the names that the nodes of a graph use."""
    names = [i for node in graph.node for i in node.input if i] + [o.name for o in graph.output]
    return names + [name for node in graph.node for g in _bodies(node) for name in _needed(g)]
