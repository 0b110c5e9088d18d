"""Load an ONNX model, check it, and bring it to operators that ONNX Runtime knows."""

from __future__ import annotations

import os
from typing import Any

from spikelet._util.extras import extra
from spikelet.conversion.building import ERRORS

__all__ = ["OLDEST", "READER", "loaded", "version_of"]

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
    try:
        return converter.convert_version(_with_aligned_slopes(onnx, model), OLDEST)
    except ERRORS as error:
        msg = (
            f"{READER}: model must use version {OLDEST} or later of ONNX's operators, got {version_of(model)}, and "
            f"onnx.version_converter cannot convert it ({error}); export it again with opset_version=18"
        )
        raise ValueError(msg) from None


def _with_aligned_slopes(onnx: Any, model: Any) -> Any:
    """Align the slopes of PRelu with the channels, which the converter leaves out."""
    aligned = onnx.ModelProto()
    aligned.CopyFrom(model)
    known = onnx.shape_inference.infer_shapes(model).graph
    ranks = {i.name: len(i.type.tensor_type.shape.dim) for i in (*known.value_info, *known.input)}
    ranks |= {i.name: len(i.dims) for i in known.initializer}
    del aligned.graph.node[:]
    for node in model.graph.node:
        if node.op_type == "PRelu" and ranks.get(node.input[1]) == 1:
            slopes = f"{node.output[0]}%slopes"
            axes = list(range(1, ranks.get(node.input[0], 0) - 1))
            unsqueezed = onnx.helper.make_node("Unsqueeze", node.input[1:], [slopes], axes=axes)
            aligned.graph.node.extend([unsqueezed] if axes else [])
            node = onnx.helper.make_node("PRelu", [node.input[0], slopes if axes else node.input[1]], node.output, node.name)  # fmt: skip
        aligned.graph.node.append(node)
    return aligned
