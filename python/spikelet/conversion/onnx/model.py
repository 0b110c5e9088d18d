"""Load an ONNX model, and check it."""

from __future__ import annotations

import os
from typing import Any

from spikelet._util.extras import extra
from spikelet.conversion.building import ERRORS

__all__ = ["READER", "loaded"]

READER = "read_onnx"


def loaded(model: Any) -> Any:
    """Return a model with its local functions unfolded.

    Parameters
    ----------
    model : path or onnx.ModelProto

    Raises
    ------
    TypeError, ValueError
        If it is neither, or not valid.
    """
    onnx = extra("onnx", READER, "onnx")
    inliner = extra("onnx.inliner", READER, "onnx")
    protobuf = extra("google.protobuf.message", READER, "onnx")
    if isinstance(model, str | os.PathLike):
        try:
            model = onnx.load(model)
        except (*ERRORS, protobuf.DecodeError, onnx.checker.ValidationError) as error:
            msg = f"{READER}: '{os.fspath(model)}' is not an ONNX model ({error})"
            raise ValueError(msg) from None
    if not isinstance(model, onnx.ModelProto):
        msg = f"{READER}: model must be a path or an onnx.ModelProto, got {type(model).__name__}"
        raise TypeError(msg)
    try:
        onnx.checker.check_model(model)
    except (*ERRORS, onnx.checker.ValidationError) as error:
        raise ValueError(f"{READER}: the model is not valid: {error}") from None
    return inliner.inline_local_functions(model) if model.functions else model
